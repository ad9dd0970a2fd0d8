//! An introduction: a Team and a giver getting to know one another.
//!
//! What one side said is never shown to the other before both know it of one another (MATCH-40). So there is no one
//! state: there is what each side said, what each side sees ([`Introduction::view_for`]) and what others are told
//! ([`Introduction::told`]). A "no" shows the other side nothing until that side has answered too, and until then looks
//! exactly like no answer at all.

use chrono::NaiveDate;
use kith_platform::error::Violation;

use super::{Change, IntroductionId, OpportunityId, PersonId, Refused, TeamId};

/// Who of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The Team, through its Owner.
    Team,
    /// The giver.
    Giver,
}

/// Getting to know one another in practice, in the half-open period `[valid_from, valid_until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Sessions, 1 to 3.
    pub sessions: i16,
    /// First day on which a session may be.
    pub valid_from: NaiveDate,
    /// First day on which none may be any more.
    pub valid_until: NaiveDate,
}

/// Longest period of a trial, in days.
pub const TRIAL_MAX_DAYS: i64 = 92;

impl Trial {
    /// Reads a number of sessions.
    pub fn sessions(sessions: i32) -> Result<i16, Violation> {
        match i16::try_from(sessions) {
            Ok(sessions @ 1..=3) => Ok(sessions),
            _ => Err(wrong("sessions", "has to be 1 to 3")),
        }
    }

    /// Checks that the period is one, and not too long.
    pub fn new(sessions: i16, valid_from: NaiveDate, valid_until: NaiveDate) -> Result<Self, Violation> {
        let days = (valid_until - valid_from).num_days();
        if days <= 0 {
            return Err(wrong("valid_until", "has to come after valid_from"));
        }
        if days > TRIAL_MAX_DAYS {
            return Err(wrong("valid_until", "has to come at most 92 days after valid_from"));
        }
        Ok(Self { sessions, valid_from, valid_until })
    }
}

/// What is wrong with a field of a trial.
fn wrong(field: &str, description: &str) -> Violation {
    Violation { field: field.to_owned(), description: description.to_owned() }
}

/// Whether a side wants to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No, which needs no reason.
    No,
}

/// What one side has said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Would like to meet.
    pub interested: bool,
    /// The trial that it agreed to last.
    pub trial: Option<Trial>,
    /// Whether it wants to go on.
    pub answer: Option<Answer>,
}

/// Where an introduction stands, for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Only one's own side has said yes, as far as one may know.
    Interested,
    /// Both would like to meet.
    Mutual,
    /// A trial is agreed.
    TrialAgreed,
    /// Both want to go on.
    Welcome,
    /// It has ended.
    Ended,
}

impl State {
    /// How far along it is: the version of what somebody sees, which changes only with what they see.
    pub fn step(self) -> i64 {
        match self {
            Self::Interested => 1,
            Self::Mutual => 2,
            Self::TrialAgreed => 3,
            Self::Welcome => 4,
            Self::Ended => 5,
        }
    }
}

/// What somebody may know of an introduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Where it stands.
    pub state: State,
    /// The trial, once both agreed to it.
    pub trial: Option<Trial>,
}

/// Two sides getting to know one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Its id.
    pub id: IntroductionId,
    /// What brought them together.
    pub opportunity_id: OpportunityId,
    /// The one side.
    pub team_id: TeamId,
    /// The other side.
    pub giver_person_id: PersonId,
    /// What the Team's side said.
    pub team: Said,
    /// What the giver said.
    pub giver: Said,
    /// The trial that both agreed to while neither had said no.
    pub agreed: Option<Trial>,
    /// Raised with every change. Never shown: it would tell that the other side said something.
    pub version: i64,
}

impl Introduction {
    /// One side is the first to say that it would like to meet.
    pub fn begin(
        id: IntroductionId,
        opportunity_id: OpportunityId,
        team_id: TeamId,
        giver_person_id: PersonId,
        side: Side,
    ) -> Self {
        let mut introduction = Self {
            id,
            opportunity_id,
            team_id,
            giver_person_id,
            team: Said::default(),
            giver: Said::default(),
            agreed: None,
            version: 1,
        };
        introduction.says_mut(side).interested = true;
        introduction
    }

    fn says(&self, side: Side) -> &Said {
        match side {
            Side::Team => &self.team,
            Side::Giver => &self.giver,
        }
    }

    fn says_mut(&mut self, side: Side) -> &mut Said {
        match side {
            Side::Team => &mut self.team,
            Side::Giver => &mut self.giver,
        }
    }

    fn other_says(&self, side: Side) -> &Said {
        match side {
            Side::Team => &self.giver,
            Side::Giver => &self.team,
        }
    }

    /// What a side may know; nothing at all before it has shown interest itself.
    pub fn view_for(&self, side: Side) -> Option<View> {
        let (own, other) = (self.says(side), self.other_says(side));
        if !own.interested {
            return None;
        }
        let going_on = if self.agreed.is_some() { State::TrialAgreed } else { State::Mutual };
        let state = match (other.interested, own.answer, other.answer) {
            (false, _, _) => State::Interested,
            // Before one's own answer, the other's is as good as not given.
            (true, None, _) | (true, Some(Answer::Yes), None) => going_on,
            (true, Some(Answer::Yes), Some(Answer::Yes)) => State::Welcome,
            (true, Some(Answer::No), _) | (true, Some(Answer::Yes), Some(Answer::No)) => State::Ended,
        };
        Some(View { state, trial: self.agreed })
    }

    /// What others are told; nothing before both would like to meet. That it ended is told only once both sides see it,
    /// so that nobody learns of a "no" by a detour, and never by whom. A meeting that led to no trial just rests.
    pub fn told(&self) -> Option<View> {
        let (team, giver) = (self.view_for(Side::Team)?, self.view_for(Side::Giver)?);
        if team.state == giver.state && (self.agreed.is_some() || team.state != State::Ended) {
            return (team.state != State::Interested).then_some(team);
        }
        let state = if self.agreed.is_some() { State::TrialAgreed } else { State::Mutual };
        Some(View { state, trial: self.agreed })
    }

    /// A side says that it would like to meet.
    pub fn show_interest(&mut self, side: Side) -> Change {
        if self.says(side).interested {
            return Change::Unchanged;
        }
        self.says_mut(side).interested = true;
        Change::Changed
    }

    /// A side agrees to a trial. It is agreed once both sides agreed to the same; another one is a counter-proposal and
    /// takes the place of what this side said before. Decided by what the side may know, never by what it may not.
    pub fn agree_trial(&mut self, side: Side, trial: Trial) -> Result<Change, Refused> {
        let view = self.view_for(side).ok_or(Refused::NotMutual)?;
        if self.says(side).trial == Some(trial) {
            return Ok(Change::Unchanged);
        }
        match view.state {
            State::Interested => return Err(Refused::NotMutual),
            State::TrialAgreed => return Err(Refused::TrialSettled),
            State::Welcome => return Err(Refused::AlreadyWelcome),
            State::Ended => return Err(Refused::IntroductionEnded),
            State::Mutual => {}
        }
        self.says_mut(side).trial = Some(trial);
        let other = self.other_says(side);
        if other.trial == Some(trial) && other.answer != Some(Answer::No) {
            self.agreed = Some(trial);
        }
        Ok(Change::Changed)
    }

    /// A side says whether it wants to go on: yes once a trial is agreed, no at any time from mutual interest on. A yes
    /// may become a no until the other side has said yes too; a no stays.
    pub fn conclude(&mut self, side: Side, answer: Answer) -> Result<Change, Refused> {
        let view = self.view_for(side).ok_or(Refused::NotMutual)?;
        if self.says(side).answer == Some(answer) {
            return Ok(Change::Unchanged);
        }
        match (view.state, answer) {
            (State::Interested, _) => return Err(Refused::NotMutual),
            (State::Mutual, Answer::Yes) => return Err(Refused::TrialNotAgreed),
            (State::Welcome, _) => return Err(Refused::AlreadyWelcome),
            (State::Ended, Answer::Yes) => return Err(Refused::IntroductionEnded),
            // It has ended by the other side's no already: there is nothing left to end.
            (State::Ended, Answer::No) => return Ok(Change::Unchanged),
            (State::Mutual, Answer::No) | (State::TrialAgreed, _) => {}
        }
        self.says_mut(side).answer = Some(answer);
        Ok(Change::Changed)
    }
}

#[cfg(test)]
#[path = "introduction_tests.rs"]
mod tests;
