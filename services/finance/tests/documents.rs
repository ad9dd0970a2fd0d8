//! Invoices and statements over a real database.

use crate::stage::{Stage, amount};
use kith_platform::id::PersonId;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::appointments::v1::VisitState;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::documents_service_server::DocumentsService as _;
use tonic::{Code, Status};

#[tokio::test]
async fn invoices_are_numbered_without_gaps_and_only_new_lines_make_new_ones() {
    let stage = Stage::new().await;
    stage.founding_rule("independent", "2026-01-01", 1500, 0).await.expect("a rule");
    stage.paid_terms(stage.giver, "independent", "2026-01-01", 2000).await;
    let (council, family) = (stage.payer("Council").await, stage.payer("Family").await);
    stage.fund("2026-01-01", &[(&council.id, 8000), (&family.id, 2000)]).await.expect("funding");
    for day in ["2026-03-10", "2026-03-31", "2026-04-01"] {
        stage.tell_visit(&stage.visit(day)).await;
    }

    let issued = stage.issue("2026-03").await;
    let told: Vec<(i64, &str, i64, i64)> = issued
        .iter()
        .map(|invoice| {
            let (total, contribution) =
                (amount(invoice.total.as_ref()), amount(invoice.contribution.as_ref()));
            (invoice.number, invoice.billing_name.as_str(), total, contribution)
        })
        .collect();
    assert_eq!(told, [(1, "Council", 3680, 480), (2, "Family", 920, 120)]);
    assert_eq!(stage.issue("2026-03").await, issued, "nothing new, nothing issued");

    let invoice = stage.invoice(&issued[1].id).await;
    assert_eq!(invoice.billing_address, "1 The Street");
    let days: Vec<&str> = invoice.lines.iter().map(|line| line.planned_date.as_str()).collect();
    assert_eq!(days, ["2026-03-10", "2026-03-31"]);
    let line = &invoice.lines[0];
    assert_eq!((line.minutes, line.rule_name.as_str()), (60, "independent"));
    assert_eq!(amount(line.payer_amount.as_ref()), 460);
    assert_eq!(amount(line.contribution.as_ref()), 300);

    assert_eq!(stage.issue("2026-04").await.len(), 2, "April is another month");
    stage.tell_visit(&stage.visit("2026-03-12")).await;
    let numbers: Vec<i64> = stage.issue("2026-03").await.iter().map(|invoice| invoice.number).collect();
    assert_eq!(numbers, [1, 2, 5, 6]);
    let told = stage.world.written(&stage.host).await;
    assert_eq!(told.iter().filter(|event| event.event_type == "finance.invoice.issued.v1").count(), 6);
}

/// What was invoiced or paid never changes; a correction stands on the next document, and all together come to what
/// the month comes to.
#[tokio::test]
async fn a_correction_after_the_documents_is_taken_back_on_the_next_ones() {
    let stage = Stage::funded().await;
    let mut visit = stage.visit("2026-03-10");
    stage.tell_visit(&visit).await;
    let first = stage.issue("2026-03").await;
    let paid = stage.run_pay("2026-03").await;
    // Documents are listed by when they were made.
    stage.world.clock.advance(chrono::Duration::seconds(1));
    visit.agreed_end_time.as_mut().expect("an end").seconds += 3600;
    visit.settlement_no = 2;
    stage.tell_visit(&visit).await;

    let invoices = stage.issue("2026-03").await;
    assert_eq!(invoices[0], first[0], "once issued it never changes");
    let lines = stage.invoice(&invoices[1].id).await.lines;
    let amounts: Vec<i64> = lines.iter().map(|line| amount(line.payer_amount.as_ref())).collect();
    assert_eq!(amounts, [-2300, 4600]);
    let statements = stage.run_pay("2026-03").await;
    assert_eq!(statements[0], paid[0]);
    assert_eq!((amount(statements[1].total.as_ref()), statements[1].minutes), (2000, 60));

    visit.set_state(VisitState::Missed);
    (visit.agreed_start_time, visit.agreed_end_time, visit.settlement_no) = (None, None, 3);
    stage.tell_visit(&visit).await;
    let invoices = stage.issue("2026-03").await;
    let owed: i64 = invoices.iter().map(|invoice| amount(invoice.total.as_ref())).sum();
    let contribution: i64 = invoices.iter().map(|invoice| amount(invoice.contribution.as_ref())).sum();
    let paid: i64 = stage.run_pay("2026-03").await.iter().map(|one| amount(one.total.as_ref())).sum();
    assert_eq!((owed, contribution, paid, invoices.len()), (0, 0, 0, 3));
    assert_eq!(stage.issue("2026-03").await.len(), 3, "what is taken back is taken back once");
    assert_eq!(stage.run_pay("2026-03").await.len(), 3, "what is taken back is taken back once");
}

/// A visit that was corrected before any document was made stands on documents as it is now, and only so.
#[tokio::test]
async fn a_correction_before_the_documents_leaves_no_trace_on_them() {
    let stage = Stage::funded().await;
    let mut visit = stage.visit("2026-03-10");
    stage.tell_visit(&visit).await;
    visit.settlement_no = 2;
    stage.tell_visit(&visit).await;
    let invoices = stage.issue("2026-03").await;
    assert_eq!(stage.invoice(&invoices[0].id).await.lines.len(), 1);
    assert_eq!(stage.run_pay("2026-03").await[0].lines.len(), 1);
}

#[tokio::test]
async fn a_giver_sees_their_own_statements_and_the_finance_hat_the_circles() {
    let stage = Stage::funded().await;
    let other = stage.world.person();
    stage.paid_terms(other, "independent", "2026-01-01", 3000).await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    let visit = kith_proto::appointments::v1::VisitSnapshot {
        giver_person_id: other.to_string(),
        ..stage.visit("2026-03-11")
    };
    stage.tell_visit(&visit).await;
    assert_eq!(stage.run_pay("2026-03").await.len(), 2);
    assert_eq!(stage.run_pay("2026-03").await.len(), 2, "nothing new, nothing made");

    let ask = async |person: PersonId, circle_id: String, month: &str| {
        let request = pb::ListStatementsRequest { circle_id, month: month.into(), ..Default::default() };
        let answer = stage.documents.list_statements(stage.by(person, request)).await?;
        Ok::<_, Status>(answer.into_inner().statements)
    };
    let own = ask(other, String::new(), "").await.expect("their own");
    assert_eq!((own.len(), amount(own[0].total.as_ref()), own[0].lines.len()), (1, 3000, 1));
    assert_eq!(own[0].lines[0].payer_amount, None);
    assert!(ask(stage.owner, String::new(), "").await.expect("none").is_empty());
    assert!(ask(other, String::new(), "2026-04").await.expect("none").is_empty());
    assert_eq!(ask(stage.hat, stage.circle.to_string(), "2026-03").await.expect("the Circle's").len(), 2);
    let refused = ask(other, stage.circle.to_string(), "").await.expect_err("not theirs");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let told = stage.world.written(&stage.host).await;
    assert_eq!(told.iter().filter(|event| event.event_type == "finance.pay_run.made.v1").count(), 1);
}

#[tokio::test]
async fn an_invoice_is_seen_by_the_owner_and_the_finance_hat_and_by_nobody_else() {
    let stage = Stage::funded().await;
    for day in ["2026-03-10", "2026-04-10"] {
        stage.tell_visit(&stage.visit(day)).await;
        stage.issue(&day[..7]).await;
    }
    let ask = async |person: PersonId, team_id: String, circle_id: String, page_token: String| {
        let request =
            pb::ListInvoicesRequest { team_id, circle_id, page_size: 1, page_token, ..Default::default() };
        stage.documents.list_invoices(stage.by(person, request)).await.map(tonic::Response::into_inner)
    };
    let (team, circle) = (stage.team.to_string(), stage.circle.to_string());
    let first = ask(stage.owner, team.clone(), String::new(), String::new()).await.expect("a page");
    let second =
        ask(stage.owner, team.clone(), String::new(), first.next_page_token.clone()).await.expect("a page");
    assert_eq!((first.invoices[0].number, second.invoices[0].number), (1, 2));
    assert!(second.next_page_token.is_empty());
    assert_eq!(
        ask(stage.hat, String::new(), circle.clone(), String::new()).await.expect("a page").invoices.len(),
        1
    );
    let refused = ask(stage.giver, team, String::new(), String::new()).await.expect_err("not theirs");
    assert_eq!(refused.code(), Code::NotFound);
    let refused = ask(stage.owner, String::new(), circle, String::new()).await.expect_err("not the hat");
    assert_eq!(refused.code(), Code::PermissionDenied);

    let get = async |person: PersonId, id: String| {
        stage.documents.get_invoice(stage.by(person, pb::GetInvoiceRequest { id })).await
    };
    let id = first.invoices[0].id.clone();
    assert!(get(stage.owner, id.clone()).await.is_ok());
    let hidden = get(stage.giver, id).await.expect_err("not theirs");
    let unknown = get(stage.giver, stage.id()).await.expect_err("unknown");
    assert_eq!((hidden.code(), hidden.message()), (unknown.code(), unknown.message()));
    assert_eq!(hidden.details(), unknown.details());
}

#[tokio::test]
async fn money_documents_are_made_by_the_finance_hat_alone() {
    let stage = Stage::funded().await;
    let (circle_id, month) = (stage.circle.to_string(), "2026-03".to_owned());
    for person in [stage.owner, stage.giver, stage.administrator] {
        let request = pb::IssueInvoicesRequest {
            request_id: stage.id(),
            circle_id: circle_id.clone(),
            month: month.clone(),
        };
        let refused = stage.documents.issue_invoices(stage.by(person, request)).await.expect_err("refused");
        assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
        let request =
            pb::RunPayRequest { request_id: stage.id(), circle_id: circle_id.clone(), month: month.clone() };
        let refused = stage.documents.run_pay(stage.by(person, request)).await.expect_err("refused");
        assert_eq!(refused.code(), Code::PermissionDenied);
        let request = pb::GetMonthRequest { circle_id: circle_id.clone(), month: month.clone() };
        let refused = stage.documents.get_month(stage.by(person, request)).await.expect_err("refused");
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let request =
        pb::IssueInvoicesRequest { request_id: "x".into(), circle_id: "y".into(), month: "2026-13".into() };
    let refused = stage.documents.issue_invoices(stage.by(stage.hat, request)).await.expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["request_id", "circle_id", "month"]);
    let request = pb::RunPayRequest { request_id: stage.id(), circle_id: stage.id(), month };
    let refused = stage.documents.run_pay(stage.by(stage.hat, request)).await.expect_err("unknown");
    assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
}
