//! The times of somebody's support, as whom they let see them gets them.

use crate::stage::{Stage, Terms, team_of};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::reason;
use kith_proto::appointments::v1 as pb;
use kith_proto::appointments::v1::series_service_server::SeriesService as _;
use kith_proto::common::v1::{ConsentSnapshot, ConsentState, Grantee, GranteeKind};
use kith_proto::identity::v1::{ConsentGiven, ConsentWithdrawn};
use tonic::{Code, Status};

async fn list(stage: &Stage, by: PersonId) -> Result<Vec<pb::Series>, Status> {
    let request = pb::ListSeriesRequest { team_id: stage.team.to_string(), ..Default::default() };
    Ok(stage.series.list_series(stage.by(by, request)).await?.into_inner().series)
}

/// As identity tells that the Owner lets somebody see the times of their support; withdrawn in its second version.
async fn tell(stage: &Stage, id: Uuid, grantee: Grantee, version: i64) {
    tell_for(stage, "introduction", id, grantee, version).await;
}

/// The same for whatever purpose.
async fn tell_for(stage: &Stage, purpose: &str, id: Uuid, grantee: Grantee, version: i64) {
    let given = version == 1;
    let state = Some(ConsentSnapshot {
        consent_id: id.to_string(),
        person_id: stage.owner.to_string(),
        part: "profile.rota".into(),
        purpose: purpose.into(),
        grantee: Some(grantee),
        valid_from: "2026-11-21".into(),
        valid_until: "2027-11-21".into(),
        version,
        state: if given { ConsentState::Given.into() } else { ConsentState::Withdrawn.into() },
    });
    if given {
        stage.world.deliver(&stage.host, stage.tenant, id, version, &ConsentGiven { state }).await;
    } else {
        stage.world.deliver(&stage.host, stage.tenant, id, version, &ConsentWithdrawn { state }).await;
    }
    stage.world.know_copies(&stage.host).await;
}

/// ID-17 for the rota: a prospective member sees times by consent, without givers and what for.
#[tokio::test]
async fn whom_the_owner_lets_see_it_gets_the_times_of_what_is_agreed() {
    let stage = Stage::new(true).await;
    let agreed = stage.agreed(stage.proposal("2026-03-02T09:00:00", 60, "FREQ=WEEKLY")).await;
    stage.propose(stage.owner, stage.proposal("2026-03-03T09:00:00", 60, "")).await.expect("not agreed yet");
    let reader = stage.world.person();
    let hidden = |listed: Result<Vec<pb::Series>, Status>| reason(&listed.expect_err("hidden"));
    let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
    assert_eq!(hidden(list(&stage, reader).await), not_found);

    let one = Grantee { kind: GranteeKind::Person.into(), id: reader.to_string(), hat: String::new() };
    tell_for(&stage, "evaluation", stage.world.person().0, one.clone(), 1).await;
    assert_eq!(hidden(list(&stage, reader).await), not_found, "for another purpose it opens nothing");
    let id = stage.world.person().0;
    tell(&stage, id, one.clone(), 1).await;
    let expected = pb::Series {
        giver_person_id: String::new(),
        kind: pb::VisitKind::Unspecified.into(),
        proposed_by: pb::Side::Unspecified.into(),
        etag: String::new(),
        ..agreed
    };
    assert_eq!(list(&stage, reader).await.expect("times"), [expected]);
    assert_eq!(hidden(list(&stage, stage.world.person()).await), not_found);
    assert_eq!(list(&stage, stage.other).await.expect("a member").len(), 2);

    stage.world.clock.advance(chrono::Duration::seconds(61));
    assert_eq!(hidden(list(&stage, reader).await), (Code::Unavailable, "CONSENT_STALE".into()));
    assert_eq!(hidden(list(&stage, stage.world.person()).await), not_found);
    assert_eq!(list(&stage, stage.other).await.expect("a member").len(), 2);
    tell(&stage, id, one, 2).await;
    assert_eq!(hidden(list(&stage, reader).await), not_found);
}

#[tokio::test]
async fn no_consent_goes_before_the_promise_and_hats_and_teams_are_those_of_today() {
    let stage = Stage::new(true).await;
    let (neighbour, their_member) = (stage.world.person(), stage.world.person());
    let theirs = stage.world.person().0;
    stage.tell_team(team_of(&stage, theirs, neighbour, &[their_member])).await;
    let team = Grantee { kind: GranteeKind::Team.into(), id: theirs.to_string(), hat: String::new() };
    tell(&stage, stage.world.person().0, team, 1).await;
    assert!(list(&stage, neighbour).await.is_ok() && list(&stage, their_member).await.is_ok());
    let mut left = team_of(&stage, theirs, neighbour, &[their_member]);
    left.members[0].valid_until = "2026-11-21".into();
    stage.tell_team(left).await;
    assert_eq!(list(&stage, their_member).await.expect_err("not any more").code(), Code::NotFound);

    let giver = stage.world.person();
    stage.tell_giver(giver, Terms::Gift, "").await;
    assert_eq!(list(&stage, giver).await.expect_err("no consent").code(), Code::NotFound);
    let hat = Grantee { kind: GranteeKind::Hat.into(), id: String::new(), hat: "giver".into() };
    tell(&stage, stage.world.person().0, hat, 1).await;
    assert!(list(&stage, giver).await.is_ok());

    // Of hats and Teams it is as of consents: what was told long ago opens nothing.
    stage.world.clock.advance(chrono::Duration::seconds(61));
    for (aggregate, still_old) in
        [("identity.consent", vec![giver, neighbour]), ("matching.giver", vec![neighbour])]
    {
        stage.world.know_copy(&stage.host, aggregate).await;
        for reader in still_old {
            let stale = list(&stage, reader).await.expect_err("too old");
            assert_eq!(reason(&stale), (Code::Unavailable, "CONSENT_STALE".into()));
        }
    }
    assert!(list(&stage, giver).await.is_ok());
    stage.world.know_copy(&stage.host, "teams.team").await;
    assert!(list(&stage, neighbour).await.is_ok());

    let mut unsigned = team_of(&stage, stage.team, stage.owner, &[stage.giver, stage.other]);
    unsigned.promise_from = String::new();
    stage.tell_team(unsigned).await;
    assert_eq!(list(&stage, giver).await.expect_err("no Promise").code(), Code::NotFound);
}

/// That the database failed is said as what it is, not as the copy's age. Red where every error is taken for a refusal.
#[tokio::test]
async fn a_connection_that_is_lost_is_no_old_copy() {
    let stage = Stage::new(true).await;
    let reader = stage.world.person();
    let one = Grantee { kind: GranteeKind::Person.into(), id: reader.to_string(), hat: String::new() };
    tell(&stage, stage.world.person().0, one, 1).await;
    stage.world.clock.advance(chrono::Duration::seconds(61));
    let lost = stage.world.cut_at(&stage.host, "platform.break_glass", list(&stage, reader)).await;
    assert_eq!(reason(&lost.expect_err("lost")), (Code::Unavailable, "UNAVAILABLE".into()));
    let stale = list(&stage, reader).await.expect_err("too old");
    assert_eq!(reason(&stale), (Code::Unavailable, "CONSENT_STALE".into()));
}
