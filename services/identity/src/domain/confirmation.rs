//! An address that was given with an invitation and is to be confirmed before anything is taken up.

use chrono::{DateTime, Duration, Utc};
use kith_platform::id::Uuid;

use super::account::Email;
use super::invitation::Invitation;

/// How long an address may be confirmed.
pub const LIFETIME: Duration = Duration::hours(24);

/// How often mail is asked for with one code; then it has to be opened anew by who may invite.
pub const MOST_MAILS: i32 = 5;

/// What was given with the invitation.
#[derive(Clone)]
pub struct Given {
    pub address: Email,
    /// argon2id, as a PHC string.
    pub password_hash: String,
}

/// A confirmation that was found by its code.
#[derive(Clone)]
pub struct Confirmation {
    pub id: Uuid,
    pub expires_at: DateTime<Utc>,
    /// None once it is confirmed.
    pub given: Option<Given>,
    pub invitation: Invitation,
    pub invitation_hash: Vec<u8>,
}

impl Confirmation {
    /// Whether it can still take effect.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at && self.invitation.is_open(now)
    }
}
