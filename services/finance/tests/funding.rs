//! Payers and funding over a real database.

use crate::stage::Stage;
use kith_platform::id::PersonId;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::funding_service_server::FundingService as _;
use tonic::{Code, Status};

/// Shares of payers, and the fields that are wrong with them.
type Case<'case> = (&'case [(&'case str, i32)], &'case [&'case str]);

async fn list(stage: &Stage, person: PersonId) -> Result<pb::ListFundingResponse, Status> {
    let request = pb::ListFundingRequest { team_id: stage.team.to_string() };
    Ok(stage.funding.list_funding(stage.by(person, request)).await?.into_inner())
}

async fn add(stage: &Stage, person: PersonId, payer: &pb::Payer) -> Result<pb::Payer, Status> {
    let request = pb::AddPayerRequest { request_id: stage.id(), payer: Some(payer.clone()) };
    let answer = stage.funding.add_payer(stage.by(person, request)).await?;
    Ok(answer.into_inner().payer.expect("a payer"))
}

async fn set(stage: &Stage, funding: &pb::Funding) -> Result<pb::Funding, Status> {
    let request = pb::SetFundingRequest { request_id: stage.id(), funding: Some(funding.clone()) };
    let answer = stage.funding.set_funding(stage.by(stage.owner, request)).await?;
    Ok(answer.into_inner().funding.expect("funding"))
}

/// Proves FIN-10.
#[tokio::test]
async fn payers_of_every_kind_are_kept_in_the_order_added() {
    let stage = Stage::new().await;
    let mut added = Vec::new();
    for kind in 1..=7 {
        let payer = pb::Payer {
            id: stage.id(),
            team_id: stage.team.to_string(),
            kind,
            billing_name: format!("Payer {kind}"),
            billing_address: String::new(),
        };
        added.push(add(&stage, stage.owner, &payer).await.expect("a payer"));
    }
    let funding =
        stage.fund("2026-03-01", &[(&added[0].id, 4000), (&added[1].id, 6000)]).await.expect("funding");
    let earlier = stage.fund("2026-01-01", &[(&added[0].id, 10_000)]).await.expect("funding");
    let listed = list(&stage, stage.hat).await.expect("the finance hat sees it");
    assert_eq!(listed.payers, added);
    assert_eq!(listed.funding, [earlier, funding]);
}

#[tokio::test]
async fn only_the_owner_says_who_pays() {
    let stage = Stage::new().await;
    let payer = stage.payer("Council").await;
    let new = pb::Payer { id: stage.id(), ..payer };
    let refused = add(&stage, stage.hat, &new).await.expect_err("the finance hat may look only");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    for person in [stage.giver, stage.administrator] {
        let refused = add(&stage, person, &new).await.expect_err("not theirs");
        assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
        assert_eq!(list(&stage, person).await.expect_err("not theirs").code(), Code::NotFound);
    }
}

#[tokio::test]
async fn another_tenants_team_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::funded().await;
    let elsewhere = Stage { tenant: stage.world.tenant(&stage.host, true).await, ..stage };
    let foreign = list(&elsewhere, elsewhere.owner).await.expect_err("refused");
    let unknown = Stage { team: elsewhere.uuid(), ..elsewhere };
    let unknown = list(&unknown, unknown.owner).await.expect_err("refused");
    assert_eq!(reason(&foreign), (Code::NotFound, "NOT_FOUND".into()));
    assert_eq!((foreign.message(), foreign.details()), (unknown.message(), unknown.details()));
}

#[tokio::test]
async fn client_made_ids_hold_for_ever() {
    let stage = Stage::new().await;
    let payer = stage.payer("Council").await;
    assert_eq!(add(&stage, stage.owner, &payer).await.expect("it exists"), payer);
    let renamed = pb::Payer { billing_name: "Somebody".into(), ..payer.clone() };
    let refused = add(&stage, stage.owner, &renamed).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));

    let funding = stage.fund("2026-01-01", &[(&payer.id, 10_000)]).await.expect("funding");
    assert_eq!(set(&stage, &funding).await.expect("it exists"), funding);
    let moved = pb::Funding { valid_from: "2026-01-02".into(), ..funding };
    let refused = set(&stage, &moved).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));
}

#[tokio::test]
async fn a_repeated_request_is_answered_the_same() {
    let stage = Stage::new().await;
    let payer = pb::Payer {
        id: String::new(),
        team_id: stage.team.to_string(),
        kind: pb::PayerKind::Private.into(),
        billing_name: "The person".into(),
        billing_address: String::new(),
    };
    let request = pb::AddPayerRequest { request_id: stage.id(), payer: Some(payer) };
    let first = stage.funding.add_payer(stage.by(stage.owner, request.clone())).await.expect("a payer");
    let again = stage.funding.add_payer(stage.by(stage.owner, request)).await.expect("the same payer");
    assert_eq!(first.into_inner(), again.into_inner());
    assert_eq!(list(&stage, stage.owner).await.expect("a list").payers.len(), 1);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let stage = Stage::new().await;
    let payer = pb::Payer {
        id: "x".into(),
        team_id: "y".into(),
        kind: 99,
        billing_name: "n".repeat(201),
        billing_address: "a".repeat(1001),
    };
    let refused = add(&stage, stage.owner, &payer).await.expect_err("refused");
    let expected = ["payer.id", "payer.team_id", "payer.kind", "payer.billing_name", "payer.billing_address"];
    assert_eq!(wrong_fields(&refused), expected);

    let (one, two) = (stage.payer("One").await, stage.payer("Two").await);
    let cases: [Case<'_>; 6] = [
        (&[], &["funding.shares"]),
        (&[(&one.id, 9_999)], &["funding.shares"]),
        (&[(&one.id, 5_000), (&one.id, 5_000)], &["funding.shares"]),
        (&[(&one.id, 0), (&two.id, 10_000)], &["funding.shares[0].share_bp"]),
        (
            &[(&one.id, -5_000), (&two.id, 15_000)],
            &["funding.shares[0].share_bp", "funding.shares[1].share_bp"],
        ),
        (&[("nobody", 10_000)], &["funding.shares[0].payer_id"]),
    ];
    for (shares, expected) in cases {
        let refused = stage.fund("2026-01-01", shares).await.expect_err("refused");
        assert_eq!(wrong_fields(&refused), expected, "{shares:?}");
    }
    let stranger = stage.id();
    let refused =
        stage.fund("2026-01-01", &[(&one.id, 5_000), (&stranger, 5_000)]).await.expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["funding.shares[1].payer_id"]);
    assert!(list(&stage, stage.owner).await.expect("a list").funding.is_empty());
}

#[tokio::test]
async fn unsettled_visits_are_the_owners_and_the_finance_hats_to_see() {
    let stage = Stage::new().await;
    for day in ["2026-03-12", "2026-03-10", "2026-03-11"] {
        stage.tell_visit(&stage.visit(day)).await;
    }
    let ask = async |person, team_id: String, circle_id: String, page_token: String| {
        let request = pb::ListUnsettledVisitsRequest { team_id, circle_id, page_size: 2, page_token };
        stage.funding.list_unsettled_visits(stage.by(person, request)).await.map(tonic::Response::into_inner)
    };
    let (team, circle) = (stage.team.to_string(), stage.circle.to_string());
    let first = ask(stage.hat, String::new(), circle.clone(), String::new()).await.expect("a page");
    let second =
        ask(stage.hat, String::new(), circle.clone(), first.next_page_token.clone()).await.expect("a page");
    let mut days: Vec<String> = first.visits.into_iter().map(|visit| visit.planned_date).collect();
    days.extend(second.visits.into_iter().map(|visit| visit.planned_date));
    assert_eq!(days, ["2026-03-10", "2026-03-11", "2026-03-12"]);

    let refused = ask(stage.owner, String::new(), circle, String::new()).await.expect_err("not the hat");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = ask(stage.giver, team, String::new(), String::new()).await.expect_err("not the Owner");
    assert_eq!(refused.code(), Code::NotFound);
    let refused = ask(stage.hat, String::new(), String::new(), String::new()).await.expect_err("of nothing");
    assert_eq!(wrong_fields(&refused), ["circle_id"]);
}
