//! Consents: what somebody lets others see of them, of which part, to whom, for what, from when until when.
//!
//! A consent that was withdrawn stays withdrawn: who changes their mind gives another. No reason is ever kept.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::id::{PersonId, Uuid};

use super::{Change, ConsentId, Refused};

/// What a word of a consent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// A part of a record.
    Part,
    /// A purpose.
    Purpose,
    /// A hat.
    Hat,
}

/// A word that consents are made of, in force on some day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub kind: WordKind,
    pub text: String,
    pub meaning: String,
}

/// To whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// One person.
    Person(Uuid),
    /// Whoever wears a hat, in one Team or anywhere.
    Hat(String, Option<Uuid>),
    /// Whoever is of a Team.
    Team(Uuid),
}

/// What a consent says, its dates aside: of each there is at most one that is not withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub part: String,
    pub purpose: String,
    pub grantee: Grantee,
}

impl Terms {
    /// The first word that is not on the list, by the field that it came in.
    pub fn unknown_word(&self, words: &[Word]) -> Option<&'static str> {
        let is_known = |kind, word: &str| words.iter().any(|known| known.kind == kind && known.text == word);
        if !is_known(WordKind::Part, &self.part) {
            return Some("part");
        }
        if !is_known(WordKind::Purpose, &self.purpose) {
            return Some("purpose");
        }
        match &self.grantee {
            Grantee::Hat(hat, _) if !is_known(WordKind::Hat, hat) => Some("grantee.hat"),
            _ => None,
        }
    }
}

/// From when until when, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub valid_from: NaiveDate,
    pub valid_until: NaiveDate,
}

impl Period {
    /// A period that is one, and not over today.
    pub fn new(valid_from: NaiveDate, valid_until: NaiveDate, today: NaiveDate) -> Result<Self, Refused> {
        if valid_until <= valid_from || valid_until <= today {
            return Err(Refused::ConsentOver);
        }
        Ok(Self { valid_from, valid_until })
    }
}

/// Where a consent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Given.
    Given,
    /// Withdrawn, for good.
    Withdrawn,
}

/// A consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub id: ConsentId,
    /// Whose record it is about.
    pub person: PersonId,
    pub terms: Terms,
    pub period: Period,
    pub state: State,
    /// Raised with every change; each is kept.
    pub version: i64,
    pub given_at: DateTime<Utc>,
}

/// What a consent was from one change to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: i64,
    pub state: State,
    pub period: Period,
    pub changed_by: PersonId,
    pub changed_at: DateTime<Utc>,
}

impl Consent {
    /// Gives a new one.
    pub fn give(id: ConsentId, person: PersonId, terms: Terms, period: Period, now: DateTime<Utc>) -> Self {
        Self { id, person, terms, period, state: State::Given, version: 1, given_at: now }
    }

    /// Gives it again, from other days on or until others.
    pub fn give_again(&mut self, period: Period) -> Result<Change, Refused> {
        if self.state == State::Withdrawn {
            return Err(Refused::ConsentWithdrawn);
        }
        if self.period == period {
            return Ok(Change::Unchanged);
        }
        self.period = period;
        self.version += 1;
        Ok(Change::Changed)
    }

    /// Withdraws it. Nothing stands in the way, and nothing is asked.
    pub fn withdraw(&mut self) -> Change {
        if self.state == State::Withdrawn {
            return Change::Unchanged;
        }
        self.state = State::Withdrawn;
        self.version += 1;
        Change::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(number: i32) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(740_000 + number).expect("a day")
    }

    fn consent() -> Consent {
        let terms = Terms {
            part: "profile.team".into(),
            purpose: "introduction".into(),
            grantee: Grantee::Hat("giver".into(), None),
        };
        let period = Period::new(day(0), day(10), day(0)).expect("a period");
        Consent::give(ConsentId::default(), PersonId::default(), terms, period, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_period_is_one_and_not_over() {
        assert_eq!(Period::new(day(3), day(3), day(0)), Err(Refused::ConsentOver));
        assert_eq!(Period::new(day(-9), day(0), day(0)), Err(Refused::ConsentOver), "over today");
        assert!(Period::new(day(-9), day(1), day(0)).is_ok());
        assert!(Period::new(day(5), day(6), day(0)).is_ok(), "from a later day on");
    }

    #[test]
    fn words_that_are_not_on_the_list_are_named() {
        let word = |kind, text: &str| Word { kind, text: text.into(), meaning: String::new() };
        let mut words = Vec::new();
        for (kind, said, field) in [
            (WordKind::Part, "profile.team", "part"),
            (WordKind::Purpose, "introduction", "purpose"),
            (WordKind::Hat, "giver", "grantee.hat"),
        ] {
            assert_eq!(consent().terms.unknown_word(&words), Some(field));
            words.push(word(kind, said));
        }
        assert_eq!(consent().terms.unknown_word(&words), None);
    }

    proptest! {
        #[test]
        fn a_withdrawal_is_for_good_and_every_change_is_a_version(steps in proptest::collection::vec((any::<bool>(), 1_i32..40), 0..20)) {
            let mut consent = consent();
            for (withdraws, until) in steps {
                let (before, version) = (consent.state, consent.version);
                let change = if withdraws {
                    consent.withdraw()
                } else {
                    let period = Period::new(day(0), day(until), day(0)).expect("a period");
                    match consent.give_again(period) {
                        Ok(change) => change,
                        Err(refused) => {
                            prop_assert_eq!((refused, before), (Refused::ConsentWithdrawn, State::Withdrawn));
                            Change::Unchanged
                        }
                    }
                };
                prop_assert_eq!(consent.version - version, i64::from(change == Change::Changed));
                prop_assert!(before == State::Given || consent.state == State::Withdrawn);
            }
        }
    }
}
