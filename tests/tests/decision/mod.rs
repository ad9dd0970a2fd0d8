//! A decision takes effect: the circle changes a contribution rule by consent, finance applies it to the visits planned
//! from its date, revoking it restores the earlier rule, and nothing that was posted ever changes.

mod journey;

use self::journey::{Figures, Journey, STEPS, refusal, rule_from, version};
use kith_proto::finance::v1 as finance;
use kith_proto::governance::v1 as governance;
use kith_proto::governance::v1::effect::Effect as Change;
use tonic::Code;

/// A rule change is drafted, objected to, amended and consented to by everybody; finance applies it to April's visits.
/// A second decision ends it from a date; a third one comes too late for what is posted.
///
/// Proves GOV-63.
/// Proves FIN-04.
#[tokio::test]
async fn a_decision_takes_effect_is_revoked_and_never_changes_what_is_posted() {
    let journey = Journey::start().await;
    let (facilitator, objector) = (journey.facilitator(), journey.people.named("Owner Three").id.to_string());
    assert_eq!(journey.members.len(), 14, "five Owners, eight givers and the finance hat");
    let march = journey.month("2026-03").await;
    let march_books = journey.books().await;

    // The protocol: no step is skipped, nobody decides alone, an objection is worked in.
    let first = version("Ten on top, five off.", rule_from("2026-04-01", 1000, 500));
    let proposal = journey.draft("Giver One", "A fairer contribution", first).await;
    let skipped = journey.advance(facilitator, &proposal.id, governance::ProposalState::ConsentRound).await;
    assert_eq!(refusal(skipped), (Code::FailedPrecondition, "STEP_SKIPPED".into()));
    let proposer = journey.people.named("Giver One");
    let by_proposer = journey.advance(proposer, &proposal.id, governance::ProposalState::Presented).await;
    assert_eq!(refusal(by_proposer), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    for step in STEPS {
        let early = refusal(journey.record(facilitator, &proposal.id).await);
        assert_eq!(early, (Code::FailedPrecondition, "ROUND_NOT_OPEN".into()), "before {step:?}");
        journey.advance(facilitator, &proposal.id, step).await.expect("the next step");
    }
    for member in journey.members.iter().filter(|member| **member != objector) {
        journey.answer(member, &proposal.id, 1, "").await.expect("consent");
    }
    let missing = refusal(journey.record(facilitator, &proposal.id).await);
    assert_eq!(missing, (Code::FailedPrecondition, "CONSENT_MISSING".into()));
    let unargued = governance::AnswerProposalRequest {
        proposal_id: proposal.id.clone(),
        version: 1,
        ..governance::AnswerProposalRequest::default()
    };
    let unargued =
        journey.people.with_id(&objector).ask::<governance::AnswerProposalResponse>(unargued).await;
    assert_eq!(refusal(unargued), (Code::InvalidArgument, "ARGUMENT_MISSING".into()));
    journey.answer(&objector, &proposal.id, 1, "five off is too much").await.expect("an objection");
    let standing = refusal(journey.record(facilitator, &proposal.id).await);
    assert_eq!(standing, (Code::FailedPrecondition, "OBJECTION_STANDS".into()));

    let amended = governance::AmendProposalRequest {
        proposal_id: proposal.id.clone(),
        version: Some(version("Twelve on top, three off.", rule_from("2026-04-01", 1200, 300))),
        ..governance::AmendProposalRequest::default()
    };
    let amended: governance::AmendProposalResponse = proposer.ask(amended).await.expect("a new version");
    let amended = amended.proposal.expect("the proposal");
    assert_eq!((amended.versions.len(), amended.state()), (2, governance::ProposalState::ConsentRound));
    let stale = refusal(journey.answer(&objector, &proposal.id, 1, "").await);
    assert_eq!(stale, (Code::FailedPrecondition, "VERSION_NOT_IN_FORCE".into()));
    for (already, member) in journey.members.iter().enumerate() {
        let missing = refusal(journey.record(facilitator, &proposal.id).await);
        assert_eq!(missing, (Code::FailedPrecondition, "CONSENT_MISSING".into()), "{already} of 14");
        journey.answer(member, &proposal.id, 2, "").await.expect("consent");
    }
    let by_member = refusal(journey.record(proposer, &proposal.id).await);
    assert_eq!(by_member, (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let decision = journey.record(facilitator, &proposal.id).await.expect("decided");
    assert_eq!(decision.consented_person_ids.len(), 14);
    let adopted = decision.version.expect("the version");
    assert_eq!((adopted.number, &adopted.content_hash), (2, &amended.versions[1].content_hash));
    let decision = decision.id;

    // Finance has the rule, stamped.
    let rules = journey.rules().await;
    let new = rules.iter().find(|rule| rule.decision_id == decision).expect("the decision's rule");
    assert_eq!((new.effective_from.as_str(), new.revoked_from.as_str()), ("2026-04-01", ""));
    let mode = finance::RuleOnRate { added_bp: 1200, deducted_bp: 300 };
    assert_eq!(new.mode, Some(finance::rule::Mode::OnRate(mode)));
    assert!(journey.under_earlier_rule().await.is_empty());

    // An hour at £20.70: 12 % on top is £2.48, 3 % off is £0.62; under the founding rule 15 % on top is £3.11.
    let visits = journey.april().await;
    let days: Vec<&str> = visits.keys().map(String::as_str).collect();
    assert_eq!(days, ["2026-04-01", "2026-04-08", "2026-04-15", "2026-04-22", "2026-04-29"]);
    let under_decision: Figures<'_> = (&decision, 2318, 2008, 310);
    let under_founding: Figures<'_> = ("", 2381, 2070, 311);
    journey.agree(&visits["2026-04-01"]).await;
    journey.agree(&visits["2026-04-22"]).await;
    let posted = [("2026-04-01", under_decision), ("2026-04-22", under_decision)];
    journey.assert_lines(&visits, &posted).await;
    assert_eq!(journey.month("2026-03").await, march, "March is as it was");
    journey.assert_trial_balance().await;
    let books = journey.books().await;
    assert!(books.is_superset(&march_books) && books.len() > march_books.len());

    // Revoked from the 15th: what is posted stays, and is shown where it would now be another rule's.
    let title = "Back to what we had";
    let end = governance::Revocation { decision_id: decision.clone(), revoked_from: "2026-04-15".to_owned() };
    let revoking = journey.decide("Owner Two", title, Change::Revocation(end)).await;
    let request = governance::GetDecisionRequest { id: decision.clone() };
    let read: governance::GetDecisionResponse = proposer.ask(request).await.expect("the decision");
    assert_eq!(read.decision.expect("the decision").revoked_from, "2026-04-15");
    assert!(revoking.mandate_id.is_empty(), "it ends a mandate and issues none");
    let rules = journey.rules().await;
    let ended = rules.iter().find(|rule| rule.decision_id == decision).expect("the decision's rule");
    assert_eq!(ended.revoked_from, "2026-04-15");
    assert_eq!(journey.under_earlier_rule().await, ["2026-04-22"]);
    assert_eq!(journey.books().await, books, "revoking posts nothing and changes nothing");
    journey.agree(&visits["2026-04-08"]).await;
    journey.agree(&visits["2026-04-15"]).await;
    let posted = [posted[0], ("2026-04-08", under_decision), ("2026-04-15", under_founding), posted[1]];
    journey.assert_lines(&visits, &posted).await;
    let after_revocation = journey.books().await;
    assert!(after_revocation.is_superset(&books) && after_revocation.len() > books.len());

    // A mandate that comes after the postings it should have governed.
    let late = journey.decide("Owner Four", "Seven and seven", rule_from("2026-04-05", 700, 700)).await;
    assert_eq!(journey.under_earlier_rule().await, ["2026-04-08", "2026-04-15", "2026-04-22"]);
    assert_eq!(journey.books().await, after_revocation, "a late mandate posts nothing and changes nothing");
    journey.agree(&visits["2026-04-29"]).await;
    let under_late: Figures<'_> = (&late.id, 2215, 1925, 290);
    let posted = [posted[0], posted[1], posted[2], posted[3], ("2026-04-29", under_late)];
    journey.assert_lines(&visits, &posted).await;
    assert_eq!(journey.under_earlier_rule().await.len(), 3);

    // A person has one of them corrected: taken back and posted as the rule now in force says, and off the list.
    let before = journey.month("2026-04").await;
    journey.settle_again(&visits["2026-04-08"]).await;
    assert_eq!(journey.under_earlier_rule().await, ["2026-04-15", "2026-04-22"]);
    let after = journey.month("2026-04").await;
    let payers =
        |month: &finance::GetMonthResponse| month.payers_total.as_ref().expect("a total").minor_units;
    assert_eq!(payers(&after) - payers(&before), 2215 - 2318);

    assert!(journey.books().await.is_superset(&after_revocation));
    assert_eq!(journey.month("2026-03").await, march, "March is as it was");
    journey.assert_trial_balance().await;
    println!(
        "3 decisions by 14 members, 5 visits under 3 rules, {} rows on the books, {} before",
        journey.books().await.len(),
        march_books.len()
    );
}
