//! Founding a Circle, its members and its hats.

use kith_governance::{Circles, SERVICE};
use kith_platform::id::{PersonId, TenantId};
use kith_platform::testing::{World, reason, request_of, wrong_fields};
use kith_proto::common::v1::PersonSnapshot;
use kith_proto::common::v1::{TenantSnapshot, TenantState};
use kith_proto::governance::v1::circles_service_server::CirclesService as _;
use kith_proto::governance::v1::{self as pb, CircleHat, SeatState};
use kith_proto::identity::v1::{PersonJoined, PersonLeft, TenantCreated, TenantWentLive};
use prost::Message as _;
use prost_types::Timestamp;
use tonic::Code;

use crate::stage::Stage;

fn no(code: Code, word: &str) -> (Code, String) {
    (code, word.to_owned())
}

#[tokio::test]
async fn an_administrator_founds_a_circle_and_everybody_joins_for_themselves() {
    let stage = Stage::new().await;
    let circle = stage.create("Clapton Care Circle").await.expect("a Circle");
    assert_eq!(circle.aim, "good care in Clapton");
    let (ada, stranger) = (stage.world.person(), stage.world.person());
    let asked = stage.invite(stage.administrator, &circle.id, ada, "").await.expect("asked");
    assert_eq!(asked.members[0].state(), SeatState::Proposed);
    assert_eq!(asked.members[0].valid_from, "2026-11-21");

    for by in [stage.administrator, stranger] {
        let refused = stage.join(by, &circle.id, true).await.expect_err("nobody asked them");
        assert_eq!(reason(&refused), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    }
    let refused = stage.invite(stranger, &circle.id, stranger, "").await.expect_err("a stranger");
    assert_eq!(reason(&refused), no(Code::PermissionDenied, "PERMISSION_DENIED"));

    let joined = stage.join(ada, &circle.id, true).await.expect("said yes");
    assert_eq!(joined.members[0].state(), SeatState::Held);
    let seen = stage.circle(stranger, &circle.id).await.expect("what a Circle is is open to everybody");
    assert_eq!(seen, joined);

    let written = stage.world.written(&stage.host).await;
    let types: Vec<&str> = written.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "governance.circle.created.v1",
            "governance.circle.members_changed.v1",
            "governance.circle.members_changed.v1"
        ]
    );
    let told = |place: usize| {
        let event = pb::CircleMembersChanged::decode(written[place].payload.as_slice()).expect("an event");
        event.state.expect("a state").members.len()
    };
    assert_eq!((told(1), told(2)), (0, 1), "only those who said yes are told about");
}

#[tokio::test]
async fn only_an_administrator_founds_and_only_while_preparing_asks_people_in() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let request = stage.create_request("Another Circle");
    let refused = stage.circles.create_circle(request_of(stage.tenant, people[0], request)).await;
    assert_eq!(reason(&refused.expect_err("a member")), no(Code::PermissionDenied, "PERMISSION_DENIED"));

    stage.go_live().await;
    let newcomer = stage.world.person();
    let refused = stage.invite(stage.administrator, &circle, newcomer, "").await.expect_err("live");
    assert_eq!(reason(&refused), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    let hat = CircleHat::Secretary;
    for by in [stage.administrator, people[1]] {
        let refused = stage.propose_hat(by, &circle, people[1], hat, "2026-12-01").await;
        let refused = refused.expect_err("not the Facilitator");
        assert_eq!(reason(&refused), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    }
    stage.invite(people[1], &circle, newcomer, "").await.expect("a member asks");
    stage.propose_hat(people[0], &circle, people[1], hat, "2026-12-01").await.expect("the Facilitator asks");
}

#[tokio::test]
async fn a_facilitator_whose_term_is_over_facilitates_no_more() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    stage.go_live().await;
    stage.world.clock.advance(chrono::Duration::days(345));
    let refused = stage.propose_hat(people[0], &circle, people[1], CircleHat::Secretary, "2027-12-01").await;
    assert_eq!(reason(&refused.expect_err("over")), no(Code::PermissionDenied, "PERMISSION_DENIED"));
}

#[tokio::test]
async fn only_the_wearer_answers_for_a_hat() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let asked = stage.propose_hat(people[0], &circle, people[1], CircleHat::Leader, "2026-12-01").await;
    let holding = asked.expect("asked").hats[1].id.clone();
    let refused = stage.answer_hat(people[0], &circle, &holding, true).await.expect_err("not theirs");
    assert_eq!(reason(&refused), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    let refused = stage.answer_hat(people[1], &circle, &stage.id(), true).await.expect_err("unknown");
    assert_eq!(reason(&refused), no(Code::NotFound, "NOT_FOUND"));
    let held = stage.answer_hat(people[1], &circle, &holding, true).await.expect("said yes");
    assert_eq!(held.hats[1].state(), SeatState::Held);
    let told = stage.world.written(&stage.host).await;
    let last = pb::CircleHatsChanged::decode(told.last().expect("an event").payload.as_slice());
    assert_eq!(last.expect("an event").state.expect("a state").hats, held.hats);

    let count = told.len();
    stage.answer_hat(people[1], &circle, &holding, true).await.expect("again");
    let refused = stage.answer_hat(people[1], &circle, &holding, false).await.expect_err("answered");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "ALREADY_ANSWERED"));
    assert_eq!(stage.told_since(count).await.len(), 0, "the same again changes nothing");
}

#[tokio::test]
async fn every_rule_about_places_and_hats_says_no_with_its_own_reason() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let by = people[0];
    let member_again = stage.invite(by, &circle, people[1], "2026-11-22").await;
    assert_eq!(reason(&member_again.expect_err("member")), no(Code::FailedPrecondition, "ALREADY_MEMBER"));
    let newcomer = stage.world.person();
    stage.invite(by, &circle, newcomer, "2026-12-01").await.expect("asked");
    let asked_again = stage.invite(by, &circle, newcomer, "2026-12-02").await;
    assert_eq!(reason(&asked_again.expect_err("asked")), no(Code::FailedPrecondition, "ALREADY_INVITED"));
    stage.join(newcomer, &circle, false).await.expect("said no");
    let changed_mind = stage.join(newcomer, &circle, true).await;
    assert_eq!(reason(&changed_mind.expect_err("no")), no(Code::FailedPrecondition, "ALREADY_ANSWERED"));

    let term = ("2026-12-01", "2027-12-01");
    let hat = async |person: PersonId, hat: CircleHat, term: (&str, &str)| {
        reason(&stage.propose_term(by, &circle, person, hat, term).await.expect_err("refused"))
    };
    let (failed, invalid) = (Code::FailedPrecondition, Code::InvalidArgument);
    assert_eq!(hat(newcomer, CircleHat::Leader, term).await, no(failed, "NOT_A_MEMBER"));
    let backwards = ("2026-12-01", "2026-12-01");
    assert_eq!(hat(people[1], CircleHat::Leader, backwards).await, no(invalid, "TERM_BACKWARDS"));
    let too_long = ("2026-12-01", "2028-12-02");
    assert_eq!(hat(people[1], CircleHat::Leader, too_long).await, no(invalid, "TERM_TOO_LONG"));
    stage.propose_term(by, &circle, people[1], CircleHat::Leader, term).await.expect("asked");
    assert_eq!(hat(people[1], CircleHat::Leader, term).await, no(failed, "HAT_ALREADY_ASKED"));
    assert_eq!(hat(people[1], CircleHat::Delegate, term).await, no(failed, "LEADER_IS_DELEGATE"));
}

#[tokio::test]
async fn a_live_tenant_reaches_45_days_back_and_nothing_lies_in_the_future() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let ask = |occurred_at: &str, valid_from: &str| pb::InviteCircleMemberRequest {
        request_id: stage.id(),
        circle_id: circle.clone(),
        person_id: stage.world.person().to_string(),
        valid_from: valid_from.into(),
        occurred_at: Some(Timestamp {
            seconds: chrono::DateTime::parse_from_rfc3339(occurred_at).expect("a moment").timestamp(),
            nanos: 0,
        }),
    };
    let call = async |request| {
        let request: pb::InviteCircleMemberRequest = request;
        stage.introduce(request.person_id.parse().map(PersonId).expect("an id")).await;
        let answer = stage.circles.invite_circle_member(request_of(stage.tenant, people[0], request)).await;
        answer.map(|answer| answer.into_inner().circle.expect("a Circle").members)
    };
    let long_ago = call(ask("2026-03-01T09:00:00Z", "")).await.expect("history is brought in");
    assert_eq!(long_ago[1].valid_from, "2026-03-01", "the day on which it happened");
    let future = call(ask("2026-11-21T12:00:01Z", "2026-11-21")).await.expect_err("in the future");
    assert_eq!(reason(&future), no(Code::InvalidArgument, "IN_THE_FUTURE"));

    stage.go_live().await;
    let too_far = call(ask("2026-10-07T11:59:59Z", "2026-11-01")).await.expect_err("too far back");
    assert_eq!(reason(&too_far), no(Code::InvalidArgument, "TOO_FAR_BACK"));
    let too_far = call(ask("2026-11-20T09:00:00Z", "2026-10-06")).await.expect_err("too far back");
    assert_eq!(reason(&too_far), no(Code::InvalidArgument, "TOO_FAR_BACK"));
    call(ask("2026-10-08T09:00:00Z", "2026-10-07")).await.expect("45 days back");
}

#[tokio::test]
async fn a_repeat_is_answered_the_same_and_reused_ids_are_refused() {
    let stage = Stage::new().await;
    let request = pb::CreateCircleRequest { id: stage.id(), ..stage.create_request("Clapton") };
    let call = |request: pb::CreateCircleRequest| {
        stage.circles.create_circle(request_of(stage.tenant, stage.administrator, request))
    };
    let first = call(request.clone()).await.expect("a Circle").into_inner().circle.expect("a Circle");
    assert_eq!(first.id, request.id);
    let again = call(request.clone()).await.expect("the same").into_inner().circle.expect("a Circle");
    assert_eq!(again, first);
    let other = pb::CreateCircleRequest { aim: "another".into(), ..request.clone() };
    let refused = call(other.clone()).await.expect_err("other content");
    assert_eq!(reason(&refused), no(Code::AlreadyExists, "REQUEST_ID_REUSED"));

    let days_later = pb::CreateCircleRequest { request_id: stage.id(), ..request };
    let found = call(days_later).await.expect("it exists").into_inner().circle.expect("a Circle");
    assert_eq!(found, first);
    let other = pb::CreateCircleRequest { request_id: stage.id(), ..other };
    let refused = call(other).await.expect_err("other content");
    assert_eq!(reason(&refused), no(Code::AlreadyExists, "ID_EXISTS"));

    let ada = stage.world.person();
    stage.invite(stage.administrator, &first.id, ada, "").await.expect("asked");
    stage.join(ada, &first.id, true).await.expect("said yes");
    let so_far = stage.told_since(0).await.len();
    stage.world.clock.advance(chrono::Duration::days(3));
    stage.invite(stage.administrator, &first.id, ada, "").await.expect("again, days later");
    stage.join(ada, &first.id, true).await.expect("again, days later");
    assert_eq!(stage.told_since(so_far).await.len(), 0, "nothing changed");
}

#[tokio::test]
async fn a_hat_asked_for_again_is_found_and_its_id_belongs_to_one_circle() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let request = pb::ProposeCircleHatRequest {
        request_id: stage.id(),
        id: stage.id(),
        circle_id: circle.clone(),
        hat: CircleHat::Secretary.into(),
        person_id: people[1].to_string(),
        valid_from: "2026-12-01".into(),
        valid_until: "2027-12-01".into(),
    };
    let call = async |request| {
        let answer = stage.circles.propose_circle_hat(request_of(stage.tenant, stage.administrator, request));
        answer.await.map(|answer| answer.into_inner().circle.expect("a Circle"))
    };
    let first = call(request.clone()).await.expect("asked");
    let again = pb::ProposeCircleHatRequest { request_id: stage.id(), ..request.clone() };
    assert_eq!(call(again.clone()).await.expect("found"), first);
    let without_id = pb::ProposeCircleHatRequest { request_id: stage.id(), id: String::new(), ..again };
    assert_eq!(call(without_id).await.expect("found"), first);

    let other = stage.create("Hackney Care Circle").await.expect("a Circle").id;
    stage.invite(stage.administrator, &other, people[1], "").await.expect("asked");
    stage.join(people[1], &other, true).await.expect("said yes");
    let elsewhere = pb::ProposeCircleHatRequest { request_id: stage.id(), circle_id: other, ..request };
    let refused = call(elsewhere).await.expect_err("the id is taken");
    assert_eq!(reason(&refused), no(Code::AlreadyExists, "ID_EXISTS"));
}

#[tokio::test]
async fn another_tenants_circle_is_like_none() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let elsewhere: TenantId = stage.world.tenant(&stage.host, true).await;
    let ask = async |id: String| {
        let request = pb::GetCircleRequest { id };
        let refused = stage.circles.get_circle(request_of(elsewhere, people[0], request)).await;
        let refused = refused.expect_err("not there");
        (reason(&refused), refused.message().to_owned())
    };
    let (foreign, unknown) = (ask(circle).await, ask(stage.id()).await);
    assert_eq!(foreign, unknown);
    assert_eq!(foreign.0, no(Code::NotFound, "NOT_FOUND"));
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let stage = Stage::new().await;
    let request = pb::CreateCircleRequest {
        request_id: "x".into(),
        id: "y".into(),
        display_name: "n".repeat(101),
        aim: " ".into(),
        domain: "d".repeat(2001),
    };
    let refused = stage.circles.create_circle(request_of(stage.tenant, stage.administrator, request)).await;
    let wrong = wrong_fields(&refused.expect_err("wrong"));
    assert_eq!(wrong, ["request_id", "id", "display_name", "aim", "domain"]);
    let request =
        pb::ProposeCircleHatRequest { hat: 99, valid_from: "2026-02-30".into(), ..Default::default() };
    let refused = stage.circles.propose_circle_hat(request_of(stage.tenant, stage.administrator, request));
    let wrong = wrong_fields(&refused.await.expect_err("wrong"));
    assert_eq!(wrong, ["request_id", "circle_id", "hat", "person_id", "valid_from", "valid_until"]);
}

#[tokio::test]
async fn circles_are_listed_page_by_page_oldest_first() {
    let stage = Stage::new().await;
    let mut created = Vec::new();
    for name in ["one", "two", "three"] {
        created.push(stage.create(name).await.expect("a Circle").display_name);
        stage.world.clock.advance(chrono::Duration::seconds(1));
    }
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListCirclesRequest { page_size: 2, page_token };
        let answer =
            stage.circles.list_circles(request_of(stage.tenant, stage.world.person(), request)).await;
        let page = answer.expect("a page").into_inner();
        listed.extend(page.circles.into_iter().map(|circle| circle.display_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, created);
}

/// The Circle that comes with the tenant: without a text of its own, its founder in it, who asks others in even once the
/// tenant is live; founded once however often the tenant is told of.
#[tokio::test]
async fn the_first_circle_is_founded_with_the_tenant() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let circles = Circles::new(host.clone());
    let tenant = TenantId(world.person().0);
    let (circle, founder) = (world.person().to_string(), world.person());
    let state = |state: TenantState| {
        Some(TenantSnapshot {
            tenant_id: tenant.to_string(),
            state: state.into(),
            time_zone: "Europe/London".into(),
            epoch: 1,
            first_circle_id: circle.clone(),
            founder_person_id: founder.to_string(),
        })
    };
    world.deliver(&host, tenant, tenant.0, 1, &TenantCreated { state: state(TenantState::Preparing) }).await;
    world.deliver(&host, tenant, tenant.0, 2, &TenantWentLive { state: state(TenantState::Live) }).await;

    let request = pb::GetCircleRequest { id: circle.clone() };
    let read = circles.get_circle(request_of(tenant, founder, request)).await.expect("a Circle");
    let read = read.into_inner().circle.expect("a Circle");
    assert_eq!((read.display_name.as_str(), read.aim.as_str(), read.domain.as_str()), ("", "", ""));
    let members: Vec<(String, SeatState, &str)> = read
        .members
        .iter()
        .map(|member| (member.person_id.clone(), member.state(), member.valid_from.as_str()))
        .collect();
    assert_eq!(members, [(founder.to_string(), SeatState::Held, "2026-11-21")]);
    let told: Vec<String> =
        world.written(&host).await.into_iter().map(|message| message.event_type).collect();
    assert_eq!(told, ["governance.circle.created.v1"]);

    let newcomer = world.person();
    let invite = pb::InviteCircleMemberRequest {
        request_id: world.person().to_string(),
        circle_id: circle,
        person_id: newcomer.to_string(),
        ..Default::default()
    };
    let unknown = circles.invite_circle_member(request_of(tenant, founder, invite.clone())).await;
    assert_eq!(reason(&unknown.expect_err("nobody")), no(Code::NotFound, "NOT_FOUND"));
    let here =
        |left| Some(PersonSnapshot { person_id: newcomer.to_string(), joined: true, left, left_time: None });
    world.deliver(&host, tenant, newcomer, 1, &PersonJoined { state: here(false) }).await;
    let gone = pb::InviteCircleMemberRequest { request_id: world.person().to_string(), ..invite.clone() };
    circles.invite_circle_member(request_of(tenant, founder, invite)).await.expect("asked in");
    world.deliver(&host, tenant, newcomer, 2, &PersonLeft { state: here(true) }).await;
    let gone = circles.invite_circle_member(request_of(tenant, founder, gone)).await;
    assert_eq!(reason(&gone.expect_err("they left")), no(Code::NotFound, "NOT_FOUND"));
}

/// Whoever asks, a Facilitator is always to be had again: once the term has ended, any member may ask for one, and for no
/// other hat.
#[tokio::test]
async fn a_circle_whose_facilitators_term_has_ended_finds_its_way_back() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    stage.go_live().await;
    let (member, facilitator) = (people[1], CircleHat::Facilitator);
    let early = stage.propose_hat(member, &circle, member, facilitator, "2027-11-01").await;
    assert_eq!(reason(&early.expect_err("there is one")), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    stage.world.clock.advance(chrono::Duration::days(365));
    let term = ("2027-11-21", "2028-11-01");
    let other = stage.propose_term(member, &circle, member, CircleHat::Secretary, term).await;
    assert_eq!(reason(&other.expect_err("one hat alone")), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    let asked = stage.propose_term(member, &circle, member, facilitator, term).await.expect("asked");
    let holding = asked.hats.iter().find(|hat| hat.person_id == member.to_string()).expect("the hat");
    stage.answer_hat(member, &circle, &holding.id, true).await.expect("said yes");
    stage
        .propose_hat(member, &circle, people[0], CircleHat::Secretary, "2027-12-01")
        .await
        .expect("leads again");
}
