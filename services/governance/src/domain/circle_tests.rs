//! Circles: who is asked, who answers, who wears what, and who leaves.

use kith_platform::id::Uuid;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

fn live() -> Reach {
    Reach { today: day("2026-03-10"), earliest: Some(day("2026-01-24")) }
}

fn circle_of(people: u128) -> Circle {
    let mut circle = Circle {
        id: CircleId(Uuid::from_u128(99)),
        display_name: "Clapton".into(),
        aim: "care".into(),
        domain: "Clapton".into(),
        members: Vec::new(),
        hats: Vec::new(),
        created_at: DateTime::default(),
        version: 1,
    };
    for number in 1..=people {
        circle.invite(person(number), None, day("2026-03-01"), live()).expect("asked").changed();
        circle.answer_invitation(person(number), true).expect("said yes").changed();
    }
    circle
}

fn holding(id: u128, hat: Hat, who: u128, from: &str, until: &str) -> Holding {
    Holding {
        id: HoldingId(Uuid::from_u128(id)),
        hat,
        person: person(who),
        state: Seat::Proposed,
        valid_from: day(from),
        valid_until: day(until),
    }
}

impl Outcome {
    fn changed(self) {
        assert_eq!(self, Self::Changed);
    }

    fn unchanged(self) {
        assert_eq!(self, Self::Unchanged);
    }
}

#[test]
fn membership_needs_both_sides_and_begins_on_its_day() {
    let mut circle = circle_of(0);
    assert_eq!(circle.answer_invitation(person(1), true), Err(Refused::NotInvited));
    circle.invite(person(1), Some(day("2026-04-01")), day("2026-03-01"), live()).expect("asked").changed();
    assert!(circle.current_members(day("2026-05-01")).is_empty(), "asked is not a member");
    circle.answer_invitation(person(1), true).expect("said yes").changed();
    assert!(!circle.has_member(person(1), day("2026-03-31")));
    assert!(circle.has_member(person(1), day("2026-04-01")));
}

#[test]
fn the_same_again_changes_nothing_and_another_answer_is_refused() {
    let mut circle = circle_of(1);
    circle.invite(person(1), Some(day("2026-03-01")), day("2026-03-09"), live()).expect("again").unchanged();
    circle.invite(person(1), None, day("2026-03-09"), live()).expect("again").unchanged();
    circle.answer_invitation(person(1), true).expect("again").unchanged();
    assert_eq!(circle.answer_invitation(person(1), false), Err(Refused::AlreadyAnswered));
    let other_day = circle.invite(person(1), Some(day("2026-03-02")), day("2026-03-09"), live());
    assert_eq!(other_day, Err(Refused::AlreadyMember));
}

#[test]
fn someone_who_declined_may_be_asked_for_another_day_only() {
    let mut circle = circle_of(0);
    let asked_on = day("2026-03-01");
    circle.invite(person(1), Some(asked_on), asked_on, live()).expect("asked").changed();
    circle.answer_invitation(person(1), false).expect("said no").changed();
    circle.invite(person(1), Some(asked_on), asked_on, live()).expect("again").unchanged();
    assert_eq!(circle.members[0].state, Seat::Declined);
    circle.invite(person(1), Some(day("2026-04-01")), asked_on, live()).expect("anew").changed();
    assert_eq!(circle.members[0].state, Seat::Proposed);
}

#[test]
fn only_a_tenant_in_preparation_reaches_far_back() {
    let mut circle = circle_of(0);
    let long_ago = Some(day("2026-01-23"));
    let refused = circle.invite(person(1), long_ago, day("2026-03-01"), live());
    assert_eq!(refused, Err(Refused::TooFarBack { days: 45 }));
    let preparing = Reach { earliest: None, ..live() };
    circle.invite(person(1), long_ago, day("2026-03-01"), preparing).expect("asked").changed();
}

#[test]
fn a_hat_is_worn_by_its_wearers_consent_and_only_in_its_term() {
    let mut circle = circle_of(1);
    let wanted = holding(10, Hat::Facilitator, 1, "2026-03-01", "2028-03-01");
    let (id, outcome) = circle.propose_hat(wanted, true).expect("asked");
    outcome.changed();
    assert!(!circle.wears(person(1), Hat::Facilitator, day("2026-03-01")), "not before the yes");
    circle.answer_hat(id, true).expect("known").expect("said yes").changed();
    assert!(!circle.wears(person(1), Hat::Facilitator, day("2026-02-28")));
    assert!(circle.wears(person(1), Hat::Facilitator, day("2026-03-01")));
    assert!(circle.wears(person(1), Hat::Facilitator, day("2028-02-29")));
    assert!(!circle.wears(person(1), Hat::Facilitator, day("2028-03-01")));
    assert_eq!(circle.answer_hat(id, false), Some(Err(Refused::AlreadyAnswered)));
}

#[test]
fn a_term_has_an_end_within_two_years_and_a_member() {
    let mut circle = circle_of(1);
    let too_long = holding(10, Hat::Leader, 1, "2026-03-01", "2028-03-02");
    assert_eq!(circle.propose_hat(too_long, true), Err(Refused::TermTooLong));
    let empty = holding(10, Hat::Leader, 1, "2026-03-01", "2026-03-01");
    assert_eq!(circle.propose_hat(empty, true), Err(Refused::TermBackwards));
    let stranger = holding(10, Hat::Leader, 2, "2026-03-01", "2026-04-01");
    assert_eq!(circle.propose_hat(stranger, true), Err(Refused::NotAMember));
}

#[test]
fn leader_and_delegate_are_different_people_at_any_time() {
    let mut circle = circle_of(2);
    let leader = holding(10, Hat::Leader, 1, "2026-03-01", "2027-03-01");
    circle.propose_hat(leader, true).expect("asked").1.changed();
    let same_person = holding(11, Hat::Delegate, 1, "2027-02-28", "2028-01-01");
    assert_eq!(circle.propose_hat(same_person, true), Err(Refused::LeaderIsDelegate));
    let afterwards = holding(12, Hat::Delegate, 1, "2027-03-01", "2028-01-01");
    circle.propose_hat(afterwards, true).expect("the terms do not meet").1.changed();
    let other_person = holding(13, Hat::Delegate, 2, "2026-03-01", "2027-03-01");
    circle.propose_hat(other_person, true).expect("another person").1.changed();
}

#[test]
fn a_hat_asked_for_again_is_found_and_never_doubled() {
    let mut circle = circle_of(1);
    let wanted = holding(10, Hat::Secretary, 1, "2026-03-01", "2027-03-01");
    circle.propose_hat(wanted, true).expect("asked").1.changed();
    circle.propose_hat(wanted, true).expect("again").1.unchanged();
    let new_id = Holding { id: HoldingId(Uuid::from_u128(11)), ..wanted };
    let (found, outcome) = circle.propose_hat(new_id, false).expect("found");
    outcome.unchanged();
    assert_eq!(found, wanted.id);
    assert_eq!(circle.propose_hat(new_id, true), Err(Refused::HatAlreadyAsked));
    let other_content = Holding { hat: Hat::Leader, ..wanted };
    assert_eq!(circle.propose_hat(other_content, true), Err(Refused::IdExists));
    assert_eq!(circle.hats.len(), 1);
}

#[test]
fn a_circle_is_left_by_all_only_once_somebody_was_in_it_and_everybody_has_gone() {
    let mut circle = circle_of(0);
    assert!(!circle.is_left_by_all(), "nobody was ever in it");
    circle.invite(person(1), Some(day("2026-03-20")), day("2026-03-10"), live()).expect("asked").changed();
    assert!(!circle.is_left_by_all(), "somebody is asked");
    circle.answer_invitation(person(1), true).expect("said yes").changed();
    assert!(!circle.is_left_by_all(), "somebody comes in ten days");
    circle.part_with(person(1), day("2026-03-12"));
    assert!(circle.is_left_by_all());
    circle.invite(person(2), None, day("2026-03-12"), live()).expect("asked").changed();
    circle.answer_invitation(person(2), true).expect("said yes").changed();
    assert!(!circle.is_left_by_all(), "somebody is there");
}
