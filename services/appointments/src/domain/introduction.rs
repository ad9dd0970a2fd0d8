//! What this service keeps of an introduction: the trial that was agreed.

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::{IntroductionId, IntroductionState, TeamId};

/// An introduction, as `matching` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Its id.
    pub id: IntroductionId,
    /// The Team.
    pub team_id: TeamId,
    /// The giver.
    pub giver: PersonId,
    /// Where it stands.
    pub state: IntroductionState,
    /// Once agreed.
    pub trial: Option<Trial>,
}

/// An agreed trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How many sessions.
    pub sessions: i32,
    /// First day on which one may be.
    pub valid_from: NaiveDate,
    /// First day on which none may be any more.
    pub valid_until: NaiveDate,
}

impl Introduction {
    /// The trial, as long as it may be planned for: an ended introduction gives none.
    pub fn open_trial(&self) -> Option<Trial> {
        match self.state {
            IntroductionState::TrialAgreed | IntroductionState::Welcome => self.trial,
            IntroductionState::Mutual | IntroductionState::Ended => None,
        }
    }
}

impl Trial {
    /// Whether a session may be on a day.
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && day < self.valid_until
    }
}
