//! Opportunities: opening, closing, finding one, and who is suggested.

use kith_platform::id::Uuid;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::matching::v1::{self as pb, GiverStatus};
use tonic::Code;

use crate::stage::{Stage, ready};

#[tokio::test]
async fn an_owner_opens_and_closes_and_both_repeat() {
    let stage = Stage::new(true).await;
    let opening = pb::OpenOpportunityRequest { id: stage.id(), ..stage.opening("E5", 0, true) };
    let opened = stage.open(stage.owner, opening.clone()).await.expect("an opportunity");
    assert_eq!((opened.radius_km, opened.paid, opened.open), (10, true, true));
    let closed = stage.close(stage.owner, &opened.id).await.expect("closed");
    assert!(!closed.open);
    assert_eq!(stage.close(stage.owner, &opened.id).await.expect("closed before"), closed);

    let again = pb::OpenOpportunityRequest { request_id: stage.id(), ..opening.clone() };
    assert_eq!(stage.open(stage.owner, again).await.expect("what exists"), closed);
    let other = pb::OpenOpportunityRequest { request_id: stage.id(), radius_km: 11, ..opening };
    let refused = stage.open(stage.owner, other).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));
    assert!(stage.written().await.is_empty(), "nobody is told of opportunities");
}

#[tokio::test]
async fn nobody_but_the_owner_opens_closes_or_gets_suggestions() {
    let stage = Stage::new(true).await;
    let opportunity = stage.opportunity("E5", 10, true).await;
    let paid_giver = stage.giver(GiverStatus::Employed, "E5").await;
    let volunteer = stage.giver(GiverStatus::Volunteer, "E5").await;
    let unknown = pb::OpenOpportunityRequest { team_id: stage.id(), ..stage.opening("E5", 10, true) };
    let unknown = stage.open(stage.owner, unknown).await.expect_err("no such Team");
    for by in [paid_giver, stage.checker] {
        let refused = stage.open(by, stage.opening("E5", 10, true)).await.expect_err("not theirs");
        assert_eq!((refused.message(), refused.details()), (unknown.message(), unknown.details()));
    }
    // Who may see it learns that they may not; who may not see it learns nothing.
    let cases =
        [(paid_giver, Code::PermissionDenied), (volunteer, Code::NotFound), (stage.checker, Code::NotFound)];
    for (by, code) in cases {
        assert_eq!(stage.close(by, &opportunity.id).await.expect_err("not theirs").code(), code);
        assert_eq!(stage.suggest(by, &opportunity.id).await.expect_err("not theirs").code(), code);
    }
    let new_owner = stage.world.person();
    stage.tell_owner(stage.team, new_owner, 2).await;
    assert_eq!(
        stage.close(stage.owner, &opportunity.id).await.expect_err("not any more").code(),
        Code::NotFound
    );
    stage.close(new_owner, &opportunity.id).await.expect("the new Owner's");

    let foreign = Stage { tenant: stage.world.tenant(&stage.host, true).await, ..stage };
    foreign.tell_owner(foreign.team, foreign.owner, 1).await;
    let elsewhere = foreign.suggest(foreign.owner, &opportunity.id).await.expect_err("foreign");
    let nowhere = foreign.suggest(foreign.owner, &Uuid::from_u128(5).to_string()).await.expect_err("unknown");
    assert_eq!((elsewhere.message(), elsewhere.details()), (nowhere.message(), nowhere.details()));
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let stage = Stage::new(true).await;
    let opening = pb::OpenOpportunityRequest {
        request_id: String::new(),
        id: "x".into(),
        team_id: String::new(),
        ..stage.opening("ZZ9", 101, true)
    };
    let refused = stage.open(stage.owner, opening).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["request_id", "id", "team_id", "outward_code", "radius_km"]);
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    let refused = stage.near(giver, -1, "").await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["page_size"]);
    let refused = stage.near(giver, 0, "x").await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["page_token"]);
}

#[tokio::test]
async fn a_giver_finds_what_suits_nearest_first_with_bands() {
    let stage = Stage::new(true).await;
    let near = stage.opportunity("E5", 1, false).await;
    let paid = stage.opportunity("E8", 10, true).await;
    let far = stage.opportunity("BD1", 100, false).await;
    let next = stage.opportunity("N4", 10, false).await;
    let closed = stage.opportunity("E5", 10, false).await;
    stage.close(stage.owner, &closed.id).await.expect("closed");
    let too_narrow = stage.opportunity("N4", 1, false).await;

    let volunteer = stage.giver(GiverStatus::Volunteer, "E5").await;
    let seen = stage.near(volunteer, 0, "").await.expect("a list").opportunities;
    let ids = |seen: &[pb::NearbyOpportunity]| -> Vec<String> {
        seen.iter().map(|near| near.opportunity.as_ref().expect("an opportunity").id.clone()).collect()
    };
    assert_eq!(ids(&seen), [near.id.clone(), next.id.clone()], "neither {} nor {}", far.id, too_narrow.id);
    assert_eq!([&seen[0].distance_band, &seen[1].distance_band], ["under 2 km", "2 to 5 km"]);

    let employed = stage.giver(GiverStatus::Employed, "E5").await;
    let first = stage.near(employed, 2, "").await.expect("a page");
    assert_eq!(ids(&first.opportunities), [near.id, paid.id]);
    let second = stage.near(employed, 2, &first.next_page_token).await.expect("a page");
    assert_eq!((ids(&second.opportunities), second.next_page_token.as_str()), (vec![next.id], ""));

    let refused = stage.near(stage.owner, 0, "").await.expect_err("not a giver");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
}

#[tokio::test]
async fn suggestions_are_ranked_by_readiness_and_distance_and_say_how_real_the_choice_is() {
    let stage = Stage::new(true).await;
    let near = stage.giver(GiverStatus::Independent, "E5").await;
    let ready_but_farther = stage.giver(GiverStatus::Employed, "N4").await;
    let expired = stage.giver(GiverStatus::Independent, "E8").await;
    stage.giver(GiverStatus::Volunteer, "E5").await;
    stage.giver(GiverStatus::Independent, "BD1").await;
    stage.record(stage.checker, ready_but_farther, ready("2026-03-01")).await.expect("recorded");
    let until = pb::Readiness { valid_until: "2026-11-21".into(), ..ready("2026-03-01") };
    stage.record(stage.checker, expired, until).await.expect("recorded");
    stage
        .register(stage.owner, GiverStatus::Employed, "E5")
        .await
        .expect("the Owner gives support elsewhere");

    let opportunity = stage.opportunity("E5", 10, true).await;
    let answer = stage.suggest(stage.owner, &opportunity.id).await.expect("suggestions");
    let listed: Vec<(String, bool)> =
        answer.suggestions.iter().map(|one| (one.person_id.clone(), one.ready)).collect();
    let expected = [(ready_but_farther, true), (near, false), (expired, false)]
        .map(|(who, ready)| (who.to_string(), ready));
    assert_eq!(listed, expected);
    assert_eq!(answer.options, 3);
    assert!(answer.advice.contains("only 1 can start now"), "{}", answer.advice);
    assert_eq!(answer.suggestions[0].distance_band, "2 to 5 km");
    assert!(answer.suggestions.iter().all(|one| one.reasons.len() == 4));

    let lonely = stage.opportunity("TR1", 1, true).await;
    let nobody = stage.suggest(stage.owner, &lonely.id).await.expect("an answer");
    assert_eq!((nobody.suggestions.len(), nobody.options), (0, 0));
    assert!(nobody.advice.contains("no giver within 1 km"), "{}", nobody.advice);
}
