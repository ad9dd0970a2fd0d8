//! A giver leaves the tenant: what they were to give waits for somebody else, and nothing more is planned with them.

use crate::stage::{Stage, at};
use kith_platform::fields::timestamp;
use kith_platform::id::PersonId;
use kith_platform::testing::reason;
use kith_proto::appointments::v1::visits_service_server::VisitsService as _;
use kith_proto::appointments::v1::{self as pb, Settlement, Side, VisitState};
use kith_proto::common::v1::PersonSnapshot;
use kith_proto::identity::v1::PersonLeft;
use tonic::Code;

async fn leaves(stage: &Stage, person: PersonId, no: i64) {
    let state = PersonSnapshot {
        person_id: person.to_string(),
        joined: true,
        left: true,
        left_time: Some(timestamp(stage.world.clock.now())),
    };
    stage.world.deliver(&stage.host, stage.tenant, person, no, &PersonLeft { state: Some(state) }).await;
}

/// Proves ID-37 for visits: nobody's support vanishes when a giver leaves; each visit ahead is a gap that the Team sees and
/// covers, without a charge, and what was given before is agreed as ever.
#[tokio::test]
async fn the_visits_of_a_giver_who_left_wait_for_cover_and_none_is_planned_any_more() {
    let stage = Stage::new(false).await;
    let series = stage.agreed(stage.proposal("2026-11-19T08:00:00", 60, "FREQ=DAILY;COUNT=20")).await;
    let visits = stage.plan(&series.id, "2026-11-19", "2026-11-26").await.expect("planned");
    assert_eq!(visits.len(), 7);
    // One that somebody else called off, and that the giver was asked to cover.
    let mut of_another = stage.proposal("2026-11-24T18:00:00", 60, "");
    of_another.giver_person_id = stage.other.to_string();
    let of_another = stage.propose(stage.owner, of_another).await.expect("proposed");
    stage.answer(stage.other, &of_another.id, true).await.expect("agreed");
    let to_cover = stage.plan(&of_another.id, "", "").await.expect("planned").remove(0);
    let said = Some(at("2026-11-21T09:00:00Z"));
    stage.cancel(stage.other, &to_cover, said, Side::Unspecified).await.expect("called off");
    stage.propose_cover(stage.owner, &to_cover, stage.giver).await.expect("asked");

    let before = stage.told().await.len();
    leaves(&stage, stage.giver, 1).await;
    let told = stage.told().await.split_off(before);
    assert_eq!(told, ["visit.cancelled.v1"; 4], "each gap is told");
    let request = pb::ListVisitsRequest {
        team_id: stage.team.to_string(),
        from_date: "2026-11-19".into(),
        until_date: "2026-11-27".into(),
        ..Default::default()
    };
    let listed =
        stage.visits.list_visits(stage.by(stage.owner, request)).await.expect("a list").into_inner().visits;
    let of_giver: Vec<_> = listed.iter().filter(|visit| visit.series_id == series.id).collect();
    assert_eq!(of_giver.len(), 7, "none vanished");
    let states: Vec<_> = of_giver.iter().map(|visit| visit.state()).collect();
    let (planned, off) = (VisitState::Planned, VisitState::Cancelled);
    assert_eq!(states, [planned, planned, planned, off, off, off, off], "what lies before stays");
    assert!(of_giver.iter().all(|visit| visit.settlement() == Settlement::Unspecified), "nothing is charged");
    assert_eq!(stage.get(stage.owner, &to_cover.id).await.expect("seen").cover, None);

    // Nothing more with them: neither by the series, nor anew, nor to cover.
    let has_left = (Code::FailedPrecondition, "GIVER_HAS_LEFT".to_owned());
    let more = stage.plan(&series.id, "2026-11-26", "2026-12-05").await.expect_err("gone");
    assert_eq!(reason(&more), has_left);
    let anew =
        stage.propose(stage.owner, stage.proposal("2026-12-01T08:00:00", 60, "")).await.expect_err("gone");
    assert_eq!(reason(&anew), has_left);
    let cover = stage.propose_cover(stage.owner, &to_cover, stage.giver).await.expect_err("gone");
    assert_eq!(reason(&cover), has_left);

    // Somebody else covers a gap, at an hour that is free again; the past is agreed.
    stage.propose_cover(stage.owner, of_giver[4], stage.other).await.expect("asked");
    let covered = stage.answer_cover(stage.other, of_giver[4], stage.other, true).await.expect("a yes");
    assert_eq!((covered.state(), covered.giver_person_id), (planned, stage.other.to_string()));
    let agreed = stage.agree(stage.owner, of_giver[0]).await.expect("agreed");
    assert_eq!((agreed.state(), agreed.settlement()), (VisitState::Agreed, Settlement::Money));
    let before = stage.told().await.len();
    leaves(&stage, stage.giver, 2).await;
    assert_eq!(stage.told().await.len(), before, "told again nothing happens");
    println!("7 visits of a giver who left: 4 ahead became gaps, 3 before stayed, 0 vanished, 0 charged");
}
