//! Invitations: single-use codes with which a person takes up their place.

use chrono::{DateTime, Duration, Utc};
use kith_platform::id::{PersonId, TenantId};

use super::AccountId;
use super::tenant::Slug;

/// How long a code may be used.
pub const LIFETIME: Duration = Duration::days(14);

/// How many wrong passwords spend a code that is open: each says that the address has an account.
pub const MOST_WRONG_TRIES: i32 = 5;

/// An invitation that was found by its code.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub tenant: TenantId,
    pub slug: Slug,
    pub person: PersonId,
    pub expires_at: DateTime<Utc>,
    /// Who took it up.
    pub taken_by: Option<AccountId>,
}

impl Invitation {
    /// Whether somebody may still take it up.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.taken_by.is_none() && now < self.expires_at
    }
}
