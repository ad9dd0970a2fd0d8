//! Several at once: what must happen once, or never below zero, holds when calls race.

use std::time::Duration;

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

/// Whoever waited for the books sees what was settled meanwhile, here the same visit under its earlier number: it is taken back,
/// and one settlement stands.
#[tokio::test]
async fn what_was_settled_while_one_waited_for_the_books_is_seen() {
    let stage = Stage::funded().await;
    let (mut holding, mut watching) =
        (stage.world.admin(&stage.host).await, stage.world.admin(&stage.host).await);
    sqlx::raw_sql("begin; select from books for update").execute(&mut holding).await.expect("the books");
    let mut visit = stage.visit("2026-03-10");
    visit.settlement_no = 2;
    let meanwhile = async {
        let waits = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        let waiting = async {
            while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watching).await.expect("a look") == 0 {}
        };
        tokio::time::timeout(Duration::from_secs(4), waiting).await.expect("it waits for the books");
        sqlx::query(
            "insert into settlement (tenant_id, visit_id, settlement_no, circle_id, team_id, giver_person_id, planned_date,
                 kind, minutes, created_at)
             values ($1, $2::uuid, 1, $3, $4, $5, '2026-03-10', 'gift', 60, '2026-03-11')",
        )
        .bind(stage.tenant.0)
        .bind(&visit.visit_id)
        .bind(stage.circle)
        .bind(stage.team)
        .bind(stage.giver.0)
        .execute(&mut holding)
        .await
        .expect("the earlier one");
        sqlx::raw_sql("commit").execute(&mut holding).await.expect("the books are free");
    };
    tokio::join!(stage.tell_visit(&visit), meanwhile);
    let standing: Vec<i64> = sqlx::query_scalar(
        "select settlement_no from settlement s where not exists (
             select from settlement_reversal r where r.visit_id = s.visit_id and r.settlement_no = s.settlement_no)",
    )
    .fetch_all(&mut watching)
    .await
    .expect("the settlements");
    assert_eq!(standing, [2]);
}
