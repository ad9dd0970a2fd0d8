//! Somebody leaves the tenant: their places and hats in every Circle end, no decision waits for them, and the Circle stays able
//! to act.

use kith_platform::fields::timestamp;
use kith_platform::id::{PersonId, TenantId};
use kith_platform::testing::{World, reason, request_of};
use kith_proto::common::v1::{PersonSnapshot, TenantSnapshot, TenantState};
use kith_proto::governance::v1::circles_service_server::CirclesService as _;
use kith_proto::governance::v1::{self as pb, CircleHat, SeatState};
use kith_proto::identity::v1::{PersonLeft, TenantCreated};
use prost::Message as _;
use tonic::Code;

use crate::stage::{Stage, words};

fn no(code: Code, word: &str) -> (Code, String) {
    (code, word.to_owned())
}

/// Identity tells that somebody has left.
fn left(person: PersonId, world: &World) -> PersonLeft {
    PersonLeft {
        state: Some(PersonSnapshot {
            person_id: person.to_string(),
            joined: true,
            left: true,
            left_time: Some(timestamp(world.clock.now())),
        }),
    }
}

async fn leaves(stage: &Stage, person: PersonId, no: i64) {
    stage.world.deliver(&stage.host, stage.tenant, person, no, &left(person, &stage.world)).await;
}

fn seat(circle: &pb::Circle, person: PersonId) -> pb::CircleMember {
    let seat = circle.members.iter().find(|member| member.person_id == person.to_string());
    seat.expect("a place").clone()
}

/// Proves ID-37 for Circles: whoever leaves the place leaves every Circle with it, hats included; its members see since when, the
/// others hear of it once, and a round that is under way does not wait for them.
#[tokio::test]
async fn whoever_leaves_the_place_leaves_every_circle_and_no_round_waits_for_them() {
    let (stage, circle, people) = Stage::with_circle(3).await;
    let (facilitator, stays, goes) = (people[0], people[1], people[2]);
    let hat = CircleHat::NumbersPerson;
    let asked = stage.propose_hat(facilitator, &circle, goes, hat, "2026-11-01").await.expect("asked");
    let holding = asked.hats.last().expect("a hat").id.clone();
    stage.answer_hat(goes, &circle, &holding, true).await.expect("held");
    let later = stage.propose_hat(facilitator, &circle, goes, CircleHat::Secretary, "2027-11-01").await;
    later.expect("asked, and not answered");
    stage.go_live().await;
    let proposal = stage.open_round(facilitator, &circle, words("We share the cooking.")).await;
    for person in [facilitator, stays] {
        stage.answer(person, &proposal, 1, "").await.expect("consented");
    }
    let waits = stage.record(facilitator, &proposal).await.expect_err("one has not answered");
    assert_eq!(reason(&waits), no(Code::FailedPrecondition, "CONSENT_MISSING"));
    let before = stage.told_since(0).await.len();

    stage.world.clock.advance(chrono::Duration::days(3));
    leaves(&stage, goes, 2).await;
    let told = stage.world.written(&stage.host).await.split_off(before);
    let types: Vec<&str> = told.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["governance.circle.members_changed.v1"], "the Circle is told of once");
    let told = pb::CircleMembersChanged::decode(told[0].payload.as_slice()).expect("the event");
    let told = told.state.expect("a state");
    let read = stage.circle(stays, &circle).await.expect("the Circle goes on");
    let ended = seat(&read, goes);
    let dates = |member: &pb::CircleMember| (member.state(), member.valid_until.clone());
    assert_eq!(dates(&ended), (SeatState::Ended, "2026-11-24".to_owned()));
    assert_eq!(dates(&seat(&read, stays)), (SeatState::Held, String::new()));
    assert!(told.members.contains(&ended), "the others hear the same");
    let hats = |hats: &[pb::CircleHatHolding]| -> Vec<(CircleHat, SeatState, String)> {
        let theirs = hats.iter().filter(|hat| hat.person_id == goes.to_string());
        theirs.map(|hat| (hat.hat(), hat.state(), hat.valid_until.clone())).collect()
    };
    let worn = (hat, SeatState::Ended, "2026-11-24".to_owned());
    let never = (CircleHat::Secretary, SeatState::Ended, "2027-11-01".to_owned());
    assert_eq!(hats(&read.hats), [worn.clone(), never], "what was not answered never held");
    assert_eq!(hats(&told.hats), [worn]);
    let again = stage.answer_hat(goes, &circle, &read.hats[2].id, true).await.expect_err("they have left");
    assert_eq!(reason(&again), no(Code::FailedPrecondition, "HAS_LEFT"));

    let decision = stage.record(facilitator, &proposal).await.expect("nobody else is waited for");
    let mut consented = decision.consented_person_ids;
    consented.sort();
    let mut expected = [facilitator.to_string(), stays.to_string()];
    expected.sort();
    assert_eq!(consented, expected);

    // Told again it changes nothing, and nobody asks them in again.
    let so_far = stage.told_since(0).await.len();
    leaves(&stage, goes, 3).await;
    assert_eq!(stage.told_since(so_far).await, Vec::<String>::new());
    let refused = stage.invite(stays, &circle, goes, "").await.expect_err("they have left");
    assert_eq!(reason(&refused), no(Code::NotFound, "NOT_FOUND"));
    let refused = stage.propose_hat(facilitator, &circle, goes, hat, "2026-12-01").await.expect_err("left");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "NOT_A_MEMBER"), "as of anybody else");
}

/// An argument stays true when its owner leaves: nobody overrules it, and it is worked into a new version like any other,
/// about which those who are there are asked anew.
#[tokio::test]
async fn an_objection_of_who_has_left_is_worked_in_and_not_dropped() {
    let (stage, circle, people) = Stage::with_circle(3).await;
    let (facilitator, stays, goes) = (people[0], people[1], people[2]);
    stage.go_live().await;
    let proposal = stage.open_round(facilitator, &circle, words("We share the cooking.")).await;
    for person in [facilitator, stays] {
        stage.answer(person, &proposal, 1, "").await.expect("consented");
    }
    stage.answer(goes, &proposal, 1, "not everybody can stand").await.expect("objected");
    leaves(&stage, goes, 2).await;
    let refused = stage.record(facilitator, &proposal).await.expect_err("it stands");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "OBJECTION_STANDS"));
    let etag = stage.proposal(stays, &proposal).await.expect("the proposal").etag;
    let integrated = words("We share the cooking, sitting down.");
    stage.amend(facilitator, &proposal, integrated, &etag).await.expect("a new version");
    for person in [facilitator, stays] {
        stage.answer(person, &proposal, 2, "").await.expect("consented");
    }
    let decision = stage.record(facilitator, &proposal).await.expect("decided");
    assert_eq!(decision.consented_person_ids.len(), 2);
}

/// A Circle whose Facilitator leaves in the midst of a round asks somebody else for the hat and decides.
#[tokio::test]
async fn a_circle_whose_facilitator_leaves_stays_able_to_act() {
    let (stage, circle, people) = Stage::with_circle(3).await;
    let (goes, next, stays) = (people[0], people[1], people[2]);
    stage.go_live().await;
    let proposal = stage.open_round(goes, &circle, words("We share the cooking.")).await;
    for person in [next, stays] {
        stage.answer(person, &proposal, 1, "").await.expect("consented");
    }
    let hat = CircleHat::Facilitator;
    let early = stage.propose_hat(stays, &circle, next, hat, "2026-11-21").await.expect_err("there is one");
    assert_eq!(reason(&early), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    leaves(&stage, goes, 2).await;
    let refused = stage.record(goes, &proposal).await.expect_err("no member any more");
    assert_eq!(reason(&refused), no(Code::NotFound, "NOT_FOUND"));
    let asked = stage.propose_hat(stays, &circle, next, hat, "2026-11-21").await.expect("any member asks");
    let holding = asked.hats.iter().find(|hat| hat.person_id == next.to_string()).expect("the hat");
    stage.answer_hat(next, &circle, &holding.id, true).await.expect("worn");
    stage.record(next, &proposal).await.expect("decided");
}

/// A Circle that everybody has left could never act again: then an administrator asks somebody in, and only then.
#[tokio::test]
async fn into_a_circle_that_everybody_has_left_an_administrator_asks_somebody() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    stage.go_live().await;
    let newcomer = stage.world.person();
    let (asks, denied) = (stage.administrator, no(Code::PermissionDenied, "PERMISSION_DENIED"));
    for (gone, person) in people.iter().enumerate() {
        let refused = stage.invite(asks, &circle, newcomer, "").await.expect_err("theirs to ask");
        assert_eq!(reason(&refused), denied, "{gone} are gone");
        leaves(&stage, *person, 2).await;
    }
    let refused = stage.invite(newcomer, &circle, newcomer, "").await.expect_err("nobody in particular");
    assert_eq!(reason(&refused), denied);
    stage.invite(asks, &circle, newcomer, "").await.expect("asked in");
    stage.join(newcomer, &circle, true).await.expect("said yes");
    let another = stage.world.person();
    let refused = stage.invite(asks, &circle, another, "").await.expect_err("there is somebody again");
    assert_eq!(reason(&refused), denied);
    stage.invite(newcomer, &circle, another, "").await.expect("a member asks");
}

/// What is told in another order than it happened comes to the same: a founder who has left has no place, and somebody who left
/// before they answered never had one.
#[tokio::test]
async fn who_left_before_it_was_heard_takes_no_place() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    stage.go_live().await;
    let asked = stage.world.person();
    stage.invite(people[0], &circle, asked, "").await.expect("asked");
    let before = stage.told_since(0).await.len();
    leaves(&stage, asked, 2).await;
    let refused = stage.join(asked, &circle, true).await.expect_err("they have left");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "HAS_LEFT"));
    let told = stage.world.written(&stage.host).await.split_off(before);
    let told = pb::CircleMembersChanged::decode(told[0].payload.as_slice()).expect("the event");
    assert_eq!(told.state.expect("a state").members.len(), 1, "they were never in it");

    let (tenant, founder) = (TenantId(stage.world.person().0), stage.world.person());
    stage.world.know_tenant(&stage.host, tenant, true).await;
    stage.world.deliver(&stage.host, tenant, founder, 1, &left(founder, &stage.world)).await;
    let first_circle_id = stage.id();
    let state = Some(TenantSnapshot {
        tenant_id: tenant.to_string(),
        state: TenantState::Preparing.into(),
        time_zone: "Europe/London".into(),
        epoch: 1,
        first_circle_id: first_circle_id.clone(),
        founder_person_id: founder.to_string(),
    });
    stage.world.deliver(&stage.host, tenant, tenant.0, 1, &TenantCreated { state }).await;
    let request = pb::GetCircleRequest { id: first_circle_id };
    let read = stage.circles.get_circle(request_of(tenant, stage.world.person(), request)).await;
    let read = read.expect("a Circle").into_inner().circle.expect("a Circle");
    assert_eq!(seat(&read, founder).state(), SeatState::Ended);
}
