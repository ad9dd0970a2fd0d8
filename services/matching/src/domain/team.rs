//! What matching keeps of a Team.

use chrono::NaiveDate;

use super::{PersonId, TeamId};

/// A Team, as `teams` tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Who speaks for it.
    pub owner: PersonId,
    /// First day on which a signed Promise holds.
    pub promise_from: Option<NaiveDate>,
}

impl Team {
    /// Whether anything of it may be shared at all: the Promise comes first.
    pub fn may_share_on(&self, day: NaiveDate) -> bool {
        self.promise_from.is_some_and(|from| from <= day)
    }
}
