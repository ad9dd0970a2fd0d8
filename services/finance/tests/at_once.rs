//! Several at once: what must happen once, or never below zero, holds when calls race.

use crate::stage::{Stage, coins};
use kith_platform::testing::reason;
use kith_proto::appointments::v1::Settlement;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::documents_service_server::DocumentsService as _;
use kith_proto::finance::v1::ledger_service_server::LedgerService as _;

#[tokio::test]
async fn gifts_at_once_never_take_a_wallet_below_zero() {
    let stage = Stage::new().await;
    let mut visit = stage.visit("2026-03-10");
    visit.set_settlement(Settlement::CareCoins);
    stage.tell_visit(&visit).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let request = pb::GiveCareCoinsRequest {
            request_id: stage.id(),
            to_person_id: stage.owner.to_string(),
            amount: coins(10),
            ..Default::default()
        };
        let (ledger, request) = (stage.ledger.clone(), stage.by(stage.giver, request));
        calls.spawn(async move { ledger.give_care_coins(request).await });
    }
    let answers = calls.join_all().await;
    let refused: Vec<String> =
        answers.iter().filter_map(|answer| answer.as_ref().err()).map(|status| reason(status).1).collect();
    assert_eq!(refused, ["TOO_FEW_COINS"; 4], "60 minutes are six gifts of ten");
    assert_eq!(stage.balances().await[&format!("coins:{}", stage.giver)], 0);
}

#[tokio::test]
async fn invoices_issued_at_once_are_issued_once_and_numbered_without_gaps() {
    let stage = Stage::funded().await;
    let months = ["2026-01", "2026-02", "2026-03"];
    for month in months {
        stage.tell_visit(&stage.visit(&format!("{month}-10"))).await;
    }
    let mut calls = tokio::task::JoinSet::new();
    for month in months.into_iter().chain(months) {
        let request = pb::IssueInvoicesRequest {
            request_id: stage.id(),
            circle_id: stage.circle.to_string(),
            month: month.into(),
        };
        let (documents, request) = (stage.documents.clone(), stage.by(stage.hat, request));
        calls.spawn(async move { documents.issue_invoices(request).await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.expect("invoices").into_inner().invoices.len(), 1);
    }
    let request = pb::ListInvoicesRequest { circle_id: stage.circle.to_string(), ..Default::default() };
    let answer = stage.documents.list_invoices(stage.by(stage.hat, request)).await.expect("a list");
    let numbers: Vec<i64> = answer.into_inner().invoices.iter().map(|invoice| invoice.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}
