//! How somebody likes to be reached, and what helps them to understand and be understood.

use chrono::{DateTime, Utc};
use kith_platform::id::PersonId;

/// A way to reach somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// They have not said.
    #[default]
    Unsaid,
    Email,
    Phone,
    Chat,
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Communication {
    pub person: PersonId,
    pub preferred: Channel,
    /// In their own words.
    pub needs: String,
    /// None where they never said anything.
    pub updated_at: Option<DateTime<Utc>>,
}

impl Communication {
    /// Of somebody who has said nothing.
    pub fn unsaid(person: PersonId) -> Self {
        Self { person, preferred: Channel::Unsaid, needs: String::new(), updated_at: None }
    }
}
