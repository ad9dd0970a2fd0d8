//! Series: a plan that one side proposes and the other accepts.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::pattern::Pattern;
use super::{Outcome, Refused, SeriesId, SeriesState, Settlement, Side, TeamId, VisitKind};

/// A plan for visits, or for a single one.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its id.
    pub id: SeriesId,
    /// The Team.
    pub team_id: TeamId,
    /// The giver.
    pub giver: PersonId,
    /// What for.
    pub kind: VisitKind,
    /// When.
    pub pattern: Pattern,
    /// Where it stands.
    pub state: SeriesState,
    /// Who proposed it.
    pub proposed_by: Side,
    /// When it was proposed.
    pub proposed_at: DateTime<Utc>,
    /// When it was answered.
    pub answered_at: Option<DateTime<Utc>>,
    /// Rises with every change.
    pub version: i64,
}

impl Series {
    /// Whether another proposal under the same id says the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.team_id == other.team_id
            && self.giver == other.giver
            && self.kind == other.kind
            && self.pattern == other.pattern
            && self.proposed_by == other.proposed_by
    }

    /// The other side says yes or no. `promise_missing` says that this would be paid support without a Promise.
    pub fn answer(
        &mut self,
        by: Side,
        accept: bool,
        promise_missing: bool,
        occurred_at: DateTime<Utc>,
    ) -> Result<Outcome, Refused> {
        if by == self.proposed_by {
            return Err(Refused::SameSide);
        }
        let answer = if accept { SeriesState::Agreed } else { SeriesState::Declined };
        if self.state == answer {
            return Ok(Outcome::Unchanged);
        }
        if self.state != SeriesState::Proposed {
            return Err(Refused::AlreadyAnswered { state: self.state });
        }
        if accept && promise_missing {
            return Err(Refused::PromiseNotSigned);
        }
        self.state = answer;
        self.answered_at = Some(occurred_at);
        Ok(Outcome::Changed)
    }

    /// The day on which terms and Promise are looked at when both sides agree: its first one, or the day of the answer
    /// where it began before.
    pub fn agreed_from(&self, answered_on: NaiveDate) -> NaiveDate {
        self.pattern.starts_local.date().max(answered_on)
    }

    /// Refuses to plan visits of a series that is not agreed.
    pub fn check_agreed(&self) -> Result<(), Refused> {
        if self.state == SeriesState::Agreed { Ok(()) } else { Err(Refused::SeriesNotAgreed) }
    }
}

/// Whether a day's support would be paid without a Promise that holds.
pub fn promise_missing(settlement: Option<Settlement>, promise_holds: bool) -> bool {
    settlement == Some(Settlement::Money) && !promise_holds
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use chrono_tz::Tz;

    use super::*;

    fn series() -> Series {
        let starts_local = NaiveDate::from_ymd_opt(2026, 3, 2).and_then(|day| day.and_hms_opt(9, 0, 0));
        Series {
            id: SeriesId::default(),
            team_id: TeamId::default(),
            giver: PersonId::default(),
            kind: VisitKind::Support,
            pattern: Pattern::new(starts_local.expect("a time"), 60, None, Tz::Europe__London)
                .expect("a pattern"),
            state: SeriesState::Proposed,
            proposed_by: Side::Giver,
            proposed_at: DateTime::UNIX_EPOCH,
            answered_at: None,
            version: 1,
        }
    }

    #[test]
    fn the_other_side_answers_once_and_may_repeat_itself() {
        let mut series = series();
        let at = DateTime::UNIX_EPOCH;
        assert_eq!(series.check_agreed(), Err(Refused::SeriesNotAgreed));
        assert_eq!(series.answer(Side::Giver, true, false, at), Err(Refused::SameSide));
        assert_eq!(series.answer(Side::Team, true, true, at), Err(Refused::PromiseNotSigned));
        assert_eq!(series.answer(Side::Team, true, false, at), Ok(Outcome::Changed));
        assert_eq!(series.answer(Side::Team, true, true, at), Ok(Outcome::Unchanged));
        assert_eq!(
            series.answer(Side::Team, false, false, at),
            Err(Refused::AlreadyAnswered { state: SeriesState::Agreed })
        );
        assert_eq!(series.check_agreed(), Ok(()));
    }

    #[test]
    fn a_promise_matters_only_where_support_is_paid() {
        assert!(promise_missing(Some(Settlement::Money), false));
        assert!(!promise_missing(Some(Settlement::Money), true));
        assert!(!promise_missing(Some(Settlement::Gift), false));
        assert!(!promise_missing(None, false));
    }
}
