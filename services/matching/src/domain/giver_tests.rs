use kith_platform::id::Uuid;
use proptest::prelude::*;

use super::*;

const GIVER: PersonId = PersonId(Uuid::from_u128(1));
const CHECKER: PersonId = PersonId(Uuid::from_u128(2));

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, number).expect("a day in March")
}

fn moment(hour: u32) -> DateTime<Utc> {
    day(1).and_hms_opt(hour, 0, 0).expect("an hour").and_utc()
}

fn giver(status: Status) -> Giver {
    Giver::register(GIVER, status, OutwardCode::parse("E5").expect("a known code"), moment(8))
}

fn record(number: u128, ready: bool, from: u32, hour: u32) -> ReadinessRecord {
    ReadinessRecord {
        id: ReadinessId(Uuid::from_u128(number)),
        readiness: Readiness::new(ready, day(from), None).expect("a period"),
        recorded_by: CHECKER,
        occurred_at: moment(hour),
    }
}

fn terms_id(number: u128) -> TermsId {
    TermsId(Uuid::from_u128(number))
}

fn terms(id: u128, from: u32, deal: Deal) -> Terms {
    Terms { id: terms_id(id), valid_from: day(from), deal }
}

fn paid(rate: i64) -> Deal {
    Deal::Paid {
        circle_id: CircleId(Uuid::from_u128(7)),
        contribution_rule: "on top".to_owned(),
        hourly_rate_pence: rate,
    }
}

fn fields(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|violation| violation.field.as_str()).collect()
}

#[test]
fn registering_again_is_fine_only_with_the_same_content() {
    let giver = giver(Status::Volunteer);
    let (here, there) = (giver.outward_code, OutwardCode::parse("N16").expect("a known code"));
    assert_eq!(giver.register_again(Status::Volunteer, here), Ok(Change::Unchanged));
    assert_eq!(giver.register_again(Status::Employed, here), Err(Refused::GiverExists));
    assert_eq!(giver.register_again(Status::Volunteer, there), Err(Refused::GiverExists));
}

#[test]
fn nobody_records_their_own_readiness() {
    let mut giver = giver(Status::Independent);
    let own = ReadinessRecord { recorded_by: GIVER, ..record(1, true, 1, 9) };
    assert_eq!(giver.record_readiness(own), Err(Refused::OwnReadiness));
    assert!(!giver.is_ready_on(day(1)));
}

#[test]
fn readiness_begins_and_expires_on_its_days() {
    let readiness = Readiness::new(true, day(3), Some(day(5))).expect("a period");
    let ready_days: Vec<u32> = (1..=7).filter(|number| readiness.is_ready_on(day(*number))).collect();
    assert_eq!(ready_days, [3, 4]);
    assert!(!Readiness::new(false, day(3), None).expect("a period").is_ready_on(day(4)));
    for until in [2, 3] {
        let violation = Readiness::new(true, day(3), Some(day(until))).expect_err("no period");
        assert_eq!(violation.field, "valid_until");
    }
}

#[test]
fn the_latest_finding_holds_whatever_the_order_of_arrival() {
    let mut giver = giver(Status::Independent);
    assert_eq!(giver.record_readiness(record(1, true, 1, 9)), Ok(Change::Changed));
    assert_eq!(giver.record_readiness(record(2, false, 2, 12)), Ok(Change::Changed));
    // An import that repeats the first finding days later must not make it the latest again.
    assert_eq!(giver.record_readiness(record(3, true, 1, 9)), Ok(Change::Unchanged));
    assert_eq!(giver.record_readiness(record(4, false, 2, 15)), Ok(Change::Unchanged));
    assert!(!giver.is_ready_on(day(9)));
    // Found between the two, told last.
    assert_eq!(giver.record_readiness(record(5, true, 4, 10)), Ok(Change::Changed));
    assert!(!giver.is_ready_on(day(9)));
    assert_eq!(giver.record_readiness(record(6, true, 1, 16)), Ok(Change::Changed));
    assert!(giver.is_ready_on(day(9)));
}

#[test]
fn terms_are_paid_or_unpaid_whatever_the_status() {
    for status in Status::ALL {
        let mut giver = giver(status);
        let money = giver.set_terms(&terms(1, 1, paid(2070)), false);
        let time = giver.set_terms(&terms(2, 2, Deal::Unpaid(UnpaidIntent::Save)), false);
        assert_eq!((money, time), (Ok(Change::Changed), Ok(Change::Changed)));
        assert_eq!(giver.terms.len(), 2);
    }
}

#[test]
fn terms_repeat_by_id_and_never_share_a_day() {
    let mut giver = giver(Status::Employed);
    let own_id = |from, rate| terms(1, from, paid(rate));
    let fresh = |from, rate| terms(9, from, paid(rate));
    assert_eq!(giver.set_terms(&own_id(10, 2400), true), Ok(Change::Changed));
    assert_eq!(giver.set_terms(&own_id(10, 2400), true), Ok(Change::Unchanged));
    assert_eq!(giver.set_terms(&fresh(10, 2400), false), Ok(Change::Unchanged));
    assert_eq!(giver.set_terms(&own_id(10, 2500), true), Err(Refused::IdExists));
    assert_eq!(giver.set_terms(&own_id(11, 2400), true), Err(Refused::IdExists));
    assert_eq!(giver.set_terms(&fresh(10, 2500), false), Err(Refused::TermsFromThatDay));
    assert_eq!(giver.set_terms(&fresh(10, 2400), true), Err(Refused::TermsFromThatDay));
    assert_eq!(giver.terms.len(), 1);
    assert_eq!(giver.terms[0].id, terms_id(1));
}

#[test]
fn terms_in_force_are_the_latest_begun() {
    let mut giver = giver(Status::Employed);
    giver.set_terms(&terms(2, 20, paid(2500)), false).expect("later terms");
    giver.set_terms(&terms(1, 10, paid(2400)), false).expect("earlier terms");
    assert_eq!(giver.terms_on(day(9)), None);
    assert_eq!(giver.terms_on(day(10)).map(|terms| terms.id), Some(terms_id(1)));
    assert_eq!(giver.terms_on(day(19)).map(|terms| terms.id), Some(terms_id(1)));
    assert_eq!(giver.terms_on(day(20)).map(|terms| terms.id), Some(terms_id(2)));
}

#[test]
fn all_that_is_wrong_with_a_deal_is_named_at_once() {
    let circle = Some(CircleId(Uuid::from_u128(7)));
    let wrong = |circle, rule: &str, rate, intent| {
        Deal::parse(circle, rule, rate, intent).expect_err("something is wrong")
    };
    assert_eq!(fields(&wrong(None, "", None, None)), ["unpaid_intent"]);
    assert_eq!(
        fields(&wrong(circle, "", Some(Money::pence(0)), Some(UnpaidIntent::Gift))),
        ["unpaid_intent", "contribution_rule", "hourly_rate.minor_units"]
    );
    assert_eq!(fields(&wrong(None, "on top", None, None)), ["circle_id", "hourly_rate"]);
    assert_eq!(fields(&wrong(circle, "on top", Some(Money::coins(60)), None)), ["hourly_rate.currency"]);
    for pence in [-1, 1_000_001, i64::MAX] {
        let rate = Some(Money::pence(pence));
        assert_eq!(fields(&wrong(circle, "on top", rate, None)), ["hourly_rate.minor_units"], "{pence}");
    }
    assert_eq!(Deal::parse(circle, "on top", Some(Money::pence(1_000_000)), None), Ok(paid(1_000_000)));
    assert_eq!(Deal::parse(circle, "on top", Some(Money::pence(2070)), None), Ok(paid(2070)));
    let gift = Deal::parse(None, "", None, Some(UnpaidIntent::Gift));
    assert_eq!(gift, Ok(Deal::Unpaid(UnpaidIntent::Gift)));
}

proptest! {
    /// Whatever is stated in whatever order, days stay unique and sorted, and exactly the latest begun is in force.
    #[test]
    fn terms_stay_one_a_day_in_order(stated in prop::collection::vec((1_u32..28, 1_i64..5), 0..40), asked in 1_u32..28) {
        let mut giver = giver(Status::Independent);
        for (number, (from, rate)) in stated.iter().enumerate() {
            let before = giver.clone();
            let stating = terms(100 + number as u128, *from, paid(*rate));
            if giver.set_terms(&stating, false) != Ok(Change::Changed) {
                prop_assert_eq!(&giver, &before);
            }
        }
        prop_assert!(giver.terms.is_sorted_by(|first, second| first.valid_from < second.valid_from));
        let expected = stated.iter().map(|(from, _)| *from).filter(|from| *from <= asked).max();
        prop_assert_eq!(giver.terms_on(day(asked)).map(|terms| terms.valid_from), expected.map(day));
    }

    /// The same findings give the same latest one in any order, as long as no two share a moment.
    #[test]
    fn findings_arrive_in_any_order(order in Just((0_u32..8).collect::<Vec<_>>()).prop_shuffle()) {
        let mut giver = giver(Status::Independent);
        for hour in order {
            // All different, so that none only repeats another.
            giver.record_readiness(record(u128::from(hour), hour % 2 == 0, hour + 1, hour)).expect("a finding");
        }
        prop_assert_eq!(giver.readiness.len(), 8);
        prop_assert_eq!(giver.latest_readiness().map(|latest| latest.valid_from), Some(day(8)));
    }
}
