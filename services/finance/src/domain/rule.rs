//! Contribution rules: named and dated, of a Circle. A visit is governed by its planned local day.

use chrono::NaiveDate;

use super::contribution::Mode;
use super::{CircleId, DecisionId, RuleId};

/// A contribution rule from a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which.
    pub id: RuleId,
    /// Whose.
    pub circle_id: CircleId,
    /// Its name, by which givers' terms name it.
    pub name: String,
    /// First planned day that it governs.
    pub effective_from: NaiveDate,
    /// First planned day that it governs no more; none while it stands.
    pub revoked_from: Option<NaiveDate>,
    /// How it reckons.
    pub mode: Mode,
    /// The decision behind it; none for a founding rule.
    pub decision_id: Option<DecisionId>,
}

impl Rule {
    /// Whether it governs nothing but what lies in `[effective_from, revoked_from)`.
    pub fn covers(&self, day: NaiveDate) -> bool {
        let stands = match self.revoked_from {
            Some(revoked_from) => day < revoked_from,
            None => true,
        };
        self.effective_from <= day && stands
    }

    /// Later dates come before earlier ones, a Circle's decision before a founding rule of the same date, and of two
    /// decisions for the same date the younger one (ids grow with time).
    fn precedence(&self) -> (NaiveDate, bool, RuleId) {
        (self.effective_from, self.decision_id.is_some(), self.id)
    }
}

/// The rule that governs a planned local day: of those of that Circle and name that stand on it, the latest.
pub fn governing<'rules>(
    rules: &'rules [Rule],
    circle_id: CircleId,
    name: &str,
    day: NaiveDate,
) -> Option<&'rules Rule> {
    rules
        .iter()
        .filter(|rule| rule.circle_id == circle_id && rule.name == name && rule.covers(day))
        .max_by_key(|rule| rule.precedence())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contribution::BasisPoints;
    use kith_platform::id::Uuid;
    use proptest::prelude::*;

    const CIRCLE: CircleId = CircleId(Uuid::from_u128(1));

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn rule(id: u128, from: &str, revoked_from: Option<&str>, decision: Option<u128>) -> Rule {
        Rule {
            id: RuleId(Uuid::from_u128(id)),
            circle_id: CIRCLE,
            name: "independent".into(),
            effective_from: date(from),
            revoked_from: revoked_from.map(date),
            mode: Mode::ShareOfTotal { share: BasisPoints::new(2500).expect("basis points") },
            decision_id: decision.map(|decision| DecisionId(Uuid::from_u128(decision))),
        }
    }

    fn id_on(rules: &[Rule], text: &str) -> Option<u128> {
        governing(rules, CIRCLE, "independent", date(text)).map(|rule| rule.id.0.as_u128())
    }

    #[test]
    fn the_latest_rule_governs_from_its_date_and_revoking_restores_the_earlier_one() {
        let mut rules = vec![rule(1, "2026-01-01", None, None), rule(2, "2026-03-16", None, Some(9))];
        assert_eq!(id_on(&rules, "2025-12-31"), None);
        assert_eq!(id_on(&rules, "2026-03-15"), Some(1));
        assert_eq!(id_on(&rules, "2026-03-16"), Some(2));
        rules[1].revoked_from = Some(date("2026-03-23"));
        assert_eq!(id_on(&rules, "2026-03-22"), Some(2));
        assert_eq!(id_on(&rules, "2026-03-23"), Some(1));
        rules[1].revoked_from = Some(date("2026-03-16"));
        assert_eq!(id_on(&rules, "2026-03-16"), Some(1));
    }

    #[test]
    fn other_names_and_circles_do_not_govern() {
        let rules = [rule(1, "2026-01-01", None, None)];
        assert_eq!(governing(&rules, CIRCLE, "employed", date("2026-02-01")), None);
        let other = CircleId(Uuid::from_u128(2));
        assert_eq!(governing(&rules, other, "independent", date("2026-02-01")), None);
    }

    #[test]
    fn of_the_same_date_a_decision_comes_before_a_founding_rule_and_the_younger_before_the_older() {
        let rules = [rule(9, "2026-01-01", None, None), rule(3, "2026-01-01", None, Some(1))];
        assert_eq!(id_on(&rules, "2026-01-01"), Some(3));
        let rules = [rule(4, "2026-01-01", None, Some(2)), rule(3, "2026-01-01", None, Some(1))];
        assert_eq!(id_on(&rules, "2026-01-01"), Some(4));
    }

    proptest! {
        /// Whatever governs a day covers it, and no rule that covers it starts later.
        #[test]
        fn what_governs_covers_the_day_and_nothing_later_does(
            spans in proptest::collection::vec((0..400i64, proptest::option::of(0..400i64)), 0..12), asked in 0..400i64,
        ) {
            let start = date("2026-01-01");
            let mut rules = Vec::new();
            for (place, (from, revoked)) in spans.iter().enumerate() {
                let mut rule = rule(place as u128, "2026-01-01", None, None);
                rule.effective_from = start + chrono::Duration::days(*from);
                rule.revoked_from = revoked.map(|days| start + chrono::Duration::days(days));
                rules.push(rule);
            }
            let day = start + chrono::Duration::days(asked);
            let covering: Vec<&Rule> = rules.iter().filter(|rule| rule.covers(day)).collect();
            match governing(&rules, CIRCLE, "independent", day) {
                None => prop_assert!(covering.is_empty()),
                Some(found) => {
                    prop_assert!(found.covers(day));
                    prop_assert!(covering.iter().all(|rule| rule.effective_from <= found.effective_from));
                }
            }
        }
    }
}
