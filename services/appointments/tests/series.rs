//! Series and the visits they give, over a real database, through the handlers, with row security on.

use crate::stage::{Stage, Terms, at, team_of};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::appointments::v1::series_service_server::SeriesService as _;
use kith_proto::appointments::v1::visits_service_server::VisitsService as _;
use kith_proto::appointments::v1::{self as pb, SeriesState, Side, VisitKind, VisitState};
use kith_proto::teams::v1 as teams;
use tonic::Code;

#[tokio::test]
async fn both_sides_agree_to_a_series_and_its_visits_are_planned_once() {
    let stage = Stage::new(true).await;
    let request = stage.proposal("2026-03-02T09:00:00", 60, "FREQ=WEEKLY;BYDAY=MO,WE,FR");
    let series = stage.propose(stage.owner, request).await.expect("a proposal");
    assert_eq!((series.state(), series.proposed_by()), (SeriesState::Proposed, Side::Team));
    assert_eq!(series.time_zone, "Europe/London");

    let early = stage.plan(&series.id, "2026-03-01", "2026-04-01").await.expect_err("not agreed");
    assert_eq!(reason(&early), (Code::FailedPrecondition, "SERIES_NOT_AGREED".into()));
    let own = stage.answer(stage.owner, &series.id, true).await.expect_err("one's own proposal");
    assert_eq!(reason(&own), (Code::PermissionDenied, "SAME_SIDE".into()));
    let agreed = stage.answer(stage.giver, &series.id, true).await.expect("a yes");
    assert_eq!(agreed.state(), SeriesState::Agreed);
    let again = stage.answer(stage.giver, &series.id, true).await.expect("the same yes");
    assert_eq!(again, agreed);
    let changed = stage.answer(stage.giver, &series.id, false).await.expect_err("it was answered");
    assert_eq!(reason(&changed), (Code::FailedPrecondition, "ALREADY_ANSWERED".into()));

    let first = stage.plan(&series.id, "2026-03-01", "2026-03-15").await.expect("a plan");
    assert_eq!(first.len(), 6);
    assert!(first.iter().all(|visit| visit.state() == VisitState::Planned && visit.brought_in));
    let whole = stage.plan(&series.id, "2026-03-01", "2026-04-01").await.expect("a plan");
    assert_eq!(whole.len(), 13);
    assert_eq!(whole[..6], first[..]);
    let told = stage.told().await;
    assert_eq!(told.iter().filter(|name| *name == "visit.planned.v1").count(), 13);
    assert_eq!(told[..2], ["series.proposed.v1", "series.answered.v1"]);
}

/// Proves APPT-02.
#[tokio::test]
async fn the_rota_holder_keeps_the_rota_and_fills_its_shifts() {
    let stage = Stage::new(false).await;
    let holder = stage.world.person();
    let mut team = team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other, holder]);
    team.hats.push(teams::HatHolding {
        id: stage.id(),
        hat: teams::Hat::RotaHolder.into(),
        person_id: holder.to_string(),
        state: teams::HatState::Held.into(),
        valid_from: "2026-11-01".into(),
        valid_until: "2026-12-01".into(),
    });
    let request = stage.proposal("2026-11-23T09:00:00", 60, "FREQ=DAILY;COUNT=3");
    stage.tell_team(team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other, holder])).await;
    let before = stage.propose(holder, request.clone()).await.expect_err("without the hat");
    assert_eq!(before.code(), Code::PermissionDenied);
    stage.tell_team(team).await;
    let series = stage.propose(holder, request).await.expect("a proposal");
    stage.answer(stage.giver, &series.id, true).await.expect("a yes");
    let plan = pb::PlanVisitsRequest { request_id: stage.id(), series_id: series.id, ..Default::default() };
    let planned = stage.series.plan_visits(stage.by(holder, plan)).await.expect("a plan").into_inner().visits;
    stage.cancel(stage.giver, &planned[0], None, Side::Unspecified).await.expect("called off");
    stage.propose_cover(holder, &planned[0], stage.other).await.expect("asked");
    let filled = stage.answer_cover(stage.other, &planned[0], stage.other, true).await.expect("a yes");
    assert_eq!((filled.state(), filled.giver_person_id), (VisitState::Planned, stage.other.to_string()));
}

#[tokio::test]
async fn a_giver_proposes_too_and_the_team_may_decline() {
    let stage = Stage::new(false).await;
    let request = stage.proposal("2026-12-01T09:00:00", 60, "");
    let series = stage.propose(stage.giver, request).await.expect("a proposal");
    assert_eq!(series.proposed_by(), Side::Giver);
    let own = stage.answer(stage.giver, &series.id, true).await.expect_err("one's own proposal");
    assert_eq!(reason(&own).1, "SAME_SIDE");
    let declined = stage.answer(stage.owner, &series.id, false).await.expect("a no");
    assert_eq!(declined.state(), SeriesState::Declined);
}

#[tokio::test]
async fn a_repeat_is_answered_the_same_and_reused_ids_are_refused() {
    let stage = Stage::new(true).await;
    let request =
        pb::ProposeSeriesRequest { id: stage.id(), ..stage.proposal("2026-03-02T09:00:00", 60, "") };
    let first = stage.propose(stage.owner, request.clone()).await.expect("a proposal");
    assert_eq!(stage.propose(stage.owner, request.clone()).await.expect("the saved answer"), first);
    let later = pb::ProposeSeriesRequest { request_id: stage.id(), ..request.clone() };
    assert_eq!(stage.propose(stage.owner, later.clone()).await.expect("what exists"), first);
    let other = pb::ProposeSeriesRequest { wall_minutes: 61, ..request };
    assert_eq!(
        reason(&stage.propose(stage.owner, other.clone()).await.expect_err("other content")),
        (Code::AlreadyExists, "REQUEST_ID_REUSED".into())
    );
    let other = pb::ProposeSeriesRequest { request_id: stage.id(), ..other };
    assert_eq!(
        reason(&stage.propose(stage.owner, other).await.expect_err("other content")),
        (Code::AlreadyExists, "ID_EXISTS".into())
    );
    assert_eq!(stage.told().await, ["series.proposed.v1"]);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_an_impossible_rule_says_why() {
    let stage = Stage::new(true).await;
    let request = pb::ProposeSeriesRequest {
        request_id: "x".into(),
        id: "y".into(),
        team_id: String::new(),
        giver_person_id: "z".into(),
        kind: 99,
        starts_local: "2026-02-30T09:00:00".into(),
        wall_minutes: 0,
        rrule: "FREQ=DAILY;COUNT=3;UNTIL=20260401T000000Z".into(),
        occurred_at: None,
    };
    let refused = stage.propose(stage.owner, request).await.expect_err("all of it is wrong");
    assert_eq!(
        wrong_fields(&refused),
        ["request_id", "id", "team_id", "giver_person_id", "kind", "starts_local", "wall_minutes", "rrule"]
    );

    let before = stage.proposal("2026-03-02T09:00:00", 60, "FREQ=DAILY;UNTIL=20260301T000000Z");
    let refused = stage.propose(stage.owner, before).await.expect_err("it ends before it begins");
    assert_eq!(reason(&refused), (Code::InvalidArgument, "IMPOSSIBLE_RULE".into()));
    assert!(stage.told().await.is_empty());
}

#[tokio::test]
async fn a_preview_shows_what_a_rule_means_and_an_endless_one_needs_a_window() {
    let stage = Stage::new(true).await;
    let request = |rrule: &str, from: &str, until: &str| pb::PreviewSeriesRequest {
        starts_local: "2026-01-25T01:30:00".into(),
        wall_minutes: 50,
        rrule: rrule.into(),
        from_date: from.into(),
        until_date: until.into(),
    };
    let preview = async |request: pb::PreviewSeriesRequest| {
        stage.series.preview_series(stage.by(stage.other, request)).await.map(tonic::Response::into_inner)
    };
    let march =
        preview(request("FREQ=MONTHLY;BYDAY=-1SU", "2026-03-01", "2026-04-01")).await.expect("a preview");
    assert_eq!(march.occurrences.len(), 1);
    assert_eq!(march.occurrences[0].starts_local, "2026-03-29T01:30:00");
    assert_eq!(march.occurrences[0].start_time, Some(at("2026-03-29T01:30:00Z")));
    assert_eq!(march.occurrences[0].end_time, Some(at("2026-03-29T02:20:00Z")));

    let endless = preview(request("FREQ=DAILY", "", "")).await.expect_err("it never ends");
    assert_eq!(reason(&endless), (Code::InvalidArgument, "ENDLESS_WITHOUT_WINDOW".into()));
    let bounded = preview(request("FREQ=DAILY;COUNT=3", "", "")).await.expect("a preview");
    assert_eq!(bounded.occurrences.len(), 3);
    for (from, until) in [("2026-03-01", "2026-02-01"), ("2026-03-01", "2027-06-01"), ("2026-03-01", "")] {
        let refused = preview(request("FREQ=DAILY", from, until)).await.expect_err("no such window");
        assert_eq!(wrong_fields(&refused), ["until_date"], "{from} to {until}");
    }
}

#[tokio::test]
async fn who_has_nothing_to_do_with_a_team_learns_nothing_of_it() {
    let stage = Stage::new(true).await;
    let request = stage.proposal("2026-03-02T09:00:00", 60, "");
    let stranger = stage.world.person();
    let refused = stage.propose(stranger, request.clone()).await.expect_err("a stranger");
    let unknown_team = pb::ProposeSeriesRequest { team_id: stage.id(), ..request.clone() };
    let unknown = stage.propose(stranger, unknown_team).await.expect_err("no such Team");
    assert_eq!((refused.code(), refused.details()), (unknown.code(), unknown.details()));
    assert_eq!(refused.code(), Code::NotFound);
    // A giver cannot bring themselves into a Team by proposing.
    let own = pb::ProposeSeriesRequest { giver_person_id: stranger.to_string(), ..request.clone() };
    assert_eq!(stage.propose(stranger, own).await.expect_err("not in the Team").code(), Code::NotFound);
    // A member sees the Team's series but does not propose for others.
    let refused = stage.propose(stage.other, request.clone()).await.expect_err("a member");
    assert_eq!(refused.code(), Code::PermissionDenied);

    let series = stage.propose(stage.owner, request).await.expect("a proposal");
    let get = async |by: PersonId, tenant, id: &str| {
        let mut request = stage.by(by, pb::GetSeriesRequest { id: id.into() });
        request.extensions_mut().insert(kith_platform::context::Actor::Person {
            tenant,
            person: by,
            session: Uuid::nil(),
        });
        stage.series.get_series(request).await
    };
    assert!(get(stage.giver, stage.tenant, &series.id).await.is_ok());
    let elsewhere = stage.world.tenant(&stage.host, true).await;
    let foreign = get(stage.owner, elsewhere, &series.id).await.expect_err("another tenant");
    let unknown = get(stage.owner, elsewhere, &stage.id()).await.expect_err("no such series");
    assert_eq!((foreign.code(), foreign.details()), (unknown.code(), unknown.details()));
    assert_eq!(foreign.code(), Code::NotFound);
}

#[tokio::test]
async fn nobody_is_their_own_giver_and_givers_belong_to_the_team() {
    let stage = Stage::new(true).await;
    let request = stage.proposal("2026-03-02T09:00:00", 60, "");
    let own = pb::ProposeSeriesRequest { giver_person_id: stage.owner.to_string(), ..request.clone() };
    assert_eq!(reason(&stage.propose(stage.owner, own).await.expect_err("refused")).1, "GIVER_IS_OWNER");
    let stranger = stage.world.person();
    let not_in = pb::ProposeSeriesRequest {
        request_id: stage.id(),
        giver_person_id: stranger.to_string(),
        ..request.clone()
    };
    assert_eq!(reason(&stage.propose(stage.owner, not_in).await.expect_err("refused")).1, "NOT_IN_TEAM");

    // A membership that ends within the month: nothing is planned, not even the days before.
    let mut team = team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other]);
    team.members[0].valid_until = "2026-03-10".into();
    team.members[0].state = teams::MembershipState::Left.into();
    stage.tell_team(team).await;
    let series = stage.agreed(stage.proposal("2026-03-02T09:00:00", 60, "FREQ=DAILY")).await;
    let refused = stage.plan(&series.id, "2026-03-01", "2026-04-01").await.expect_err("refused");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "NOT_IN_TEAM".into()));
    assert_eq!(stage.plan(&series.id, "2026-03-01", "2026-03-10").await.expect("a plan").len(), 8);
}

#[tokio::test]
async fn only_ready_givers_are_planned_for() {
    let stage = Stage::new(true).await;
    stage.tell_giver(stage.giver, Terms::Paid, "2026-03-20").await;
    let series = stage.agreed(stage.proposal("2026-03-02T09:00:00", 60, "FREQ=DAILY")).await;
    let refused = stage.plan(&series.id, "2026-03-01", "2026-04-01").await.expect_err("refused");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "GIVER_NOT_READY".into()));
    assert_eq!(stage.plan(&series.id, "2026-03-01", "2026-03-20").await.expect("a plan").len(), 18);
}

#[tokio::test]
async fn a_paid_series_waits_for_the_promise() {
    let stage = Stage::new(true).await;
    let mut team = team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other]);
    team.promise_from = String::new();
    stage.tell_team(team.clone()).await;
    let request = stage.proposal("2026-12-02T09:00:00", 60, "");
    let series = stage.propose(stage.owner, request.clone()).await.expect("a proposal");
    let refused = stage.answer(stage.giver, &series.id, true).await.expect_err("no Promise");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "PROMISE_NOT_SIGNED".into()));
    // Unpaid support needs none.
    let unpaid = pb::ProposeSeriesRequest {
        request_id: stage.id(),
        giver_person_id: stage.other.to_string(),
        ..request
    };
    stage.agreed(unpaid).await;
    team.promise_from = "2026-12-02".into();
    stage.tell_team(team).await;
    stage.answer(stage.giver, &series.id, true).await.expect("a yes");
}

/// Proves APPT-12.
#[tokio::test]
async fn a_trial_has_no_more_sessions_than_agreed_and_only_within_its_days() {
    let stage = Stage::new(true).await;
    let newcomer = stage.world.person();
    stage.tell_giver(newcomer, Terms::Paid, "").await;
    stage.tell_trial(stage.world.person().0, newcomer, 2).await;
    let trial = |starts_local: &str, rrule: &str| pb::ProposeSeriesRequest {
        giver_person_id: newcomer.to_string(),
        kind: VisitKind::Trial.into(),
        ..stage.proposal(starts_local, 80, rrule)
    };
    let support =
        pb::ProposeSeriesRequest { kind: VisitKind::Support.into(), ..trial("2026-03-05T15:00:00", "") };
    assert_eq!(reason(&stage.propose(stage.owner, support).await.expect_err("refused")).1, "NOT_IN_TEAM");

    let weekly = stage.agreed(trial("2026-03-05T15:00:00", "FREQ=WEEKLY;COUNT=3")).await;
    let refused = stage.plan(&weekly.id, "", "").await.expect_err("three are more than two");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "TRIAL_SESSIONS_USED".into()));
    assert_eq!(stage.plan(&weekly.id, "2026-03-05", "2026-03-06").await.expect("a plan").len(), 1);
    let single = stage.agreed(trial("2026-03-10T15:00:00", "")).await;
    assert_eq!(stage.plan(&single.id, "", "").await.expect("a plan").len(), 1);
    let refused = stage.plan(&weekly.id, "2026-03-12", "2026-03-13").await.expect_err("both are planned");
    assert_eq!(reason(&refused).1, "TRIAL_SESSIONS_USED");
    let late = stage.agreed(trial("2026-04-01T15:00:00", "")).await;
    assert_eq!(reason(&stage.plan(&late.id, "", "").await.expect_err("after the trial")).1, "NOT_IN_TEAM");
}

#[tokio::test]
async fn nobody_is_booked_twice_and_nothing_half_done_stays() {
    let stage = Stage::new(true).await;
    let daily = stage.agreed(stage.proposal("2026-03-02T09:00:00", 60, "FREQ=DAILY")).await;
    stage.plan(&daily.id, "2026-03-10", "2026-03-11").await.expect("a plan");

    // The giver with another Team, on the ninth and the tenth: the tenth clashes.
    let (elsewhere, their_owner) = (stage.world.person().0, stage.world.person());
    stage.tell_team(team_of(&stage, elsewhere, their_owner, &[stage.giver])).await;
    let request = pb::ProposeSeriesRequest {
        team_id: elsewhere.to_string(),
        ..stage.proposal("2026-03-09T09:30:00", 60, "FREQ=DAILY;COUNT=2")
    };
    let series = stage.propose(their_owner, request).await.expect("a proposal");
    stage.answer(stage.giver, &series.id, true).await.expect("a yes");
    let plan = pb::PlanVisitsRequest { request_id: stage.id(), series_id: series.id, ..Default::default() };
    let refused = stage.series.plan_visits(stage.by(their_owner, plan)).await.expect_err("booked twice");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "DOUBLE_BOOKING".into()));
    let details = tonic_types::StatusExt::get_error_details(&refused);
    let metadata = &details.error_info().expect("an ErrorInfo").metadata;
    assert_eq!(metadata.get("starts_local").map(String::as_str), Some("2026-03-10T09:30:00"));
    let request = pb::ListVisitsRequest {
        team_id: elsewhere.to_string(),
        from_date: "2026-03-01".into(),
        until_date: "2026-04-01".into(),
        ..Default::default()
    };
    let left = stage.visits.list_visits(stage.by(their_owner, request)).await.expect("a list").into_inner();
    assert_eq!(left.visits, [], "the ninth was not planned either");

    // The Owner with another giver; visits that only touch one another do not clash.
    let by_other = |starts_local: &str| pb::ProposeSeriesRequest {
        giver_person_id: stage.other.to_string(),
        ..stage.proposal(starts_local, 60, "")
    };
    let clash = stage.agreed(by_other("2026-03-10T09:59:00")).await;
    assert_eq!(reason(&stage.plan(&clash.id, "", "").await.expect_err("refused")).1, "DOUBLE_BOOKING");
    let after = stage.agreed(by_other("2026-03-10T10:00:00")).await;
    assert_eq!(stage.plan(&after.id, "", "").await.expect("a plan").len(), 1);
    // A rule that overlaps itself.
    let crowded =
        stage.agreed(stage.proposal("2026-03-12T09:00:00", 90, "FREQ=DAILY;BYHOUR=9,10;COUNT=2")).await;
    assert_eq!(reason(&stage.plan(&crowded.id, "", "").await.expect_err("refused")).1, "DOUBLE_BOOKING");
}

/// The database itself refuses a second booking, whatever code asks for it.
#[tokio::test]
async fn the_database_refuses_a_double_booking() {
    let stage = Stage::new(true).await;
    let visit = stage.visit("2026-03-10T09:00:00").await;
    let next = stage.visit("2026-03-10T11:00:00").await;
    let mut admin = stage.world.admin(&stage.host).await;
    let refused = sqlx::query("update booking set starts_at = $1 where visit_id = $2")
        .bind("2026-03-10T09:30:00Z".parse::<chrono::DateTime<chrono::Utc>>().expect("a moment"))
        .bind(next.id.parse::<Uuid>().expect("an id"))
        .execute(&mut admin)
        .await
        .expect_err("refused");
    let constraint = refused.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
    assert_eq!(constraint, Some("booking_no_overlap"), "{}", visit.id);
}

#[tokio::test]
async fn two_plans_at_once_never_book_the_same_hour() {
    let stage = Stage::new(true).await;
    let one = stage.agreed(stage.proposal("2026-03-10T09:00:00", 60, "")).await;
    let two = stage.agreed(stage.proposal("2026-03-10T09:30:00", 60, "")).await;
    let (first, second) = tokio::join!(stage.plan(&one.id, "", ""), stage.plan(&two.id, "", ""));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    let refused = first.err().or(second.err()).expect("one is refused");
    assert_eq!(reason(&refused).1, "DOUBLE_BOOKING");
    // The same plan twice at once gives the same visits.
    let three = stage.agreed(stage.proposal("2026-03-16T09:00:00", 60, "FREQ=DAILY;COUNT=5")).await;
    let (first, second) = tokio::join!(stage.plan(&three.id, "", ""), stage.plan(&three.id, "", ""));
    assert_eq!(first.expect("a plan"), second.expect("a plan"));
}

#[tokio::test]
async fn series_are_listed_page_by_page_for_members_and_to_givers_their_own() {
    let stage = Stage::new(true).await;
    let mut made = Vec::new();
    for day in 2..5 {
        let request = stage.proposal(&format!("2026-03-0{day}T09:00:00"), 60, "");
        made.push(stage.propose(stage.owner, request).await.expect("a proposal").id);
        stage.world.clock.advance(chrono::Duration::minutes(1));
    }
    let list = async |by: PersonId, team_id: String, page_token: String| {
        let request = pb::ListSeriesRequest { team_id, page_size: 2, page_token };
        stage.series.list_series(stage.by(by, request)).await.map(tonic::Response::into_inner)
    };
    for team_id in [stage.team.to_string(), String::new()] {
        let first = list(stage.giver, team_id.clone(), String::new()).await.expect("a page");
        let second = list(stage.giver, team_id, first.next_page_token.clone()).await.expect("a page");
        assert_eq!((first.series.len(), second.series.len(), second.next_page_token), (2, 1, String::new()));
        let ids: Vec<String> =
            first.series.into_iter().chain(second.series).map(|series| series.id).collect();
        assert_eq!(ids, made);
    }
    assert_eq!(list(stage.other, String::new(), String::new()).await.expect("a page").series, []);
    let stranger = stage.world.person();
    let refused = list(stranger, stage.team.to_string(), String::new()).await.expect_err("a stranger");
    assert_eq!(refused.code(), Code::NotFound);
}

/// The reviewed table: who may do what. A change here is a change of the rules that protect people.
#[test]
fn the_policy_is_the_reviewed_one() {
    use kith_appointments::{Action, SERVICE};
    use kith_platform::authz::{Action as _, Policy};
    let policy = Policy::new(SERVICE.policy.0, SERVICE.policy.1).expect("a policy");
    let actions: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
    assert_eq!(policy.table(&actions, Action::STANDING), include_str!("policy_table.txt"));
}

/// An emergency look at the Owner's record opens the rota, for reading only and for an hour, and tells of itself.
#[tokio::test]
async fn an_emergency_look_opens_the_rota_and_changes_nothing() {
    use kith_platform::break_glass::BreakGlass;
    use kith_proto::common::v1 as common;
    use kith_proto::common::v1::break_glass_service_server::BreakGlassService as _;
    use kith_proto::common::v1::{OrganisationRole, RoleSnapshot};
    use kith_proto::identity::v1::RoleSet;

    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-23T11:00:00").await;
    let coach = stage.world.person();
    let state = RoleSnapshot { person_id: coach.to_string(), roles: vec![OrganisationRole::Checks.into()] };
    stage.world.deliver(&stage.host, stage.tenant, coach, 1, &RoleSet { state: Some(state) }).await;
    assert_eq!(stage.get(coach, &visit.id).await.expect_err("not let in").code(), Code::NotFound);
    let request = common::OpenBreakGlassRequest {
        request_id: stage.id(),
        person_id: stage.owner.to_string(),
        reason: "cannot_be_asked".into(),
        stated_reason: "who comes next? she cannot be asked".into(),
        minutes: 0,
    };
    let glass = BreakGlass::new(stage.host.clone());
    glass.open_break_glass(stage.by(coach, request)).await.expect("opened");
    assert_eq!(stage.get(coach, &visit.id).await.expect("seen").id, visit.id);
    let list = pb::ListVisitsRequest {
        team_id: stage.team.to_string(),
        from_date: "2026-11-20".into(),
        until_date: "2026-11-30".into(),
        ..Default::default()
    };
    let listed = stage.visits.list_visits(stage.by(coach, list)).await.expect("seen").into_inner();
    assert_eq!(listed.visits.len(), 1);
    let refused = stage.agree(coach, &visit).await.expect_err("a look only");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let told = stage.world.written(&stage.host).await;
    assert!(told.iter().any(|event| event.event_type == "appointments.break_glass.opened.v1"));
    stage.world.clock.advance(chrono::Duration::minutes(60));
    assert_eq!(stage.get(coach, &visit.id).await.expect_err("it has ended").code(), Code::NotFound);
}
