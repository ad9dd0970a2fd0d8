//! Integrators: other systems of a co-op, with one role and no person.

use chrono::{DateTime, Utc};
use kith_platform::id::PersonId;

use super::Change;
use super::person::Role;

/// An integrator. Its id stands where a person's would, in tokens and in the audit; nobody is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrator {
    pub id: PersonId,
    pub display_name: String,
    pub role: Role,
    pub added_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Integrator {
    /// Takes everything from it.
    pub fn revoke(&mut self, now: DateTime<Utc>) -> Change {
        if self.revoked_at.is_some() {
            return Change::Unchanged;
        }
        self.revoked_at = Some(now);
        Change::Changed
    }
}
