//! Decisions that take effect elsewhere, and their end.

use kith_platform::testing::{reason, request_of};
use kith_proto::governance::v1 as pb;
use kith_proto::governance::v1::proposals_service_server::ProposalsService as _;
use prost::Message as _;
use tonic::Code;

use crate::stage::{Stage, revocation, rule_from, words};

fn no(code: Code, word: &str) -> (Code, String) {
    (code, word.to_owned())
}

/// Proves GOV-63.
#[tokio::test]
async fn a_decision_issues_a_mandate_and_a_later_decision_ends_it() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    stage.go_live().await;
    let so_far = stage.told_since(0).await.len();
    let decision = stage.decide(&circle, &people, rule_from("2026-12-01")).await.expect("decided");
    let written = stage.world.written(&stage.host).await.split_off(so_far);
    assert_eq!(written[0].event_type, "governance.decision.recorded.v1");
    assert_eq!(written[1].event_type, "governance.mandate.issued.v1");
    let issued = pb::MandateIssued::decode(written[1].payload.as_slice()).expect("an event");
    let issued = issued.state.expect("a state");
    assert_eq!((&issued.mandate_id, &issued.decision_id), (&decision.mandate_id, &decision.id));
    assert_eq!(written[1].aggregate_id.to_string(), decision.mandate_id);
    let rule = issued.contribution_rule.clone().expect("a rule");
    assert_eq!((rule.rule_name.as_str(), rule.effective_from.as_str()), ("independent", "2026-12-01"));
    assert_eq!(
        rule.mode,
        Some(pb::contribution_rule_change::Mode::OnRate(pb::OnRate { added_bp: 1000, deducted_bp: 500 }))
    );
    assert_eq!(issued.revoked_from, "");
    for event in &written {
        let payload = String::from_utf8_lossy(&event.payload);
        assert!(!payload.contains("We try") && !payload.contains("books balance"), "never a text");
    }

    let so_far = so_far + written.len();
    let later =
        stage.decide(&circle, &people, revocation(&decision.id, "2027-01-01")).await.expect("decided");
    assert_eq!(later.mandate_id, "");
    let ended = stage.decision(people[1], &decision.id).await.expect("a decision");
    assert_eq!(ended.revoked_from, "2027-01-01");
    let written = stage.world.written(&stage.host).await.split_off(so_far);
    let types: Vec<&str> = written.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "governance.decision.recorded.v1",
            "governance.decision.revoked.v1",
            "governance.mandate.revoked.v1"
        ]
    );
    let told = pb::MandateRevoked::decode(written[2].payload.as_slice()).expect("an event");
    assert_eq!(
        told.state,
        Some(pb::MandateSnapshot { revoked_from: "2027-01-01".into(), ..issued }),
        "the whole mandate, with its end"
    );
    assert_eq!((written[2].aggregate_id.to_string(), written[2].event_no), (decision.mandate_id, 2));
}

#[tokio::test]
async fn only_an_own_standing_decision_with_a_mandate_is_revoked_and_not_before_it_begins() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let by = people[0];
    let decision = stage.decide(&circle, &people, rule_from("2026-12-01")).await.expect("decided");
    let failed = Code::FailedPrecondition;
    let draft =
        async |circle: &str, version| reason(&stage.draft(by, circle, version).await.expect_err("refused"));
    let unknown = revocation(&stage.id(), "2026-12-01");
    assert_eq!(draft(&circle, unknown).await, no(failed, "REVOKES_UNKNOWN_DECISION"));
    let too_early = revocation(&decision.id, "2026-11-30");
    assert_eq!(draft(&circle, too_early).await, no(Code::InvalidArgument, "REVOKED_BEFORE_EFFECT"));
    let plain = stage.decide(&circle, &people, words("We meet on Mondays.")).await.expect("decided");
    let nothing = revocation(&plain.id, "2026-12-01");
    assert_eq!(draft(&circle, nothing).await, no(failed, "NOTHING_TO_REVOKE"));

    let other = stage.create("Hackney Care Circle").await.expect("a Circle").id;
    stage.invite(stage.administrator, &other, by, "").await.expect("asked");
    stage.join(by, &other, true).await.expect("said yes");
    let foreign = revocation(&decision.id, "2026-12-01");
    assert_eq!(draft(&other, foreign).await, no(failed, "REVOKES_UNKNOWN_DECISION"));

    // Two proposals to revoke the same decision: the second comes too late.
    let first = stage.open_round(by, &circle, revocation(&decision.id, "2026-12-01")).await;
    let second = stage.open_round(by, &circle, revocation(&decision.id, "2026-12-15")).await;
    for proposal in [&first, &second] {
        stage.answer(by, proposal, 1, "").await.expect("consents");
    }
    stage.record(by, &first).await.expect("decided");
    let refused = stage.record(by, &second).await.expect_err("too late");
    assert_eq!(reason(&refused), no(failed, "ALREADY_REVOKED"));
    let again = revocation(&decision.id, "2026-12-20");
    assert_eq!(draft(&circle, again).await, no(failed, "ALREADY_REVOKED"));
    let read = stage.decision(by, &decision.id).await.expect("a decision");
    assert_eq!(read.revoked_from, "2026-12-01", "nothing half-done stays");
}

#[tokio::test]
async fn an_effect_reaches_45_days_back_when_live_and_any_day_in_preparation() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    stage.decide(&circle, &people, rule_from("2020-01-01")).await.expect("history is brought in");
    stage.go_live().await;
    let refused = stage.draft(people[0], &circle, rule_from("2026-10-06")).await.expect_err("46 days");
    assert_eq!(reason(&refused), no(Code::InvalidArgument, "TOO_FAR_BACK"));
    let proposal = stage.open_round(people[0], &circle, rule_from("2026-10-07")).await;
    stage.answer(people[0], &proposal, 1, "").await.expect("consents");
    stage.world.clock.advance(chrono::Duration::days(1));
    let refused = stage.record(people[0], &proposal).await.expect_err("a day later it is 46 days");
    assert_eq!(reason(&refused), no(Code::InvalidArgument, "TOO_FAR_BACK"));
    let later = rule_from("2026-10-08");
    stage.amend(people[0], &proposal, later, "").await.expect("amended");
    stage.answer(people[0], &proposal, 2, "").await.expect("consents");
    stage.record(people[0], &proposal).await.expect("decided");
}

#[tokio::test]
async fn a_decision_is_recorded_once_however_often_it_is_asked_for() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let proposal = stage.open_round(people[0], &circle, rule_from("2026-12-01")).await;
    stage.answer(people[0], &proposal, 1, "").await.expect("consents");
    let so_far = stage.told_since(0).await.len();
    let (one, two) = tokio::join!(stage.record(people[0], &proposal), stage.record(people[0], &proposal));
    let (one, two) = (one.expect("decided"), two.expect("decided"));
    assert_eq!(one, two);
    assert_eq!(
        stage.told_since(so_far).await,
        ["governance.decision.recorded.v1", "governance.mandate.issued.v1"]
    );
}

#[tokio::test]
async fn a_repeated_request_gets_the_saved_decision() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let proposal = stage.open_round(people[0], &circle, words("We meet on Mondays.")).await;
    stage.answer(people[0], &proposal, 1, "").await.expect("consents");
    let request = pb::RecordDecisionRequest { request_id: stage.id(), proposal_id: proposal };
    let call = async |request| {
        let answer = stage.proposals.record_decision(request_of(stage.tenant, people[0], request)).await;
        answer.map(tonic::Response::into_inner)
    };
    let first = call(request.clone()).await.expect("decided");
    assert_eq!(call(request.clone()).await.expect("the same"), first);
    let other = pb::RecordDecisionRequest { proposal_id: stage.id(), ..request };
    let refused = call(other).await.expect_err("other content");
    assert_eq!(reason(&refused), no(Code::AlreadyExists, "REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn decisions_are_open_to_the_tenant_newest_first_and_to_nobody_else() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let first = stage.decide(&circle, &people, words("one")).await.expect("decided");
    stage.world.clock.advance(chrono::Duration::seconds(1));
    let second = stage.decide(&circle, &people, words("two")).await.expect("decided");
    let list = async |tenant, page_token: String| {
        let request = pb::ListDecisionsRequest { circle_id: circle.clone(), page_size: 1, page_token };
        let answer = stage.proposals.list_decisions(request_of(tenant, stage.world.person(), request)).await;
        answer.map(tonic::Response::into_inner)
    };
    let page = list(stage.tenant, String::new()).await.expect("a page");
    assert_eq!(page.decisions, [second]);
    let page = list(stage.tenant, page.next_page_token).await.expect("a page");
    assert_eq!((page.decisions, page.next_page_token), (vec![first.clone()], String::new()));

    let elsewhere = stage.world.tenant(&stage.host, true).await;
    let refused = list(elsewhere, String::new()).await.expect_err("another tenant");
    assert_eq!(reason(&refused), no(Code::NotFound, "NOT_FOUND"));
    let request = pb::GetDecisionRequest { id: first.id };
    let refused = stage.proposals.get_decision(request_of(elsewhere, people[0], request)).await;
    assert_eq!(reason(&refused.expect_err("another tenant")), no(Code::NotFound, "NOT_FOUND"));
}

#[tokio::test]
async fn the_database_itself_holds_that_nobody_is_counted_who_did_not_consent() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let decision = stage.decide(&circle, &people, words("We meet on Mondays.")).await.expect("decided");
    let mut conn = stage.world.admin(&stage.host).await;
    let (tenant, other) = (stage.tenant.0, stage.world.person().0);
    let id: kith_platform::id::Uuid = decision.id.parse().expect("a UUID");
    let forged = sqlx::query(
        "insert into decision_consent (tenant_id, decision_id, person_id, proposal_id, number, consent)
         select tenant_id, decision_id, $3, proposal_id, number, true from decision_consent
         where tenant_id = $1 and decision_id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(other)
    .execute(&mut conn)
    .await
    .expect_err("they never consented");
    let constraint = forged.as_database_error().and_then(|error| error.constraint().map(ToOwned::to_owned));
    assert_eq!(constraint.as_deref(), Some("decision_consent_answer_fkey"));

    let turned = sqlx::query(
        "update proposal_answer set consent = false, argument = 'x' where tenant_id = $1 and person_id = $2",
    )
    .bind(tenant)
    .bind(people[0].0)
    .execute(&mut conn)
    .await
    .expect_err("their consent is part of a decision");
    let constraint = turned.as_database_error().and_then(|error| error.constraint().map(ToOwned::to_owned));
    assert_eq!(constraint.as_deref(), Some("decision_consent_answer_fkey"));
}
