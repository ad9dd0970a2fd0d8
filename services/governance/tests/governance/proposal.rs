//! A proposal through its steps, objection and amendment included.

use kith_platform::testing::{reason, request_of, wrong_fields};
use kith_proto::governance::v1::proposals_service_server::ProposalsService as _;
use kith_proto::governance::v1::{self as pb, ProposalState};
use tonic::Code;

use crate::stage::{STEPS, Stage, revocation, rule_from, words};

fn no(code: Code, word: &str) -> (Code, String) {
    (code, word.to_owned())
}

/// Proves GOV-01.
#[tokio::test]
async fn a_circle_decides_by_consent_on_the_version_in_force() {
    let (stage, circle, people) = Stage::with_circle(3).await;
    stage.go_live().await;
    let so_far = stage.told_since(0).await.len();
    let drafted = stage.draft(people[1], &circle, words("We meet on Mondays.")).await.expect("drafted");
    assert_eq!((drafted.state(), drafted.versions[0].number), (ProposalState::Draft, 1));
    for step in STEPS {
        let taken = stage.advance(people[0], &drafted.id, step).await.expect("a step");
        assert_eq!(taken.state(), step);
    }
    stage.answer(people[0], &drafted.id, 1, "").await.expect("consents");
    let objected = stage.answer(people[2], &drafted.id, 1, "two of us work on Mondays").await;
    assert_eq!(objected.expect("objects").state(), ProposalState::Integrating);
    let refused = stage.record(people[0], &drafted.id).await.expect_err("an objection stands");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "OBJECTION_STANDS"));

    let amended = stage.amend(people[1], &drafted.id, words("We meet on Tuesdays."), "").await;
    let amended = amended.expect("amended");
    assert_eq!((amended.state(), amended.versions.len()), (ProposalState::ConsentRound, 2));
    assert_ne!(amended.versions[0].content_hash, amended.versions[1].content_hash);
    let refused = stage.answer(people[0], &drafted.id, 1, "").await.expect_err("an old version");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "VERSION_NOT_IN_FORCE"));
    for person in &people[..2] {
        stage.answer(*person, &drafted.id, 2, "").await.expect("consents");
    }
    let refused = stage.record(people[0], &drafted.id).await.expect_err("one has not answered");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "CONSENT_MISSING"));
    stage.answer(people[2], &drafted.id, 2, "").await.expect("consents");
    let decision = stage.record(people[0], &drafted.id).await.expect("decided");

    let version = decision.version.clone().expect("a version");
    assert_eq!(version, amended.versions[1]);
    let mut everyone: Vec<String> = people.iter().map(ToString::to_string).collect();
    everyone.sort();
    let mut consented = decision.consented_person_ids.clone();
    consented.sort();
    assert_eq!(consented, everyone);
    assert_eq!(decision.mandate_id, "");
    assert_eq!(stage.told_since(so_far).await, ["governance.decision.recorded.v1"]);

    let adopted = stage.proposal(people[2], &drafted.id).await.expect("a member reads it");
    assert_eq!(
        (adopted.state(), adopted.decision_id.as_str()),
        (ProposalState::Adopted, decision.id.as_str())
    );
    let stranger = stage.world.person();
    let seen = stage.decision(stranger, &decision.id).await.expect("decisions are open");
    assert_eq!(seen, decision);
}

/// Proves GOV-13.
#[tokio::test]
async fn an_objection_is_integrated_by_measure_by_term_or_by_another_text() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let first = words("We buy a cargo bike.");
    let proposal = stage.open_round(people[0], &circle, first.clone()).await;
    let measured = pb::ProposalVersion { measure: "we count its trips each week".into(), ..first.clone() };
    let shorter = pb::ProposalVersion { term_months: 3, review_date: "2027-02-01".into(), ..first.clone() };
    let reworded = words("We borrow a cargo bike.");
    for (number, version) in (1..).zip([measured, shorter, reworded]) {
        stage.answer(people[1], &proposal, number, "it costs more than we have").await.expect("objects");
        let amended = stage.amend(people[0], &proposal, version, "").await.expect("amended");
        assert_eq!(amended.versions.last().expect("a version").number, number + 1);
        assert_eq!(amended.state(), ProposalState::ConsentRound);
    }
    for person in &people {
        stage.answer(*person, &proposal, 4, "").await.expect("consents");
    }
    stage.record(people[0], &proposal).await.expect("decided");
}

#[tokio::test]
async fn nobody_overrules_an_objection_but_its_owner_withdraws_it() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let proposal = stage.open_round(people[0], &circle, words("We meet on Mondays.")).await;
    stage.answer(people[0], &proposal, 1, "").await.expect("consents");
    stage.answer(people[1], &proposal, 1, "I work on Mondays").await.expect("objects");
    let same =
        stage.amend(people[0], &proposal, words("We meet on Mondays."), "").await.expect("nothing new");
    assert_eq!((same.state(), same.versions.len()), (ProposalState::Integrating, 1));
    for by in [stage.administrator, people[1]] {
        let refused = stage.record(by, &proposal).await.expect_err("not the Facilitator");
        let expected = if by == people[1] { Code::PermissionDenied } else { Code::NotFound };
        assert_eq!(refused.code(), expected);
    }
    let refused = stage.record(people[0], &proposal).await.expect_err("the Facilitator neither");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "OBJECTION_STANDS"));
    let withdrawn = stage.answer(people[1], &proposal, 1, "").await.expect("the owner consents");
    assert_eq!(withdrawn.state(), ProposalState::ConsentRound);
    assert_eq!(withdrawn.answers.len(), 2);
    stage.record(people[0], &proposal).await.expect("decided");
}

#[tokio::test]
async fn somebody_who_joins_during_the_round_is_asked_too() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let proposal = stage.open_round(people[0], &circle, words("We meet on Mondays.")).await;
    stage.answer(people[0], &proposal, 1, "").await.expect("consents");
    let newcomer = stage.world.person();
    stage.invite(people[0], &circle, newcomer, "").await.expect("asked");
    let refused = stage.answer(newcomer, &proposal, 1, "").await.expect_err("not a member yet");
    assert_eq!(reason(&refused), no(Code::NotFound, "NOT_FOUND"));
    stage.join(newcomer, &circle, true).await.expect("said yes");
    let refused = stage.record(people[0], &proposal).await.expect_err("one is missing");
    assert_eq!(reason(&refused), no(Code::FailedPrecondition, "CONSENT_MISSING"));
    stage.answer(newcomer, &proposal, 1, "").await.expect("consents");
    stage.record(people[0], &proposal).await.expect("decided");
}

#[tokio::test]
async fn every_rule_of_the_process_says_no_with_its_own_reason() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let by = people[0];
    let proposal = stage.draft(by, &circle, words("We meet on Mondays.")).await.expect("drafted").id;
    let (failed, invalid) = (Code::FailedPrecondition, Code::InvalidArgument);

    let refused = stage.advance(by, &proposal, ProposalState::Reactions).await.expect_err("skips");
    assert_eq!(reason(&refused), no(failed, "STEP_SKIPPED"));
    let refused = stage.answer(by, &proposal, 1, "").await.expect_err("no round");
    assert_eq!(reason(&refused), no(failed, "ROUND_NOT_OPEN"));
    let refused = stage.record(by, &proposal).await.expect_err("no round");
    assert_eq!(reason(&refused), no(failed, "ROUND_NOT_OPEN"));
    let late = pb::ProposalVersion { review_date: "2027-11-22".into(), ..words("We meet on Mondays.") };
    let refused = stage.draft(by, &circle, late).await.expect_err("after the term");
    assert_eq!(reason(&refused), no(invalid, "REVIEW_DATE_OUTSIDE_TERM"));

    for step in STEPS {
        stage.advance(by, &proposal, step).await.expect("a step");
    }
    let silent = pb::AnswerProposalRequest {
        request_id: stage.id(),
        proposal_id: proposal.clone(),
        version: 1,
        consent: false,
        argument: " ".into(),
    };
    let refused = stage.proposals.answer_proposal(request_of(stage.tenant, by, silent)).await;
    assert_eq!(reason(&refused.expect_err("no argument")), no(invalid, "ARGUMENT_MISSING"));

    let refused = stage.withdraw(people[1], &proposal).await.expect_err("not the proposer");
    assert_eq!(reason(&refused), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    let refused = stage.amend(people[1], &proposal, words("x"), "").await.expect_err("neither");
    assert_eq!(reason(&refused), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    stage.withdraw(by, &proposal).await.expect("withdrawn");
    let again = stage.withdraw(by, &proposal).await.expect("again");
    assert_eq!(again.state(), ProposalState::Withdrawn);
    let refused = stage.answer(by, &proposal, 1, "").await.expect_err("withdrawn");
    assert_eq!(reason(&refused), no(failed, "WITHDRAWN"));

    let adopted = stage.decide(&circle, &people, words("We meet on Tuesdays.")).await.expect("decided");
    let refused = stage.withdraw(by, &adopted.proposal_id).await.expect_err("adopted");
    assert_eq!(reason(&refused), no(failed, "ALREADY_ADOPTED"));
    let refused = stage.answer(by, &adopted.proposal_id, 1, "no more").await.expect_err("adopted");
    assert_eq!(reason(&refused), no(failed, "ALREADY_ADOPTED"));
}

#[tokio::test]
async fn a_stale_etag_is_refused_and_nothing_is_changed() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let drafted = stage.draft(people[0], &circle, words("We meet on Mondays.")).await.expect("drafted");
    stage.advance(people[0], &drafted.id, ProposalState::Presented).await.expect("a step");
    let version = words("We meet on Tuesdays.");
    let refused = stage.amend(people[0], &drafted.id, version.clone(), &drafted.etag).await;
    assert_eq!(reason(&refused.expect_err("stale")), no(Code::Aborted, "STALE_ETAG"));
    let read = stage.proposal(people[1], &drafted.id).await.expect("a member reads it");
    assert_eq!(read.versions.len(), 1);
    let amended = stage.amend(people[0], &drafted.id, version, &read.etag).await.expect("amended");
    assert_eq!((amended.state(), amended.versions.len()), (ProposalState::Presented, 2));
}

#[tokio::test]
async fn a_whole_process_repeated_days_later_changes_nothing() {
    let (stage, circle, people) = Stage::with_circle(2).await;
    let request =
        pb::DraftProposalRequest { id: stage.id(), ..stage.draft_request(&circle, rule_from("2026-12-01")) };
    let draft = async |request| {
        let answer = stage.proposals.draft_proposal(request_of(stage.tenant, people[0], request)).await;
        answer.map(|answer| answer.into_inner().proposal.expect("a proposal"))
    };
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let again = pb::DraftProposalRequest { request_id: stage.id(), ..request.clone() };
        let proposal = draft(again).await.expect("drafted").id;
        for step in STEPS {
            stage.advance(people[0], &proposal, step).await.expect("a step");
        }
        for person in &people {
            stage.answer(*person, &proposal, 1, "").await.expect("consents");
        }
        let decision = stage.record(people[0], &proposal).await.expect("decided");
        let read = stage.proposal(people[0], &proposal).await.expect("a proposal");
        outcomes.push((decision, read, stage.told_since(0).await.len()));
        stage.world.clock.advance(chrono::Duration::days(4));
    }
    assert_eq!(outcomes[0], outcomes[1]);

    let other = pb::DraftProposalRequest { title: "Another".into(), request_id: stage.id(), ..request };
    let refused = draft(other).await.expect_err("other content");
    assert_eq!(reason(&refused), no(Code::AlreadyExists, "ID_EXISTS"));
}

#[tokio::test]
async fn who_is_not_in_the_circle_cannot_tell_a_proposal_from_none() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let proposal = stage.draft(people[0], &circle, words("We meet on Mondays.")).await.expect("drafted").id;
    let stranger = stage.world.person();
    for by in [stranger, stage.administrator] {
        let hidden = stage.proposal(by, &proposal).await.expect_err("hidden");
        let unknown = stage.proposal(by, &stage.id()).await.expect_err("unknown");
        assert_eq!(reason(&hidden), no(Code::NotFound, "NOT_FOUND"));
        assert_eq!(hidden.message(), unknown.message());
        let refused = stage.withdraw(by, &proposal).await.expect_err("hidden");
        assert_eq!(reason(&refused), no(Code::NotFound, "NOT_FOUND"));
    }
    let request = pb::ListProposalsRequest { circle_id: circle.clone(), ..Default::default() };
    let refused = stage.proposals.list_proposals(request_of(stage.tenant, stranger, request)).await;
    assert_eq!(reason(&refused.expect_err("members only")), no(Code::PermissionDenied, "PERMISSION_DENIED"));
    let elsewhere = stage.world.tenant(&stage.host, true).await;
    let request = pb::GetProposalRequest { id: proposal };
    let refused = stage.proposals.get_proposal(request_of(elsewhere, people[0], request)).await;
    assert_eq!(reason(&refused.expect_err("another tenant")), no(Code::NotFound, "NOT_FOUND"));
}

/// Proves GOV-21.
#[tokio::test]
async fn term_measure_and_review_date_are_mandatory_and_every_wrong_field_is_named() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let bare = pb::ProposalVersion { text: "We meet on Mondays.".into(), ..Default::default() };
    let refused = stage.draft(people[0], &circle, bare).await.expect_err("bare");
    let wrong = wrong_fields(&refused);
    assert_eq!(wrong, ["version.term_months", "version.measure", "version.review_date"]);

    let mut version = rule_from("2026-02-30");
    if let Some(pb::Effect { effect: Some(pb::effect::Effect::ContributionRule(rule)) }) = &mut version.effect
    {
        rule.rule_name = "n".repeat(61);
        let on_rate = pb::OnRate { added_bp: -1, deducted_bp: 10_001 };
        rule.mode = Some(pb::contribution_rule_change::Mode::OnRate(on_rate));
    }
    let wrong = wrong_fields(&stage.draft(people[0], &circle, version).await.expect_err("wrong"));
    let path = |name: &str| format!("version.effect.contribution_rule.{name}");
    let expected = ["rule_name", "effective_from", "on_rate.added_bp", "on_rate.deducted_bp"].map(path);
    assert_eq!(wrong, expected);

    let refused = stage.draft(people[0], &circle, revocation("x", "")).await.expect_err("wrong");
    let path = |name: &str| format!("version.effect.revocation.{name}");
    assert_eq!(wrong_fields(&refused), ["decision_id", "revoked_from"].map(path));

    let request = pb::AdvanceProposalRequest { to: ProposalState::Adopted.into(), ..Default::default() };
    let refused = stage.proposals.advance_proposal(request_of(stage.tenant, people[0], request)).await;
    assert_eq!(wrong_fields(&refused.expect_err("wrong")), ["request_id", "proposal_id", "to"]);
}

#[tokio::test]
async fn proposals_are_listed_newest_first_page_by_page() {
    let (stage, circle, people) = Stage::with_circle(1).await;
    let mut drafted = Vec::new();
    for text in ["one", "two", "three"] {
        drafted.push(stage.draft(people[0], &circle, words(text)).await.expect("drafted").id);
        stage.world.clock.advance(chrono::Duration::seconds(1));
    }
    drafted.reverse();
    let page = async |page_token: String| {
        let request = pb::ListProposalsRequest { circle_id: circle.clone(), page_size: 2, page_token };
        let answer = stage.proposals.list_proposals(request_of(stage.tenant, people[0], request)).await;
        let answer = answer.expect("a page").into_inner();
        let ids: Vec<String> = answer.proposals.into_iter().map(|proposal| proposal.id).collect();
        (ids, answer.next_page_token)
    };
    let (mut listed, token) = page(String::new()).await;
    let (rest, end) = page(token).await;
    listed.extend(rest);
    assert_eq!((listed, end.as_str()), (drafted, ""));
}
