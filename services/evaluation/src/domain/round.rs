//! A survey round: open, then closed for ever. Answers while open, a result once closed.

use std::num::NonZeroU8;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use kith_platform::id::PersonId;
use kith_platform::local::wall_clock;

use super::suppression::{self, Figure, Threshold};
use super::{CircleId, Refused, RoundId, TeamId, swemwbs};

/// A licensed or own set of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// Short Warwick-Edinburgh Mental Wellbeing Scale.
    Swemwbs,
}

impl Instrument {
    /// How many items it has.
    pub fn items(self) -> usize {
        match self {
            Self::Swemwbs => swemwbs::ITEMS,
        }
    }

    /// Whether these could be the answers to any instrument there is, whichever round they are for.
    pub fn some_takes(items: &Items) -> Result<(), Refused> {
        let expected = Self::Swemwbs.items();
        if items.answers().len() == expected {
            Ok(())
        } else {
            Err(Refused::WrongNumberOfAnswers { expected })
        }
    }
}

/// Who a round is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A Circle: its members.
    Circle(CircleId),
    /// A Team: its Owner and members.
    Team(TeamId),
}

/// Where a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Answers come in; no result is shown.
    Open,
    /// No more answers; the result is fixed.
    Closed {
        /// Since when.
        at: DateTime<Utc>,
    },
}

/// A survey round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Its id.
    pub id: RoundId,
    /// Which questions.
    pub instrument: Instrument,
    /// Who it is about.
    pub scope: Scope,
    /// Where it stands.
    pub state: State,
    /// How many reply codes were made: one for each who was asked.
    pub reply_codes: u32,
    /// Who opened it.
    pub opened_by: PersonId,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
}

/// Whether something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Changed,
    /// It was so already.
    Unchanged,
}

impl Round {
    /// Whether opening `other` would say what this round already is, by the same person; who belongs may have changed.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.instrument == other.instrument
            && self.scope == other.scope
            && self.opened_by == other.opened_by
    }

    /// Takes an answer in: only while open, and one answer for each item.
    pub fn accept(&self, items: &Items) -> Result<(), Refused> {
        match self.state {
            State::Open => {}
            State::Closed { .. } => return Err(Refused::ReplyCodeNotValid),
        }
        let expected = self.instrument.items();
        if items.answers().len() == expected {
            Ok(())
        } else {
            Err(Refused::WrongNumberOfAnswers { expected })
        }
    }

    /// Closes the round. A closed one stays as it is, with its first closing time.
    pub fn close(&mut self, now: DateTime<Utc>) -> Outcome {
        match self.state {
            State::Open => {
                self.state = State::Closed { at: now };
                Outcome::Changed
            }
            State::Closed { .. } => Outcome::Unchanged,
        }
    }

    /// Refuses where it is closed: its codes are of no more use.
    pub fn still_open(&self) -> Result<(), Refused> {
        match self.state {
            State::Open => Ok(()),
            State::Closed { .. } => Err(Refused::RoundClosed),
        }
    }

    /// The local day whose thresholds and notices its result follows: that of its closing. Refuses while it is open.
    pub fn result_day(&self, zone: Tz) -> Result<NaiveDate, Refused> {
        match self.state {
            State::Open => Err(Refused::RoundStillOpen),
            State::Closed { at } => Ok(wall_clock(at, zone).date()),
        }
    }

    /// The result of a closed round: each answer came with a code of its own, so each is another respondent.
    pub fn result(&self, answers: &[Items], threshold: Threshold) -> Result<Figure, Refused> {
        match self.state {
            State::Open => return Err(Refused::RoundStillOpen),
            State::Closed { .. } => {}
        }
        let scores: Vec<swemwbs::Metric> = match self.instrument {
            Instrument::Swemwbs => answers.iter().filter_map(swemwbs::score).collect(),
        };
        Ok(suppression::release(&scores, threshold))
    }
}

/// The answers of one respondent, one per item in order; `None` where an item was left out.
#[derive(Clone, PartialEq, Eq)]
pub struct Items(Vec<Option<Level>>);

/// A response level, 1 to 5.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level(NonZeroU8);

impl Level {
    /// The level as a number.
    pub fn get(self) -> u8 {
        self.0.get()
    }
}

impl Items {
    /// Reads answers; the error names the places (from 0) whose value is not 1 to 5.
    pub fn parse(answers: &[Option<i32>]) -> Result<Self, Vec<usize>> {
        let mut levels = Vec::with_capacity(answers.len());
        let mut wrong = Vec::new();
        for (place, answer) in answers.iter().enumerate() {
            let level = answer.map(level);
            if level == Some(None) {
                wrong.push(place);
            }
            levels.push(level.flatten());
        }
        if wrong.is_empty() { Ok(Self(levels)) } else { Err(wrong) }
    }

    /// The answers in order.
    pub fn answers(&self) -> &[Option<Level>] {
        &self.0
    }
}

fn level(value: i32) -> Option<Level> {
    let value = u8::try_from(value).ok().filter(|value| *value <= 5)?;
    NonZeroU8::new(value).map(Level)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use kith_platform::id::Uuid;

    use super::*;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 4, 2, 9, 0, 0).single().expect("a time")
    }

    fn round() -> Round {
        Round {
            id: RoundId(Uuid::from_u128(1)),
            instrument: Instrument::Swemwbs,
            scope: Scope::Team(TeamId(Uuid::from_u128(2))),
            state: State::Open,
            reply_codes: 8,
            opened_by: PersonId(Uuid::from_u128(3)),
            opened_at: now(),
        }
    }

    fn all(level: i32) -> Items {
        Items::parse(&[Some(level); 7]).expect("levels")
    }

    #[test]
    fn a_round_closes_once_and_keeps_its_first_closing_time() {
        let mut round = round();
        assert_eq!(round.result_day(Tz::Europe__London), Err(Refused::RoundStillOpen));
        assert_eq!(round.close(now()), Outcome::Changed);
        assert_eq!(round.close(now() + chrono::Duration::days(3)), Outcome::Unchanged);
        assert_eq!(round.state, State::Closed { at: now() });
        assert_eq!(round.result_day(Tz::Europe__London), Ok(now().date_naive()));
    }

    #[test]
    fn answers_only_while_open_and_results_only_when_closed() {
        let mut round = round();
        let five = Threshold::of(5).expect("a threshold");
        let answers = [all(1), all(2), all(3), all(4), all(5)];
        assert_eq!(round.accept(&answers[0]), Ok(()));
        assert_eq!(round.result(&answers, five), Err(Refused::RoundStillOpen));
        assert_eq!(round.still_open(), Ok(()));
        round.close(now());
        assert_eq!(round.still_open(), Err(Refused::RoundClosed));
        assert_eq!(round.accept(&answers[0]), Err(Refused::ReplyCodeNotValid));
        assert!(matches!(round.result(&answers, five), Ok(Figure::Shown { respondents: 5, .. })));
    }

    #[test]
    fn the_number_of_answers_is_the_instruments() {
        let six = Items::parse(&[Some(3); 6]).expect("levels");
        assert_eq!(round().accept(&six), Err(Refused::WrongNumberOfAnswers { expected: 7 }));
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        let wrong = Items::parse(&[Some(1), Some(0), None, Some(6), Some(-1), Some(5), Some(257)]);
        assert_eq!(wrong.err(), Some(vec![1, 3, 4, 6]));
    }

    #[test]
    fn the_same_round_is_recognised_whatever_its_state_and_only_for_its_opener() {
        let mut closed = round();
        closed.close(now());
        assert!(closed.is_same_as(&round()));
        assert!(closed.is_same_as(&Round { reply_codes: 9, ..round() }));
        assert!(!closed.is_same_as(&Round { opened_by: PersonId(Uuid::from_u128(4)), ..round() }));
        assert!(!closed.is_same_as(&Round { scope: Scope::Circle(CircleId(Uuid::from_u128(2))), ..round() }));
    }

    /// The four rounds of the first month's scenario, by its rules page.
    #[test]
    fn the_rounds_of_the_first_month_come_to_what_is_expected() {
        let five = Threshold::of(5).expect("a threshold");
        let of = |rows: &[[i32; 7]]| {
            let mut round = round();
            round.close(now());
            let answers: Vec<Items> = rows
                .iter()
                .map(|row| Items::parse(&row.map(|value| (value != 0).then_some(value))).expect("levels"))
                .collect();
            round.result(&answers, five).expect("closed").mean()
        };
        let circle = [
            [3, 4, 3, 3, 4, 4, 3],
            [4, 4, 4, 4, 4, 4, 4],
            [2, 3, 2, 3, 3, 2, 3],
            [5, 5, 4, 5, 4, 5, 5],
            [3, 3, 3, 4, 4, 3, 4],
            [4, 3, 4, 3, 4, 4, 0],
            [3, 4, 4, 4, 3, 5, 4],
        ];
        assert_eq!(of(&circle).as_deref(), Some("23.4"));
        assert_eq!(of(&[[4, 3, 3, 3, 3, 3, 3], [4, 4, 4, 4, 3, 3, 3], [3, 3, 3, 3, 3, 2, 2]]), None);
        let four_of_five_scored = [
            [3, 3, 3, 3, 3, 3, 3],
            [4, 4, 4, 4, 4, 3, 3],
            [4, 4, 4, 4, 4, 4, 3],
            [5, 5, 4, 4, 4, 4, 4],
            [3, 3, 0, 3, 3, 3, 3],
        ];
        assert_eq!(of(&four_of_five_scored), None);
        let exactly_five = [
            [3, 3, 2, 2, 2, 2, 2],
            [3, 3, 3, 2, 2, 2, 2],
            [3, 3, 3, 3, 3, 3, 3],
            [4, 4, 3, 3, 3, 3, 3],
            [5, 5, 4, 4, 4, 4, 4],
        ];
        assert_eq!(of(&exactly_five).as_deref(), Some("20.1"));
    }
}
