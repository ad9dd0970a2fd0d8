//! Transitions of visits: each rule, repeats, and what always holds whatever is done in whatever order.

use chrono::TimeZone;
use kith_platform::id::Uuid;
use proptest::prelude::*;

use super::super::SeriesState;
use super::super::pattern::Pattern;
use super::*;

const OWNER: u128 = 1;
const GIVER: u128 = 2;
const OTHER: u128 = 3;

fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

fn team_side() -> Actor {
    Actor { person: person(OWNER), side: Side::Team }
}

fn giver_side(who: u128) -> Actor {
    Actor { person: person(who), side: Side::Giver }
}

/// Hours after 9:00 on 11 March 2026, the planned start; the visit takes an hour.
fn hours(after_start: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 11, 9, 0, 0).single().expect("an instant") + Duration::hours(after_start)
}

fn visit() -> Visit {
    let starts_local = hours(0).naive_utc();
    let series = Series {
        id: SeriesId::default(),
        team_id: TeamId::default(),
        giver: person(GIVER),
        kind: VisitKind::Support,
        pattern: Pattern::new(starts_local, 60, None, Tz::Europe__London).expect("a pattern"),
        state: SeriesState::Agreed,
        proposed_by: Side::Team,
        proposed_at: hours(-1000),
        answered_at: None,
        version: 1,
    };
    let plan = Period::planned(starts_local, 60, Tz::Europe__London);
    Visit::planned(VisitId::default(), &series, starts_local, plan, false)
}

fn paid() -> OnTheDay {
    OnTheDay { settlement: Some(Settlement::Money), promise_holds: true, notice_hours: 24 }
}

/// It happens and is written down at the same time, in a live tenant.
fn now(after_start: i64) -> Moment {
    Moment {
        occurred_at: hours(after_start),
        stated: true,
        recorded_at: hours(after_start),
        preparing: false,
    }
}

fn later(after_start: i64, preparing: bool) -> Moment {
    Moment { recorded_at: hours(500), preparing, ..now(after_start) }
}

/// Proves APPT-10.
#[test]
fn the_team_is_charged_where_less_than_24_hours_remained_and_not_at_24() {
    let mut free = visit();
    assert_eq!(free.cancel(team_side(), now(-24), paid()), Ok(Outcome::Changed));
    assert_eq!((free.state, free.settled, free.settlement_no), (VisitState::Cancelled, None, 0));

    let mut late = visit();
    assert_eq!(late.cancel(team_side(), now(-23), paid()), Ok(Outcome::Changed));
    assert_eq!(late.state, VisitState::LateCancelled);
    let settled = late.settled.expect("a late cancellation is settled as planned");
    assert_eq!((settled.period, settled.settlement, late.settlement_no), (late.plan, Settlement::Money, 1));
    assert!(!late.cancellation.expect("a cancellation").awaits_confirmation);

    // Another notice on another day.
    let mut shorter = visit();
    let day = OnTheDay { notice_hours: 12, ..paid() };
    assert_eq!(shorter.cancel(team_side(), now(-13), day), Ok(Outcome::Changed));
    assert_eq!(shorter.state, VisitState::Cancelled);
}

#[test]
fn late_hours_that_cost_nothing_settle_nothing() {
    for day in [
        OnTheDay { settlement: Some(Settlement::CareCoins), ..paid() },
        OnTheDay { settlement: None, ..paid() },
        OnTheDay { promise_holds: false, ..paid() },
    ] {
        let mut late = visit();
        assert_eq!(late.cancel(team_side(), now(-1), day), Ok(Outcome::Changed));
        assert_eq!((late.state, late.settled, late.settlement_no), (VisitState::LateCancelled, None, 0));
    }
}

#[test]
fn a_giver_is_never_charged_for_and_cancels_only_their_own() {
    let mut mine = visit();
    assert_eq!(mine.cancel(giver_side(OTHER), now(-1), paid()), Err(Refused::NotTheirVisit));
    assert_eq!(mine.cancel(giver_side(GIVER), now(-1), paid()), Ok(Outcome::Changed));
    assert_eq!((mine.state, mine.settlement_no), (VisitState::Cancelled, 0));
    assert_eq!(mine.cancel(team_side(), now(-1), paid()), Err(Refused::AlreadyCalledOff));
    assert_eq!(mine.cancel(giver_side(GIVER), now(-1), paid()), Ok(Outcome::Unchanged));
    let unstated = Moment { stated: false, ..now(2) };
    assert_eq!(mine.cancel(giver_side(GIVER), unstated, paid()), Ok(Outcome::Unchanged));
    assert_eq!(visit().cancel(giver_side(GIVER), now(1), paid()), Err(Refused::AlreadyOver));
}

#[test]
fn a_past_cancellation_counts_as_late_until_the_giver_confirms_it() {
    let mut visit = visit();
    assert_eq!(visit.cancel(team_side(), later(-48, false), paid()), Ok(Outcome::Changed));
    assert_eq!((visit.state, visit.settlement_no), (VisitState::LateCancelled, 1));
    assert!(visit.cancellation.expect("a cancellation").awaits_confirmation);
    assert_eq!(visit.confirm_cancellation(giver_side(OTHER)), Err(Refused::NotTheirVisit));
    assert_eq!(visit.confirm_cancellation(giver_side(GIVER)), Ok(Outcome::Changed));
    assert_eq!((visit.state, visit.settled, visit.settlement_no), (VisitState::Cancelled, None, 2));
    assert_eq!(visit.confirm_cancellation(giver_side(GIVER)), Ok(Outcome::Unchanged));
    assert_eq!(visit.cancel(team_side(), later(-48, false), paid()), Ok(Outcome::Unchanged));
}

#[test]
fn a_past_cancellation_that_was_late_anyway_waits_for_nobody() {
    let mut visit = visit();
    assert_eq!(visit.cancel(team_side(), later(-2, false), paid()), Ok(Outcome::Changed));
    assert!(!visit.cancellation.expect("a cancellation").awaits_confirmation);
    assert_eq!(visit.confirm_cancellation(giver_side(GIVER)), Err(Refused::NothingToConfirm));
}

#[test]
fn a_tenant_that_is_set_up_brings_its_cancellations_in_directly() {
    let mut visit = visit();
    assert_eq!(visit.cancel(team_side(), later(-48, true), paid()), Ok(Outcome::Changed));
    assert_eq!((visit.state, visit.brought_in), (VisitState::Cancelled, true));
}

#[test]
fn a_covered_visit_is_planned_again_with_the_covering_giver() {
    let mut visit = visit();
    assert_eq!(visit.propose_cover(team_side(), person(OTHER)), Err(Refused::NotCoverable));
    assert_eq!(visit.cancel(giver_side(GIVER), now(-2), paid()), Ok(Outcome::Changed));
    assert_eq!(visit.propose_cover(giver_side(GIVER), person(OTHER)), Err(Refused::NotTheirVisit));
    assert_eq!(visit.answer_cover(giver_side(OTHER), person(OTHER), true), Err(Refused::NothingProposed));
    assert_eq!(visit.propose_cover(team_side(), person(OTHER)), Ok(Outcome::Changed));
    assert_eq!(visit.propose_cover(team_side(), person(OTHER)), Ok(Outcome::Unchanged));
    assert_eq!(visit.propose_cover(team_side(), person(4)), Err(Refused::AnotherProposed));
    assert_eq!(visit.answer_cover(team_side(), person(OTHER), true), Err(Refused::SameSide));
    assert_eq!(visit.answer_cover(giver_side(4), person(OTHER), true), Err(Refused::NotTheirVisit));
    assert_eq!(visit.answer_cover(giver_side(OTHER), person(OTHER), true), Ok(Outcome::Changed));
    assert_eq!((visit.state, visit.giver), (VisitState::Planned, person(OTHER)));
    // All that came before may be repeated.
    assert_eq!(visit.cancel(giver_side(GIVER), now(-2), paid()), Ok(Outcome::Unchanged));
    assert_eq!(visit.propose_cover(team_side(), person(OTHER)), Ok(Outcome::Unchanged));
    assert_eq!(visit.answer_cover(giver_side(OTHER), person(OTHER), true), Ok(Outcome::Unchanged));
    assert_eq!(visit.agree(team_side(), now(2), paid()), Ok(Outcome::Changed));
    assert_eq!(
        visit.cancel(giver_side(GIVER), Moment { stated: false, ..now(9) }, paid()),
        Ok(Outcome::Unchanged)
    );
}

/// Proves APPT-08. Proves APPT-47.
#[test]
fn a_visit_is_moved_only_when_the_other_side_agrees() {
    let mut visit = visit();
    let evening = hours(10).naive_utc();
    assert_eq!(visit.answer_move(team_side(), evening, true), Err(Refused::NothingProposed));
    assert_eq!(visit.propose_move(giver_side(GIVER), evening), Ok(Outcome::Changed));
    assert_eq!(visit.answer_move(giver_side(GIVER), evening, true), Err(Refused::SameSide));
    assert_eq!(visit.propose_move(team_side(), hours(12).naive_utc()), Err(Refused::AnotherProposed));
    assert_eq!(visit.starts_local, visit.occurrence_local);
    assert_eq!(visit.answer_move(team_side(), evening, false), Ok(Outcome::Changed));
    assert_eq!(visit.starts_local, visit.occurrence_local);

    assert_eq!(visit.propose_move(team_side(), evening), Ok(Outcome::Changed));
    assert_eq!(visit.answer_move(giver_side(GIVER), evening, true), Ok(Outcome::Changed));
    assert_eq!((visit.starts_local, visit.plan.starts_at), (evening, hours(10)));
    assert_eq!(visit.day(), hours(0).date_naive());
    assert_eq!(visit.propose_move(team_side(), evening), Ok(Outcome::Unchanged));
    assert_eq!(visit.answer_move(giver_side(GIVER), evening, true), Ok(Outcome::Unchanged));
}

/// A yes is to what was seen: whoever proposes may change their mind until then, and an answer to what is not proposed
/// any more says so.
#[test]
fn a_yes_counts_for_the_time_and_the_giver_it_names() {
    let mut visit = visit();
    let (first, evening, night) = (visit.starts_local, hours(10).naive_utc(), hours(12).naive_utc());
    assert_eq!(visit.propose_move(team_side(), evening), Ok(Outcome::Changed));
    assert_eq!(visit.propose_move(team_side(), night), Ok(Outcome::Changed));
    assert_eq!(visit.answer_move(giver_side(GIVER), evening, true), Err(Refused::NothingProposed));
    assert_eq!(visit.propose_move(giver_side(GIVER), first), Err(Refused::AnotherProposed));
    assert_eq!(visit.propose_move(team_side(), first), Ok(Outcome::Changed));
    assert_eq!(visit.propose_move(team_side(), first), Ok(Outcome::Unchanged));
    assert_eq!(visit.answer_move(giver_side(GIVER), night, true), Err(Refused::NothingProposed));
    assert_eq!(visit.starts_local, first);

    // Moved there and back again: a repeated yes stays a yes.
    for time in [evening, first] {
        assert_eq!(visit.propose_move(team_side(), time), Ok(Outcome::Changed));
        assert_eq!(visit.answer_move(giver_side(GIVER), time, true), Ok(Outcome::Changed));
        assert_eq!(visit.answer_move(giver_side(GIVER), time, true), Ok(Outcome::Unchanged));
    }

    assert_eq!(visit.cancel(giver_side(GIVER), now(-2), paid()), Ok(Outcome::Changed));
    assert_eq!(visit.propose_cover(giver_side(OTHER), person(OTHER)), Ok(Outcome::Changed));
    assert_eq!(visit.forget_cover_by(person(OTHER)), Outcome::Changed);
    assert_eq!(visit.propose_cover(giver_side(4), person(4)), Ok(Outcome::Changed));
    assert_eq!(visit.answer_cover(team_side(), person(OTHER), true), Err(Refused::NothingProposed));
    assert_eq!(visit.answer_cover(team_side(), person(4), true), Ok(Outcome::Changed));
    assert_eq!(visit.giver, person(4));
}

#[test]
fn a_move_over_a_clock_change_keeps_the_wall_length() {
    let mut visit = visit();
    visit.wall_minutes = 120;
    let night =
        NaiveDate::from_ymd_opt(2026, 3, 29).and_then(|day| day.and_hms_opt(0, 30, 0)).expect("a time");
    assert_eq!(visit.propose_move(team_side(), night), Ok(Outcome::Changed));
    assert_eq!(visit.answer_move(giver_side(GIVER), night, true), Ok(Outcome::Changed));
    assert_eq!((visit.plan.ends_at - visit.plan.starts_at).num_minutes(), 60);
}

#[test]
fn what_happened_is_agreed_by_the_team_and_never_before_it_is_over() {
    let mut planned = visit();
    assert_eq!(planned.agree(giver_side(GIVER), now(2), paid()), Err(Refused::TeamSideOnly));
    assert_eq!(planned.agree(team_side(), now(0), paid()), Err(Refused::NotOverYet));
    let no_terms = OnTheDay { settlement: None, ..paid() };
    assert_eq!(planned.agree(team_side(), now(1), no_terms), Err(Refused::NoTerms));
    let no_promise = OnTheDay { promise_holds: false, ..paid() };
    assert_eq!(planned.agree(team_side(), now(1), no_promise), Err(Refused::PromiseNotSigned));
    assert_eq!(planned.agree(team_side(), now(1), paid()), Ok(Outcome::Changed));
    assert_eq!(planned.agree(team_side(), now(5), paid()), Ok(Outcome::Unchanged));
    assert_eq!(planned.settlement_no, 1);
    let mut gift = visit();
    let unpaid = OnTheDay { settlement: Some(Settlement::Gift), promise_holds: false, notice_hours: 24 };
    assert_eq!(gift.agree(team_side(), now(1), unpaid), Ok(Outcome::Changed));
}

#[test]
fn recorded_times_are_what_is_agreed_once_both_sides_stand_by_them() {
    let mut visit = visit();
    let (began, ended) = (hours(0), hours(1) + Duration::minutes(7));
    assert_eq!(visit.record_actual(team_side(), ended, began), Err(Refused::ActualOutOfRange));
    assert_eq!(
        visit.record_actual(team_side(), began, began + Duration::seconds(90)),
        Err(Refused::ActualOutOfRange)
    );
    assert_eq!(
        visit.record_actual(team_side(), began, began + Duration::hours(49)),
        Err(Refused::ActualOutOfRange)
    );
    assert_eq!(visit.record_actual(team_side(), began, ended), Ok(Outcome::Changed));
    assert_eq!(visit.agree(team_side(), now(3), paid()), Err(Refused::ActualNotAccepted));
    assert_eq!(visit.record_actual(giver_side(GIVER), began, ended), Ok(Outcome::Changed));
    assert_eq!(visit.agree(team_side(), now(3), paid()), Ok(Outcome::Changed));
    assert_eq!(visit.settled.map(|settled| settled.period.ends_at), Some(ended));
    assert_eq!((visit.plan.ends_at, visit.settlement_no), (hours(1), 1));
    assert_eq!(visit.record_actual(giver_side(GIVER), began, ended), Ok(Outcome::Unchanged));

    // A correction counts once it is agreed too.
    assert_eq!(visit.record_actual(giver_side(GIVER), began, hours(1)), Ok(Outcome::Changed));
    assert_eq!(visit.settlement_no, 1);
    assert_eq!(visit.agree(team_side(), now(4), paid()), Ok(Outcome::Changed));
    assert_eq!(
        (visit.settled.map(|settled| settled.period.ends_at), visit.settlement_no),
        (Some(hours(1)), 2)
    );
}

#[test]
fn a_missed_visit_settles_nothing_and_no_giver_is_overruled() {
    let mut missed = visit();
    assert_eq!(missed.mark_missed(giver_side(GIVER), now(1)), Err(Refused::TeamSideOnly));
    assert_eq!(missed.mark_missed(team_side(), now(-1)), Err(Refused::NotOverYet));
    assert_eq!(missed.mark_missed(team_side(), now(1)), Ok(Outcome::Changed));
    assert_eq!(missed.mark_missed(team_side(), now(9)), Ok(Outcome::Unchanged));
    assert_eq!((missed.state, missed.settlement_no), (VisitState::Missed, 0));
    assert_eq!(
        missed.agree(team_side(), now(9), paid()),
        Err(Refused::WrongState { state: VisitState::Missed })
    );

    let mut held = visit();
    assert_eq!(held.record_actual(giver_side(GIVER), hours(0), hours(1)), Ok(Outcome::Changed));
    assert_eq!(held.mark_missed(team_side(), now(2)), Err(Refused::ActualRecorded));
}

/// One of all things that can be done to a visit.
fn step(visit: &mut Visit, which: u8, who: u128, hour: i64, preparing: bool) -> Result<Outcome, Refused> {
    let actor = if who == OWNER { team_side() } else { giver_side(who) };
    let moment = later(hour, preparing);
    let covering = visit.proposed_cover.map_or(visit.giver, |proposal| proposal.giver);
    let time = visit.proposed_move.map_or(visit.starts_local, |proposal| proposal.starts_local);
    match which {
        0 => visit.cancel(actor, moment, paid()),
        1 => visit.confirm_cancellation(actor),
        2 => visit.propose_cover(actor, person(OTHER)),
        3 => visit.answer_cover(actor, covering, hour % 2 == 0),
        4 => visit.propose_move(actor, hours(hour).naive_utc()),
        5 => visit.answer_move(actor, time, hour % 2 == 0),
        6 => visit.record_actual(actor, hours(0), hours(1 + hour.rem_euclid(4))),
        7 => visit.agree(actor, moment, paid()),
        _ => visit.mark_missed(actor, moment),
    }
}

proptest! {
    /// Whatever is done in whatever order: a refusal changes nothing, a repeat changes nothing, what is settled and its
    /// number move together, and money is settled only where it may be.
    #[test]
    fn what_always_holds(
        steps in prop::collection::vec((0_u8..9, 1_u128..4, -60_i64..60, any::<bool>()), 1..40),
    ) {
        let mut visit = visit();
        for (which, who, hour, preparing) in steps {
            let before = visit.clone();
            let outcome = step(&mut visit, which, who, hour, preparing);
            prop_assert_eq!(visit != before, outcome == Ok(Outcome::Changed));
            prop_assert_eq!(visit.settlement_no - before.settlement_no, i64::from(visit.settled != before.settled));
            let settles = matches!(visit.state, VisitState::Agreed | VisitState::LateCancelled);
            prop_assert_eq!(visit.settled.is_some(), settles);
            prop_assert!(visit.plan.ends_at > visit.plan.starts_at);
            prop_assert_eq!(visit.occurrence_local, before.occurrence_local);
            if visit.state == VisitState::Agreed && before.state != VisitState::Agreed {
                prop_assert_eq!(who, OWNER);
            }
            if visit.starts_local != before.starts_local {
                prop_assert_eq!(before.proposed_move.map(|proposal| proposal.by == Side::Team), Some(who != OWNER));
            }
            // Saying the same again is the same, where it was said with success (a declined proposal is gone).
            let declined = matches!(which, 3 | 5) && hour % 2 != 0;
            if outcome == Ok(Outcome::Changed) && !declined {
                let after = visit.clone();
                prop_assert_eq!(step(&mut visit, which, who, hour, preparing), Ok(Outcome::Unchanged));
                prop_assert_eq!(&visit, &after);
            }
        }
    }
}
