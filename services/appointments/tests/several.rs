//! Several visits are agreed in one act: all of them, or none.

use crate::stage::Stage;
use kith_platform::id::PersonId;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::appointments::v1::visits_service_server::VisitsService as _;
use kith_proto::appointments::v1::{self as pb, VisitState};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

async fn agree(
    stage: &Stage,
    by: PersonId,
    request: pb::AgreeVisitsRequest,
) -> Result<Vec<pb::Visit>, Status> {
    Ok(stage.visits.agree_visits(stage.by(by, request)).await?.into_inner().visits)
}

fn all_of(stage: &Stage, visits: &[&pb::Visit]) -> pb::AgreeVisitsRequest {
    let one = |visit: &&pb::Visit| pb::VisitToAgree { visit_id: visit.id.clone(), ..Default::default() };
    pb::AgreeVisitsRequest { request_id: stage.id(), visits: visits.iter().map(one).collect() }
}

#[tokio::test]
async fn a_weeks_visits_are_agreed_in_one_act_in_the_order_asked_for() {
    let stage = Stage::new(false).await;
    let mut visits = Vec::new();
    for day in 15..20 {
        visits.push(stage.visit(&format!("2026-11-{day}T10:00:00")).await);
    }
    visits.reverse();
    let request = all_of(&stage, &visits.iter().collect::<Vec<_>>());
    let agreed = agree(&stage, stage.owner, request.clone()).await.expect("agreed");
    let ids = |visits: &[pb::Visit]| visits.iter().map(|visit| visit.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&agreed), ids(&visits));
    assert!(agreed.iter().all(|visit| visit.state() == VisitState::Agreed));
    let told = || async {
        let written = stage.world.written(&stage.host).await;
        written.iter().filter(|event| event.event_type == "appointments.visit.agreed.v1").count()
    };
    assert_eq!(told().await, 5);
    assert_eq!(agree(&stage, stage.owner, request).await.expect("a repeat"), agreed);
    // Each by itself is agreed already: nothing is told again.
    assert_eq!(stage.agree(stage.owner, &visits[0]).await.expect("again"), agreed[0]);
    assert_eq!(told().await, 5);
}

/// What is answered is what is kept, for visits of every kind: with their own times, agreed before, moved, covered, with a move
/// that waits.
#[tokio::test]
async fn visits_of_every_kind_are_kept_as_they_are_answered() {
    let stage = Stage::new(false).await;
    let timed = stage.visit("2026-11-17T10:00:00").await;
    stage
        .record(stage.giver, &timed, "2026-11-17T10:05:00Z", "2026-11-17T11:20:00Z")
        .await
        .expect("recorded");
    let before = stage.visit("2026-11-18T10:00:00").await;
    stage.agree(stage.owner, &before).await.expect("agreed");
    let covered = stage.visit("2026-11-23T10:00:00").await;
    stage.cancel(stage.giver, &covered, None, pb::Side::Unspecified).await.expect("called off");
    stage.propose_cover(stage.owner, &covered, stage.other).await.expect("asked");
    stage.answer_cover(stage.other, &covered, stage.other, true).await.expect("a yes");
    let (moved, later) = (stage.visit("2026-11-24T10:00:00").await, "2026-11-24T15:00:00");
    stage.propose_move(stage.owner, &moved, later).await.expect("proposed");
    stage.answer_move(stage.giver, &moved, later, true).await.expect("a yes");
    let waits = stage.visit("2026-11-25T10:00:00").await;
    stage.propose_move(stage.giver, &waits, "2026-11-25T15:00:00").await.expect("proposed");
    stage.world.clock.advance(chrono::Duration::days(5));

    let all = all_of(&stage, &[&waits, &moved, &covered, &before, &timed]);
    let agreed = agree(&stage, stage.owner, all).await.expect("agreed");
    for answered in &agreed {
        assert_eq!(answered.state(), VisitState::Agreed);
        assert_eq!(&stage.get(stage.owner, &answered.id).await.expect("a visit"), answered);
    }
    assert_eq!(agreed[0].r#move, None, "what happened cannot be moved any more");
    assert_eq!(agreed[1].starts_local, later);
    assert_eq!(agreed[2].giver_person_id, stage.other.to_string());
    assert_eq!(agreed[4].agreed_start_time, agreed[4].actual_start_time);
}

#[tokio::test]
async fn where_one_is_refused_none_is_agreed_and_it_is_said_which() {
    let stage = Stage::new(false).await;
    let over = stage.visit("2026-11-20T10:00:00").await;
    let ahead = stage.visit("2026-11-25T10:00:00").await;
    let refused =
        agree(&stage, stage.owner, all_of(&stage, &[&over, &ahead])).await.expect_err("one is ahead");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "NOT_OVER_YET".into()));
    let details = refused.get_error_details();
    assert_eq!(details.error_info().expect("why").metadata["visit_id"], ahead.id);
    assert_eq!(stage.get(stage.owner, &over.id).await.expect("a visit").state(), VisitState::Planned);

    let giver =
        agree(&stage, stage.giver, all_of(&stage, &[&over])).await.expect_err("never the giver alone");
    assert_eq!(giver.code(), Code::PermissionDenied);
    let unknown = pb::Visit { id: stage.id(), ..Default::default() };
    let unknown = agree(&stage, stage.owner, all_of(&stage, &[&over, &unknown])).await.expect_err("unknown");
    let stranger = agree(&stage, PersonId(stage.id().parse().expect("an id")), all_of(&stage, &[&over]))
        .await
        .expect_err("a stranger");
    assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, stranger.message()));

    let mut stale = all_of(&stage, &[&over]);
    stale.visits[0].etag = "\"99\"".into();
    assert_eq!(agree(&stage, stage.owner, stale).await.expect_err("changed since").code(), Code::Aborted);
    assert_eq!(stage.get(stage.owner, &over.id).await.expect("a visit").state(), VisitState::Planned);
}

#[tokio::test]
async fn every_wrong_field_of_the_list_is_named() {
    let stage = Stage::new(false).await;
    let visit = stage.visit("2026-11-20T10:00:00").await;
    let none = agree(&stage, stage.owner, all_of(&stage, &[])).await.expect_err("none");
    assert_eq!(wrong_fields(&none), ["visits"]);
    let many = agree(&stage, stage.owner, all_of(&stage, &[&visit; 101])).await.expect_err("too many");
    assert_eq!(wrong_fields(&many), ["visits"]);
    let mut wrong = all_of(&stage, &[&visit, &visit, &visit]);
    wrong.visits[1].etag = "7".into();
    wrong.visits[2].visit_id = "somebody".into();
    let wrong = agree(&stage, stage.owner, wrong).await.expect_err("wrong");
    assert_eq!(wrong_fields(&wrong), ["visits[1].etag", "visits[1].visit_id", "visits[2].visit_id"]);
}

/// Two who agree the same visits in opposite orders at once both get their answer.
#[tokio::test]
async fn two_lists_of_the_same_visits_do_not_wait_in_a_ring() {
    let stage = Stage::new(false).await;
    let mut visits = Vec::new();
    for day in 10..20 {
        visits.push(stage.visit(&format!("2026-11-{day}T10:00:00")).await);
    }
    let there = all_of(&stage, &visits.iter().collect::<Vec<_>>());
    let back = all_of(&stage, &visits.iter().rev().collect::<Vec<_>>());
    let (one, other) = tokio::join!(agree(&stage, stage.owner, there), agree(&stage, stage.owner, back));
    let (one, mut other) = (one.expect("agreed"), other.expect("agreed"));
    other.reverse();
    assert_eq!(one, other);
}
