//! What visits come to: the rules of the first month's README, and what is missing where nothing can be said.

use kith_platform::id::{PersonId, Uuid};
use proptest::prelude::*;

use super::*;
use crate::domain::contribution::{BasisPoints, Mode};
use crate::domain::ledger::{Code, Transfer};
use crate::domain::share::{Share, Shares};
use crate::domain::{FundingId, PayerId, TransferId};

const CIRCLE: CircleId = CircleId(Uuid::from_u128(1));
const TEAM: TeamId = TeamId(Uuid::from_u128(2));

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn bp(basis_points: i64) -> BasisPoints {
    BasisPoints::new(basis_points).expect("basis points")
}

fn visit(state: VisitState, way: Way, minutes: i64) -> Visit {
    Visit {
        id: VisitId(Uuid::from_u128(3)),
        team_id: TEAM,
        circle_id: CIRCLE,
        giver: PersonId(Uuid::from_u128(4)),
        planned_date: date("2026-03-10"),
        state,
        way,
        minutes: Some(minutes),
        settlement_no: 1,
    }
}

fn funding(basis_points: &[i64]) -> Funding {
    let mut shares = Vec::new();
    for (place, &share_bp) in basis_points.iter().enumerate() {
        shares.push(Share { payer: PayerId(Uuid::from_u128(10 + place as u128)), share_bp });
    }
    Funding {
        id: FundingId(Uuid::from_u128(5)),
        team_id: TEAM,
        valid_from: date("2026-03-01"),
        shares: Shares::new(shares).expect("shares"),
    }
}

fn paid(from: &str, hourly_rate_pence: i64) -> Terms {
    let kind = TermsKind::Paid { circle_id: CIRCLE, rule_name: "independent".into(), hourly_rate_pence };
    Terms { valid_from: date(from), kind }
}

fn rule(from: &str, added: i64, deducted: i64) -> Rule {
    Rule {
        id: RuleId(Uuid::from_u128(6)),
        circle_id: CIRCLE,
        name: "independent".into(),
        effective_from: date(from),
        revoked_from: None,
        mode: Mode::OnRate { added: bp(added), deducted: bp(deducted) },
        decision_id: None,
    }
}

#[test]
fn a_paid_visit_is_priced_and_shared() {
    let known = Known {
        fundings: &[funding(&[8000, 2000])],
        terms: &[paid("2026-01-01", 1900), paid("2026-03-01", 2070), paid("2026-04-01", 9999)],
        rules: &[rule("2026-01-01", 1500, 0)],
    };
    for state in [VisitState::Agreed, VisitState::LateCancelled] {
        let Outcome::Money(paid) = settle(&visit(state, Way::Money, 60), known).expect("an outcome") else {
            panic!("it is paid");
        };
        assert_eq!((paid.hourly_rate, paid.price.payers_total, paid.price.giver_amount), (2070, 2381, 2070));
        let parts: Vec<i64> = paid.parts.iter().map(|part| part.amount).collect();
        assert_eq!(parts, [1905, 476]);
    }
}

#[test]
fn what_is_missing_is_said_and_nothing_is_guessed() {
    let (fundings, terms, rules) =
        ([funding(&[10_000])], [paid("2026-01-01", 2070)], [rule("2026-01-01", 1500, 0)]);
    let all = Known { fundings: &fundings, terms: &terms, rules: &rules };
    let visit = visit(VisitState::Agreed, Way::Money, 60);
    let missing = |known| settle(&visit, known).expect("an outcome");
    assert_eq!(missing(Known { fundings: &[], ..all }), Outcome::Missing(Unsettled::NoFunding));
    assert_eq!(missing(Known { terms: &[], ..all }), Outcome::Missing(Unsettled::NoTerms));
    assert_eq!(missing(Known { rules: &[], ..all }), Outcome::Missing(Unsettled::NoRule));
    let late = [Funding { valid_from: date("2026-03-11"), ..funding(&[10_000]) }];
    assert_eq!(missing(Known { fundings: &late, ..all }), Outcome::Missing(Unsettled::NoFunding));
    let late = [paid("2026-03-11", 2070)];
    assert_eq!(missing(Known { terms: &late, ..all }), Outcome::Missing(Unsettled::NoTerms));
    let unpaid = [Terms { valid_from: date("2026-01-01"), kind: TermsKind::Save }];
    assert_eq!(missing(Known { terms: &unpaid, ..all }), Outcome::Missing(Unsettled::NoTerms));
    let late = [rule("2026-03-11", 1500, 0)];
    assert_eq!(missing(Known { rules: &late, ..all }), Outcome::Missing(Unsettled::NoRule));
}

#[test]
fn unpaid_time_is_saved_or_given_and_a_late_cancellation_gives_none() {
    let nothing = Known { fundings: &[], terms: &[], rules: &[] };
    let come_to = |state, way, known| settle(&visit(state, way, 75), known).expect("an outcome");
    assert_eq!(come_to(VisitState::Agreed, Way::CareCoins, nothing), Outcome::CareCoins(75));
    assert_eq!(come_to(VisitState::Agreed, Way::Gift, nothing), Outcome::Gift(75));
    assert_eq!(come_to(VisitState::LateCancelled, Way::CareCoins, nothing), Outcome::Nothing);
    assert_eq!(come_to(VisitState::Missed, Way::Money, nothing), Outcome::Nothing);

    // Terms that became known later say how a visit is settled that was agreed before.
    let terms = [Terms { valid_from: date("2026-01-01"), kind: TermsKind::Gift }];
    let known = Known { terms: &terms, ..nothing };
    assert_eq!(come_to(VisitState::Agreed, Way::Unsaid, known), Outcome::Gift(75));
    assert_eq!(come_to(VisitState::LateCancelled, Way::Unsaid, known), Outcome::Nothing);
}

#[test]
fn only_a_change_of_what_is_to_be_settled_settles_again() {
    let mut visit = visit(VisitState::Agreed, Way::Money, 60);
    let step = |visit: &Visit, newest: Option<(i64, bool)>| {
        let step = next_step(visit, newest.map(|(settlement_no, stands)| Newest { settlement_no, stands }));
        (step.take_back, step.settle)
    };
    assert_eq!(step(&visit, None), (false, true));
    assert_eq!(step(&visit, Some((1, true))), (false, false));
    visit.settlement_no = 2;
    assert_eq!(step(&visit, Some((1, true))), (true, true));
    assert_eq!(step(&visit, Some((1, false))), (false, true));
    visit.state = VisitState::Missed;
    assert_eq!(step(&visit, Some((2, true))), (true, false));
    assert_eq!(step(&visit, Some((2, false))), (false, false));
    assert_eq!(step(&visit, None), (false, false));
}

proptest! {
    /// Whatever a visit comes to, its posting balances.
    /// Proves FIN-50.
    #[test]
    fn every_paid_visit_becomes_a_balanced_posting(
        rate in 1..100_000i64, minutes in 1..3_000i64, added in 0..=10_000i64, deducted in 0..=10_000i64,
        first in 1..10_000i64,
    ) {
        let known = Known {
            fundings: &[funding(&[first, 10_000 - first])],
            terms: &[paid("2026-01-01", rate)],
            rules: &[rule("2026-01-01", added, deducted)],
        };
        let visit = visit(VisitState::Agreed, Way::Money, minutes);
        let Outcome::Money(paid) = settle(&visit, known).expect("an outcome") else { panic!("it is paid") };
        let legs = paid.legs(&visit);
        if paid.price.payers_total == 0 {
            prop_assert!(legs.is_empty());
        } else {
            prop_assert!(Transfer::new(TransferId::default(), Code::Visit, legs).is_ok());
        }
    }
}
