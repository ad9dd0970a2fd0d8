//! Whether a settlement that stands is what is known today. Terms and funding may be stated with a date before visits that
//! are settled already; these stay as posted and are listed for a person to look at.

use chrono::NaiveDate;

use super::funding::{self, Funding};
use super::settlement::{Outcome, Terms, TermsKind, terms_in_force};
use super::share::Share;

/// Whether a settlement rests on the terms that are in force on its day, as they are known now.
pub fn agrees_with_terms(outcome: &Outcome, terms: &[Terms], day: NaiveDate) -> bool {
    let kind = terms_in_force(terms, day).map(|terms| &terms.kind);
    match (outcome, kind) {
        (Outcome::Money(paid), Some(TermsKind::Paid { circle_id, rule_name, hourly_rate_pence })) => {
            paid.hourly_rate == *hourly_rate_pence
                && paid.rule_circle_id == *circle_id
                && paid.rule_name == *rule_name
        }
        (Outcome::CareCoins(_), Some(TermsKind::Save))
        | (Outcome::Gift(_), Some(TermsKind::Gift))
        | (Outcome::Nothing | Outcome::Missing(_), _) => true,
        _ => false,
    }
}

/// Whether a settlement is shared as the funding in force on its day, as it is known now, says.
pub fn agrees_with_funding(outcome: &Outcome, fundings: &[Funding], day: NaiveDate) -> bool {
    let Outcome::Money(paid) = outcome else { return true };
    let shared: Vec<Share> = paid.parts.iter().map(|part| part.share).collect();
    funding::in_force(fundings, day).is_some_and(|funding| funding.shares.as_slice() == shared)
}

/// The first day from which two statements of someone's terms may differ; none where they are the same.
pub fn first_difference(before: &[Terms], after: &[Terms]) -> Option<NaiveDate> {
    let only_before = before.iter().filter(|terms| !after.contains(terms));
    let only_after = after.iter().filter(|terms| !before.contains(terms));
    only_before.chain(only_after).map(|terms| terms.valid_from).min()
}

#[cfg(test)]
mod tests {
    use kith_platform::id::Uuid;

    use super::*;
    use crate::domain::CircleId;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn paid_from(date: &str, rate: i64) -> Terms {
        let circle_id = CircleId(Uuid::from_u128(1));
        let kind = TermsKind::Paid { circle_id, rule_name: "commons".into(), hourly_rate_pence: rate };
        Terms { valid_from: day(date), kind }
    }

    #[test]
    fn what_is_said_again_is_no_difference_and_what_is_new_differs_from_its_day() {
        let before = [paid_from("2026-01-01", 1500), paid_from("2026-06-01", 1600)];
        assert_eq!(first_difference(&before, &before), None);
        let after = [before[0].clone(), paid_from("2026-03-01", 1550), before[1].clone()];
        assert_eq!(first_difference(&before, &after), Some(day("2026-03-01")));
        assert_eq!(first_difference(&after, &before), Some(day("2026-03-01")), "or is not said any more");
    }

    #[test]
    fn unpaid_time_agrees_with_unpaid_terms_of_its_own_kind_only() {
        let terms = |kind| [Terms { valid_from: day("2026-01-01"), kind }];
        let on = day("2026-02-01");
        assert!(agrees_with_terms(&Outcome::Gift(60), &terms(TermsKind::Gift), on));
        assert!(agrees_with_terms(&Outcome::CareCoins(60), &terms(TermsKind::Save), on));
        assert!(!agrees_with_terms(&Outcome::CareCoins(60), &terms(TermsKind::Gift), on));
        assert!(!agrees_with_terms(&Outcome::Gift(60), &[paid_from("2026-01-01", 1500)], on));
        assert!(!agrees_with_terms(&Outcome::Gift(60), &[], on));
    }
}
