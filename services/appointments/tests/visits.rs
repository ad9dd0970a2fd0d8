//! What becomes of visits, over a real database, through the handlers, with row security on.
//!
//! Clocks stand at noon of 21 November 2026 (winter, so that London is at UTC) unless a test moves them.

use crate::stage::{Stage, Terms, at, team_of};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::appointments::v1::series_service_server::SeriesService as _;
use kith_proto::appointments::v1::visits_service_server::VisitsService as _;
use kith_proto::appointments::v1::{self as pb, Settlement, Side, VisitState};
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1 as teams;
use prost::Message as _;
use tonic::Code;

/// The last snapshot that was told of a visit.
async fn told_last(stage: &Stage, visit: &pb::Visit) -> pb::VisitSnapshot {
    let id: Uuid = visit.id.parse().expect("an id");
    let written = stage.world.written(&stage.host).await;
    let last = written.iter().rfind(|message| message.aggregate_id == id).expect("an event");
    // Every event of the aggregate has the state as its field 1.
    pb::VisitPlanned::decode(last.payload.as_slice()).expect("an event").state.expect("a state")
}

/// Proves APPT-10. Charged as planned where less than 24 hours remained, free at exactly 24.
#[tokio::test]
async fn the_team_is_charged_for_calling_off_within_the_notice() {
    let stage = Stage::new(false).await;
    let free = stage.visit("2026-11-22T12:00:00").await;
    let free = stage.cancel(stage.owner, &free, None, Side::Unspecified).await.expect("called off");
    assert_eq!((free.state(), free.settlement()), (VisitState::Cancelled, Settlement::Unspecified));

    let late = stage.visit("2026-11-22T11:59:00").await;
    let late = stage.cancel(stage.owner, &late, None, Side::Unspecified).await.expect("called off");
    assert_eq!((late.state(), late.settlement()), (VisitState::LateCancelled, Settlement::Money));
    let told = told_last(&stage, &late).await;
    assert_eq!((told.agreed_start_time, told.agreed_end_time), (late.plan_start_time, late.plan_end_time));
    assert_eq!((told.settlement_no, told.circle_id), (1, uuid(77)));

    // What is called off makes room.
    stage.visit("2026-11-22T12:00:00").await;
}

fn uuid(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

#[tokio::test]
async fn the_notice_is_the_one_of_the_visits_day() {
    let stage = Stage::new(false).await;
    let mut admin = stage.world.admin(&stage.host).await;
    sqlx::query(
        "insert into platform.setting values ('cancellation_notice_hours', '2026-11-23', 48, 'a test')",
    )
    .execute(&mut admin)
    .await
    .expect("a setting");
    let longer = stage.visit("2026-11-23T11:00:00").await;
    let longer = stage.cancel(stage.owner, &longer, None, Side::Unspecified).await.expect("called off");
    assert_eq!(longer.state(), VisitState::LateCancelled);
    let shorter = stage.visit("2026-11-22T13:00:00").await;
    let shorter = stage.cancel(stage.owner, &shorter, None, Side::Unspecified).await.expect("called off");
    assert_eq!(shorter.state(), VisitState::Cancelled);
}

#[tokio::test]
async fn a_past_cancellation_is_late_until_the_giver_confirms_it() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-22T08:00:00").await;
    let said = Some(at("2026-11-20T08:00:00Z"));
    let late = stage.cancel(stage.owner, &visit, said, Side::Unspecified).await.expect("called off");
    assert_eq!(late.state(), VisitState::LateCancelled);
    assert!(late.cancellation.expect("a cancellation").awaits_confirmation);
    assert_eq!(told_last(&stage, &visit).await.settlement_no, 1);

    let not_theirs = stage.confirm(stage.owner, &visit).await.expect_err("the Owner cannot confirm it");
    assert_eq!(reason(&not_theirs), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let confirmed = stage.confirm(stage.giver, &visit).await.expect("confirmed");
    assert_eq!(confirmed.state(), VisitState::Cancelled);
    let told = told_last(&stage, &visit).await;
    assert_eq!(
        (told.settlement_no, told.agreed_start_time, told.settlement()),
        (2, None, Settlement::Unspecified)
    );
    assert_eq!(stage.confirm(stage.giver, &visit).await.expect("again"), confirmed);
    assert_eq!(stage.cancel(stage.owner, &visit, said, Side::Unspecified).await.expect("again"), confirmed);
    let planned = stage.visit("2026-11-25T08:00:00").await;
    let nothing = stage.confirm(stage.giver, &planned).await.expect_err("nothing to confirm");
    assert_eq!(reason(&nothing).1, "NOTHING_TO_CONFIRM");
}

#[tokio::test]
async fn history_counts_as_it_is_brought_in_and_can_be_brought_in_again_later() {
    let stage = Stage::new(true).await;
    let visit = stage.visit("2026-03-18T13:00:00").await;
    let said = Some(at("2026-03-17T13:00:00Z"));
    let free = stage.cancel(stage.owner, &visit, said, Side::Unspecified).await.expect("called off");
    assert_eq!((free.state(), free.brought_in), (VisitState::Cancelled, true));
    // Long after, in a tenant that went live, the same words change nothing; new ones lie too far back.
    stage.world.know_tenant(&stage.host, stage.tenant, false).await;
    assert_eq!(stage.cancel(stage.owner, &visit, said, Side::Unspecified).await.expect("again"), free);
    let other = stage.cancel(stage.owner, &visit, Some(at("2026-03-17T12:00:00Z")), Side::Unspecified).await;
    assert_eq!(reason(&other.expect_err("called off already")).1, "ALREADY_CALLED_OFF");
    let refused = stage.record(stage.giver, &visit, "2026-03-18T13:00:00Z", "2026-03-18T14:00:00Z").await;
    assert_eq!(reason(&refused.expect_err("cancelled")).1, "WRONG_STATE");
}

#[tokio::test]
async fn nothing_happens_in_the_future_or_long_ago() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-24T08:00:00").await;
    let cancel =
        async |said: &str| stage.cancel(stage.owner, &visit, Some(at(said)), Side::Unspecified).await;
    let future = cancel("2026-11-22T08:00:00Z").await.expect_err("in the future");
    assert_eq!(reason(&future), (Code::InvalidArgument, "IN_THE_FUTURE".into()));
    let long_ago = cancel("2026-10-01T08:00:00Z").await.expect_err("long ago");
    assert_eq!(reason(&long_ago), (Code::InvalidArgument, "TOO_FAR_BACK".into()));
    let over = stage.visit("2026-11-20T08:00:00").await;
    let over = stage.cancel(stage.owner, &over, None, Side::Unspecified).await.expect_err("over");
    assert_eq!(reason(&over).1, "ALREADY_OVER");
    let old = stage.agreed(stage.proposal("2026-10-01T08:00:00", 60, "")).await;
    assert_eq!(reason(&stage.plan(&old.id, "", "").await.expect_err("long ago")).1, "TOO_FAR_BACK");
    let ahead = stage.record(stage.giver, &visit, "2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z").await;
    assert_eq!(reason(&ahead.expect_err("in the future")).1, "IN_THE_FUTURE");
}

#[tokio::test]
async fn a_cover_is_asked_for_accepted_and_agreed_like_any_visit() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-21T10:00:00").await;
    let not_yet = stage.propose_cover(stage.owner, &visit, stage.other).await.expect_err("nobody called off");
    assert_eq!(reason(&not_yet).1, "NOT_COVERABLE");
    let said = Some(at("2026-11-21T08:00:00Z"));
    let off = stage.cancel(stage.giver, &visit, said, Side::Unspecified).await.expect("called off");
    assert_eq!((off.state(), off.settlement()), (VisitState::Cancelled, Settlement::Unspecified));

    let stranger = stage.world.person();
    let unknown = stage.propose_cover(stage.owner, &visit, stranger).await.expect_err("not in the Team");
    assert_eq!(reason(&unknown).1, "NOT_IN_TEAM");
    let themselves = stage.propose_cover(stranger, &visit, stranger).await.expect_err("a stranger");
    assert_eq!(themselves.code(), Code::NotFound);
    let asked = stage.propose_cover(stage.owner, &visit, stage.other).await.expect("asked");
    assert_eq!(asked.cover.expect("a proposal").giver_person_id, stage.other.to_string());
    let own = stage.answer_cover(stage.owner, &visit, stage.other, true).await.expect_err("the Owner asked");
    assert_eq!(reason(&own).1, "SAME_SIDE");
    // Whoever is asked finds it among their own.
    let request = pb::ListVisitsRequest {
        from_date: "2026-11-21".into(),
        until_date: "2026-11-22".into(),
        ..Default::default()
    };
    let own = stage.visits.list_visits(stage.by(stage.other, request)).await.expect("a list").into_inner();
    assert_eq!(own.visits.len(), 1);

    stage.tell_giver(stage.other, Terms::Save, "2026-11-01").await;
    let not_ready = stage.answer_cover(stage.other, &visit, stage.other, true).await.expect_err("not ready");
    assert_eq!(reason(&not_ready).1, "GIVER_NOT_READY");
    stage.tell_giver(stage.other, Terms::Save, "").await;
    let covered = stage.answer_cover(stage.other, &visit, stage.other, true).await.expect("a yes");
    assert_eq!(
        (covered.state(), covered.giver_person_id.as_str()),
        (VisitState::Planned, &*stage.other.to_string())
    );
    assert!(covered.cancellation.is_some());
    assert_eq!(stage.cancel(stage.giver, &visit, said, Side::Unspecified).await.expect("again"), covered);

    let agreed = stage.agree(stage.owner, &visit).await.expect("agreed");
    assert_eq!((agreed.state(), agreed.settlement()), (VisitState::Agreed, Settlement::CareCoins));
    let told = told_last(&stage, &visit).await;
    assert_eq!((told.giver_person_id, told.settlement_no), (stage.other.to_string(), 1));
    assert_eq!(
        stage.told().await[2..],
        ["visit.planned.v1", "visit.cancelled.v1", "visit.covered.v1", "visit.agreed.v1"]
    );
    assert_eq!(
        reason(&stage.answer_cover(stage.owner, &off, stage.other, false).await.expect_err("none")).1,
        "NOTHING_PROPOSED"
    );
}

#[tokio::test]
async fn a_giver_offers_to_cover_and_a_second_booking_is_refused() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-24T10:00:00").await;
    stage.cancel(stage.giver, &visit, None, Side::Unspecified).await.expect("called off");
    stage.propose_cover(stage.other, &visit, stage.other).await.expect("offered");
    let another = stage.propose_cover(stage.owner, &visit, stage.giver).await.expect_err("one waits");
    assert_eq!(reason(&another).1, "ANOTHER_PROPOSED");
    let (elsewhere, their_owner) = (stage.world.person().0, stage.world.person());
    stage.tell_team(team_of(&stage, elsewhere, their_owner, &[stage.other])).await;
    let request = pb::ProposeSeriesRequest {
        team_id: elsewhere.to_string(),
        giver_person_id: stage.other.to_string(),
        ..stage.proposal("2026-11-24T10:30:00", 60, "")
    };
    let busy = stage.propose(their_owner, request).await.expect("a proposal");
    stage.answer(stage.other, &busy.id, true).await.expect("a yes");
    let plan = pb::PlanVisitsRequest { request_id: stage.id(), series_id: busy.id, ..Default::default() };
    stage.series.plan_visits(stage.by(their_owner, plan)).await.expect("a plan");
    let refused = stage.answer_cover(stage.owner, &visit, stage.other, true).await.expect_err("booked twice");
    assert_eq!(reason(&refused).1, "DOUBLE_BOOKING");
    let still = stage.get(stage.owner, &visit.id).await.expect("a visit");
    assert_eq!((still.state(), still.giver_person_id), (VisitState::Cancelled, stage.giver.to_string()));
    let declined = stage.answer_cover(stage.owner, &visit, stage.other, false).await.expect("a no");
    assert_eq!(declined.cover, None);
}

/// Proves APPT-08. Proves APPT-47. Who agreed stands in the audit.
#[tokio::test]
async fn a_visit_is_moved_by_agreement_of_both_sides() {
    let stage = Stage::new(false).await;
    let (afternoon, later) = ("2026-11-25T15:00:00", "2026-11-25T15:30:00");
    let visit = stage.visit("2026-11-24T10:00:00").await;
    let asked = stage.propose_move(stage.owner, &visit, afternoon).await.expect("proposed");
    assert_eq!((asked.plan_start_time, asked.r#move.is_some()), (visit.plan_start_time, true));
    let own =
        stage.answer_move(stage.owner, &visit, afternoon, true).await.expect_err("the Owner proposed it");
    assert_eq!(reason(&own), (Code::PermissionDenied, "SAME_SIDE".into()));
    let other = stage.answer_move(stage.other, &visit, afternoon, true).await.expect_err("not their visit");
    assert_eq!(other.code(), Code::PermissionDenied);
    let moved = stage.answer_move(stage.giver, &visit, afternoon, true).await.expect("a yes");
    assert_eq!(moved.starts_local, afternoon);
    assert_eq!(moved.occurrence_local, "2026-11-24T10:00:00");
    assert_eq!(moved.plan_end_time, Some(at("2026-11-25T16:00:00Z")));
    assert_eq!(stage.answer_move(stage.giver, &visit, afternoon, true).await.expect("again"), moved);
    assert_eq!(told_last(&stage, &visit).await.plan_start_time, Some(at("2026-11-25T15:00:00Z")));

    let distant = stage.visit("2026-11-27T10:00:00").await;
    stage.propose_move(stage.owner, &distant, "2026-09-25T15:00:00").await.expect("proposed");
    let too_far =
        stage.answer_move(stage.giver, &distant, "2026-09-25T15:00:00", true).await.expect_err("long ago");
    assert_eq!(reason(&too_far).1, "TOO_FAR_BACK");

    // The old time is free, the new one is taken.
    let next = stage.visit("2026-11-24T10:00:00").await;
    stage.propose_move(stage.giver, &next, later).await.expect("proposed");
    let clash = stage.answer_move(stage.owner, &next, later, true).await.expect_err("booked twice");
    assert_eq!(reason(&clash).1, "DOUBLE_BOOKING");
    let another = stage.propose_move(stage.owner, &next, "2026-11-26T15:30:00").await.expect_err("one waits");
    assert_eq!(reason(&another).1, "ANOTHER_PROPOSED");
    stage.answer_move(stage.owner, &next, later, false).await.expect("a no");
    let none = stage.answer_move(stage.owner, &next, later, false).await.expect_err("none waits");
    assert_eq!(reason(&none).1, "NOTHING_PROPOSED");

    let mut admin = stage.world.admin(&stage.host).await;
    let who: Vec<(Uuid, bool)> = sqlx::query_as(
        "select actor_id, allowed from platform.audit where action = 'AnswerMove' order by id",
    )
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    assert!(who.contains(&(stage.giver.0, true)) && who.contains(&(stage.other.0, false)));
}

#[tokio::test]
async fn recorded_times_are_agreed_and_corrected_by_agreeing_again() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-21T08:00:00").await;
    let began = "2026-11-21T08:00:00Z";
    let recorded = stage.record(stage.giver, &visit, began, "2026-11-21T09:07:00Z").await.expect("recorded");
    assert_eq!(recorded.actual_end_time, Some(at("2026-11-21T09:07:00Z")));
    let stale = pb::AgreeVisitRequest {
        request_id: stage.id(),
        visit_id: visit.id.clone(),
        occurred_at: None,
        etag: visit.etag.clone(),
    };
    let refused = stage.visits.agree_visit(stage.by(stage.owner, stale)).await.expect_err("it changed");
    assert_eq!(reason(&refused), (Code::Aborted, "STALE_ETAG".into()));
    let own = stage.agree(stage.giver, &visit).await.expect_err("never the giver alone");
    assert_eq!(reason(&own), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let agreed = stage.agree(stage.owner, &visit).await.expect("agreed");
    assert_eq!(
        (agreed.state(), agreed.agreed_end_time),
        (VisitState::Agreed, Some(at("2026-11-21T09:07:00Z")))
    );
    assert_eq!(
        agreed.plan_end_time,
        Some(at("2026-11-21T09:00:00Z")),
        "the plan is never edited after the fact"
    );
    assert_eq!(stage.agree(stage.owner, &visit).await.expect("again"), agreed);
    assert_eq!(told_last(&stage, &visit).await.settlement_no, 1);

    // The Team's side corrects; the giver must say the same before it counts.
    stage.record(stage.owner, &visit, began, "2026-11-21T09:00:00Z").await.expect("recorded");
    let alone = stage.agree(stage.owner, &visit).await.expect_err("the giver has not said so");
    assert_eq!(reason(&alone).1, "ACTUAL_NOT_ACCEPTED");
    stage.record(stage.giver, &visit, began, "2026-11-21T09:00:00Z").await.expect("accepted");
    stage.agree(stage.owner, &visit).await.expect("agreed");
    let told = told_last(&stage, &visit).await;
    assert_eq!((told.settlement_no, told.agreed_end_time), (2, Some(at("2026-11-21T09:00:00Z"))));

    let backwards =
        stage.record(stage.giver, &visit, "2026-11-21T09:00:00Z", began).await.expect_err("backwards");
    assert_eq!(reason(&backwards), (Code::InvalidArgument, "ACTUAL_OUT_OF_RANGE".into()));
    let seconds = stage.record(stage.giver, &visit, "2026-11-21T08:00:30Z", "2026-11-21T09:00:01Z").await;
    assert_eq!(wrong_fields(&seconds.expect_err("seconds")), ["actual_start_time", "actual_end_time"]);
}

/// Proves APPT-46.
#[tokio::test]
async fn each_visit_is_settled_by_its_givers_terms_of_its_day() {
    let stage = Stage::new(false).await;
    let friend = stage.world.person();
    stage.tell_team(team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other, friend])).await;
    stage.tell_giver(friend, Terms::Gift, "").await;
    let mut hour = 7;
    for (giver, settlement) in
        [(stage.giver, Settlement::Money), (stage.other, Settlement::CareCoins), (friend, Settlement::Gift)]
    {
        hour += 1;
        let request = pb::ProposeSeriesRequest {
            giver_person_id: giver.to_string(),
            ..stage.proposal(&format!("2026-11-20T{hour:02}:00:00"), 60, "")
        };
        let series = stage.agreed(request).await;
        let visit = stage.plan(&series.id, "", "").await.expect("a plan").remove(0);
        let agreed = stage.agree(stage.owner, &visit).await.expect("agreed");
        assert_eq!(agreed.settlement(), settlement);
    }
}

#[tokio::test]
async fn what_cannot_be_settled_is_not_agreed() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-21T10:00:00").await;
    let later = stage.visit("2026-11-21T11:30:00").await;
    let early = stage.agree(stage.owner, &later).await.expect_err("it goes on");
    assert_eq!(reason(&early).1, "NOT_OVER_YET");
    let mut team = team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other]);
    team.promise_from = "2026-11-22".into();
    stage.tell_team(team).await;
    let no_promise = stage.agree(stage.owner, &visit).await.expect_err("no Promise on that day");
    assert_eq!(reason(&no_promise), (Code::FailedPrecondition, "PROMISE_NOT_SIGNED".into()));
    stage
        .tell_giver_as(matching::GiverSnapshot {
            person_id: stage.giver.to_string(),
            terms: Vec::new(),
            ..Default::default()
        })
        .await;
    let no_terms = stage.agree(stage.owner, &visit).await.expect_err("no terms");
    assert_eq!(reason(&no_terms), (Code::FailedPrecondition, "NO_TERMS".into()));
}

#[tokio::test]
async fn a_missed_visit_is_not_charged_and_frees_both() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-21T10:00:00").await;
    let missed = stage.missed(stage.owner, &visit).await.expect("missed");
    assert_eq!((missed.state(), missed.settlement()), (VisitState::Missed, Settlement::Unspecified));
    assert_eq!(stage.missed(stage.owner, &visit).await.expect("again"), missed);
    assert_eq!(told_last(&stage, &visit).await.settlement_no, 0);
    let refused = stage.agree(stage.owner, &visit).await.expect_err("nobody came");
    assert_eq!(reason(&refused).1, "WRONG_STATE");
    let held = stage.visit("2026-11-21T10:00:00").await;
    stage.record(stage.giver, &held, "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z").await.expect("recorded");
    let overruled = stage.missed(stage.owner, &held).await.expect_err("the giver was there");
    assert_eq!(reason(&overruled).1, "ACTUAL_RECORDED");
}

#[tokio::test]
async fn a_giver_who_holds_the_rota_says_for_whom_they_speak_and_never_agrees_their_own() {
    let stage = Stage::new(false).await;
    let mut team = team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other]);
    team.hats.push(teams::HatHolding {
        id: stage.id(),
        hat: teams::Hat::RotaHolder.into(),
        person_id: stage.giver.to_string(),
        state: teams::HatState::Held.into(),
        valid_from: "2026-11-01".into(),
        valid_until: "2026-12-01".into(),
    });
    stage.tell_team(team.clone()).await;
    let past = stage.visit("2026-11-21T09:00:00").await;
    let own = stage.agree(stage.giver, &past).await.expect_err("their own visit");
    assert_eq!(reason(&own).1, "PERMISSION_DENIED");
    let visit = stage.visit("2026-11-21T20:00:00").await;
    let unsaid = stage.cancel(stage.giver, &visit, None, Side::Unspecified).await.expect_err("for whom?");
    assert_eq!(wrong_fields(&unsaid), ["side"]);
    let late = stage.cancel(stage.giver, &visit, None, Side::Team).await.expect("called off");
    assert_eq!(late.state(), VisitState::LateCancelled);

    // Another giver's visit is the Rota Holder's to agree, within the term.
    let request = pb::ProposeSeriesRequest {
        giver_person_id: stage.other.to_string(),
        ..stage.proposal("2026-11-21T07:00:00", 60, "")
    };
    let series = stage.agreed(request).await;
    let theirs = stage.plan(&series.id, "", "").await.expect("a plan").remove(0);
    team.hats[0].valid_until = "2026-11-21".into();
    stage.tell_team(team.clone()).await;
    assert_eq!(
        stage.agree(stage.giver, &theirs).await.expect_err("the term is over").code(),
        Code::PermissionDenied
    );
    team.hats[0].valid_until = "2026-11-22".into();
    stage.tell_team(team).await;
    stage.agree(stage.giver, &theirs).await.expect("agreed");
}

#[tokio::test]
async fn visits_are_seen_by_their_sides_and_the_team_and_by_nobody_else() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-24T10:00:00").await;
    for person in [stage.owner, stage.giver, stage.other] {
        assert_eq!(stage.get(person, &visit.id).await.expect("a visit").id, visit.id);
    }
    let stranger = stage.world.person();
    let foreign = stage.get(stranger, &visit.id).await.expect_err("a stranger");
    let unknown = stage.get(stranger, &stage.id()).await.expect_err("no such visit");
    assert_eq!((foreign.code(), foreign.details()), (unknown.code(), unknown.details()));
    assert_eq!(foreign.code(), Code::NotFound);
    let elsewhere = stage.world.tenant(&stage.host, false).await;
    let request = kith_platform::testing::request_of(
        elsewhere,
        stage.owner,
        pb::GetVisitRequest { id: visit.id.clone() },
    );
    assert_eq!(stage.visits.get_visit(request).await.expect_err("another tenant").code(), Code::NotFound);
    for refused in [
        stage.cancel(stranger, &visit, None, Side::Team).await,
        stage.agree(stranger, &visit).await,
        stage.missed(stranger, &visit).await,
        stage.confirm(stranger, &visit).await,
        stage.propose_move(stranger, &visit, "2026-11-25T10:00:00").await,
        stage.answer_cover(stranger, &visit, stage.other, true).await,
    ] {
        assert_eq!(refused.expect_err("a stranger").code(), Code::NotFound);
    }
    let member = stage.cancel(stage.other, &visit, None, Side::Unspecified).await.expect_err("a member");
    assert_eq!(member.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn visits_are_listed_by_window_and_state_page_by_page() {
    let stage = Stage::new(false).await;
    let series = stage.agreed(stage.proposal("2026-11-23T10:00:00", 60, "FREQ=DAILY;COUNT=5")).await;
    let visits = stage.plan(&series.id, "", "").await.expect("a plan");
    stage.cancel(stage.giver, &visits[1], None, Side::Unspecified).await.expect("called off");
    let list = async |by: PersonId, states: Vec<VisitState>, page_token: String| {
        let request = pb::ListVisitsRequest {
            team_id: if by == stage.giver { String::new() } else { stage.team.to_string() },
            from_date: "2026-11-23".into(),
            until_date: "2026-11-27".into(),
            states: states.into_iter().map(Into::into).collect(),
            page_size: 3,
            page_token,
        };
        stage.visits.list_visits(stage.by(by, request)).await.map(tonic::Response::into_inner)
    };
    let first = list(stage.other, vec![], String::new()).await.expect("a page");
    let second = list(stage.other, vec![], first.next_page_token.clone()).await.expect("a page");
    assert_eq!((first.visits.len(), second.visits.len(), second.next_page_token.as_str()), (3, 1, ""));
    assert_eq!(second.visits[0].id, visits[3].id);
    let planned = list(stage.giver, vec![VisitState::Planned], String::new()).await.expect("a page");
    assert_eq!(planned.visits.len(), 3);
    let wrong =
        list(stage.owner, vec![VisitState::Planned], first.next_page_token).await.expect_err("other filters");
    assert_eq!(wrong_fields(&wrong), ["page_token"]);
    let unknown =
        list(stage.owner, vec![VisitState::Unspecified], String::new()).await.expect_err("no state");
    assert_eq!(wrong_fields(&unknown), ["states[0]"]);
}

/// What finance lists as settled under earlier terms is settled again on the Team's word, with nothing of it changed.
#[tokio::test]
async fn the_teams_side_has_a_visit_settled_again() {
    let stage = Stage::new(true).await;
    let visit = stage.visit("2026-11-20T09:00:00").await;
    let early = stage.settle_again(stage.owner, &visit).await.expect_err("nothing is settled yet");
    assert_eq!(reason(&early), (Code::FailedPrecondition, "WRONG_STATE".into()));
    let agreed = stage.agree(stage.owner, &visit).await.expect("agreed");
    let before = told_last(&stage, &visit).await;
    let again = stage.agree(stage.owner, &visit).await.expect("a repeat");
    assert_eq!(again, agreed);
    assert_eq!(told_last(&stage, &visit).await, before, "agreeing once more tells nothing");
    let giver = stage.settle_again(stage.giver, &visit).await.expect_err("never the giver alone");
    assert_eq!(reason(&giver), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    stage.settle_again(stage.owner, &visit).await.expect("told again");
    let after = told_last(&stage, &visit).await;
    assert_eq!(after, pb::VisitSnapshot { settlement_no: before.settlement_no + 1, ..before });

    let late = stage.visit("2026-11-22T09:00:00").await;
    stage.cancel(stage.owner, &late, None, Side::Unspecified).await.expect("too late");
    let before = told_last(&stage, &late).await;
    stage.settle_again(stage.owner, &late).await.expect("told again");
    let after = told_last(&stage, &late).await;
    assert_eq!(after, pb::VisitSnapshot { settlement_no: before.settlement_no + 1, ..before });
}
