//! What this service keeps of a giver: whether they are ready, and how their time is settled.

use chrono::NaiveDate;
use kith_platform::id::PersonId;
use serde::{Deserialize, Serialize};

use super::Settlement;

/// A giver, as `matching` tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Giver {
    /// Who.
    pub person: PersonId,
    /// Latest record of checks and training; `None` before the first.
    pub readiness: Option<Readiness>,
    /// All terms, oldest first.
    pub terms: Vec<Terms>,
}

/// Whether checks and training are in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// In order or not.
    pub ready: bool,
    /// First day that it holds for.
    pub valid_from: NaiveDate,
    /// First day that it holds for no more.
    pub valid_until: Option<NaiveDate>,
}

/// Terms, as far as they matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// First day that they hold for; later terms take over from theirs.
    pub valid_from: NaiveDate,
    /// How time is settled under them.
    pub settlement: Settlement,
}

impl Giver {
    /// Whether checks and training are in order on a day.
    pub fn is_ready_on(&self, day: NaiveDate) -> bool {
        self.readiness.is_some_and(|readiness| {
            readiness.ready
                && readiness.valid_from <= day
                && readiness.valid_until.is_none_or(|until| day < until)
        })
    }

    /// How time of a day is settled; `None` where no terms hold on it. Of terms from the same day the later ones hold.
    pub fn settlement_on(&self, day: NaiveDate) -> Option<Settlement> {
        let in_force = self.terms.iter().filter(|terms| terms.valid_from <= day);
        in_force.max_by_key(|terms| terms.valid_from).map(|terms| terms.settlement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn the_latest_terms_up_to_the_day_hold() {
        let terms = |from: &str, settlement| Terms { valid_from: day(from), settlement };
        let giver = Giver {
            person: PersonId::default(),
            readiness: None,
            terms: vec![
                terms("2026-03-01", Settlement::Money),
                terms("2026-04-01", Settlement::Gift),
                terms("2026-04-01", Settlement::CareCoins),
            ],
        };
        assert_eq!(giver.settlement_on(day("2026-02-28")), None);
        assert_eq!(giver.settlement_on(day("2026-03-31")), Some(Settlement::Money));
        assert_eq!(giver.settlement_on(day("2026-04-01")), Some(Settlement::CareCoins));
    }

    #[test]
    fn readiness_holds_from_its_first_day_until_the_day_it_expires() {
        let readiness =
            Readiness { ready: true, valid_from: day("2026-03-01"), valid_until: Some(day("2026-04-01")) };
        let mut giver = Giver { person: PersonId::default(), readiness: Some(readiness), terms: Vec::new() };
        assert!(!giver.is_ready_on(day("2026-02-28")));
        assert!(giver.is_ready_on(day("2026-03-01")));
        assert!(!giver.is_ready_on(day("2026-04-01")));
        giver.readiness = Some(Readiness { ready: false, ..readiness });
        assert!(!giver.is_ready_on(day("2026-03-15")));
        giver.readiness = None;
        assert!(!giver.is_ready_on(day("2026-03-15")));
    }
}
