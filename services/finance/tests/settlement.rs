//! Settling visits over a real database: what appointments tells becomes balanced postings, exactly once.

use crate::stage::{Stage, amount, pence};
use kith_platform::id::Uuid;
use kith_proto::appointments::v1::{Settlement, VisitKind, VisitState};
use kith_proto::finance::v1::UnsettledReason;
use kith_proto::matching::v1 as matching;

/// An hour at £20 with 15 % on top, shared by two payers.
/// Proves FIN-50.
#[tokio::test]
async fn an_agreed_visit_becomes_postings_for_payers_giver_and_commons() {
    let stage = Stage::new().await;
    stage.founding_rule("independent", "2026-01-01", 1500, 0).await.expect("a rule");
    stage.paid_terms(stage.giver, "independent", "2026-01-01", 2000).await;
    let (council, family) = (stage.payer("Council").await, stage.payer("Family").await);
    stage.fund("2026-01-01", &[(&council.id, 8000), (&family.id, 2000)]).await.expect("funding");
    stage.tell_visit(&stage.visit("2026-03-10")).await;

    let balances = stage.balances().await;
    assert_eq!(balances[&format!("payer:{}", council.id)], 1840);
    assert_eq!(balances[&format!("payer:{}", family.id)], 460);
    assert_eq!(balances[&format!("giver:{}", stage.giver)], -2000);
    assert_eq!(balances[&format!("commons:{}:2026-03", stage.circle)], -300);
    assert!(stage.unsettled().await.is_empty());

    let month = stage.month("2026-03").await;
    assert_eq!((month.invoice_lines, amount(month.payers_total.as_ref())), (1, 2300));
    assert_eq!(amount(month.contribution.as_ref()), 300);
    assert_eq!((amount(month.givers[0].total.as_ref()), month.givers[0].minutes), (2000, 60));
}

/// Proves FIN-12.
#[tokio::test]
async fn late_cancellations_and_trials_are_charged_and_paid_and_free_cancellations_are_not() {
    let stage = Stage::funded().await;
    let mut late = stage.visit("2026-03-10");
    late.set_state(VisitState::LateCancelled);
    stage.tell_visit(&late).await;
    let mut trial = stage.visit("2026-03-12");
    trial.set_kind(VisitKind::Trial);
    stage.tell_visit(&trial).await;
    let mut free = stage.visit("2026-03-11");
    free.set_state(VisitState::Cancelled);
    (free.agreed_start_time, free.agreed_end_time, free.settlement_no) = (None, None, 0);
    stage.tell_visit(&free).await;
    let month = stage.month("2026-03").await;
    assert_eq!((month.invoice_lines, amount(month.payers_total.as_ref())), (2, 2 * 2300));
}

/// What is missing is listed, never guessed, and settled as soon as it is there: funding, terms, a rule.
#[tokio::test]
async fn a_visit_waits_for_what_is_missing_and_is_settled_when_it_arrives() {
    let stage = Stage::new().await;
    let visit = stage.visit("2026-03-10");
    stage.tell_visit(&visit).await;
    let listed = |reason| vec![(visit.visit_id.clone(), reason)];
    assert_eq!(stage.unsettled().await, listed(UnsettledReason::NoFunding));
    assert!(stage.balances().await.is_empty());

    let payer = stage.payer("Council").await;
    stage.fund("2026-03-11", &[(&payer.id, 10_000)]).await.expect("funding from the day after");
    assert_eq!(stage.unsettled().await, listed(UnsettledReason::NoFunding));
    stage.fund("2026-03-10", &[(&payer.id, 10_000)]).await.expect("funding from that day");
    assert_eq!(stage.unsettled().await, listed(UnsettledReason::NoTerms));
    stage.paid_terms(stage.giver, "independent", "2026-01-01", 2000).await;
    assert_eq!(stage.unsettled().await, listed(UnsettledReason::NoRule));
    stage.founding_rule("independent", "2026-03-11", 1500, 0).await.expect("a rule from the day after");
    assert_eq!(stage.unsettled().await, listed(UnsettledReason::NoRule));
    stage.mandate(stage.uuid(), stage.uuid(), "independent", "2026-03-01", 1000, "").await;
    assert!(stage.unsettled().await.is_empty());
    assert_eq!(stage.balances().await[&format!("payer:{}", payer.id)], 2200);
}

/// A visit of a giver whose terms appointments did not know is settled by the terms that finance hears of.
#[tokio::test]
async fn terms_that_were_stated_later_say_how_a_visit_is_settled() {
    let stage = Stage::new().await;
    let mut visit = stage.visit("2026-03-10");
    visit.set_settlement(Settlement::Unspecified);
    stage.tell_visit(&visit).await;
    let gift = matching::Terms {
        id: stage.id(),
        valid_from: "2026-03-01".into(),
        unpaid_intent: matching::UnpaidIntent::Gift.into(),
        ..Default::default()
    };
    stage.terms(stage.giver, vec![gift]).await;
    assert!(stage.unsettled().await.is_empty());
    assert_eq!(stage.month("2026-03").await.unpaid[0].gifted_minutes, 60);
}

#[tokio::test]
async fn the_same_settlement_told_again_is_posted_once() {
    let stage = Stage::funded().await;
    let visit = stage.visit("2026-03-10");
    for _ in 0..3 {
        stage.tell_visit(&visit).await;
    }
    assert_eq!(stage.balances().await[&format!("giver:{}", stage.giver)], -2000);
    assert_eq!(transfers(&stage).await, [("visit".to_owned(), false)]);
}

#[tokio::test]
async fn a_correction_reverses_the_earlier_posting_by_name_and_posts_anew() {
    let stage = Stage::funded().await;
    let mut visit = stage.visit("2026-03-10");
    stage.tell_visit(&visit).await;
    visit.agreed_end_time.as_mut().expect("an end").seconds += 1800;
    visit.settlement_no = 2;
    stage.tell_visit(&visit).await;
    assert_eq!(stage.balances().await[&format!("giver:{}", stage.giver)], -3000);
    let posted =
        [("visit".to_owned(), false), ("visit".to_owned(), false), ("visit_reversed".to_owned(), true)];
    assert_eq!(transfers(&stage).await, posted);
    let month = stage.month("2026-03").await;
    assert_eq!((month.invoice_lines, month.givers[0].minutes), (1, 90));

    visit.set_state(VisitState::Missed);
    (visit.agreed_start_time, visit.agreed_end_time, visit.settlement_no) = (None, None, 3);
    stage.tell_visit(&visit).await;
    assert!(stage.balances().await.values().all(|balance| *balance == 0), "a missed visit leaves nothing");
    assert_eq!(stage.month("2026-03").await.invoice_lines, 0);
}

/// A correction that cannot be settled takes the old posting back all the same, and waits.
#[tokio::test]
async fn a_corrected_visit_of_a_giver_without_terms_is_taken_back_and_listed() {
    let stage = Stage::funded().await;
    let mut visit = stage.visit("2026-03-10");
    stage.tell_visit(&visit).await;
    let cover = stage.world.person();
    (visit.giver_person_id, visit.settlement_no) = (cover.to_string(), 2);
    stage.tell_visit(&visit).await;
    assert_eq!(stage.unsettled().await, [(visit.visit_id.clone(), UnsettledReason::NoTerms)]);
    assert!(stage.balances().await.values().all(|balance| *balance == 0));
    stage.paid_terms(cover, "independent", "2026-01-01", 3000).await;
    assert_eq!(stage.balances().await[&format!("giver:{cover}")], -3000);
    assert_eq!(stage.balances().await[&format!("giver:{}", stage.giver)], 0);
}

/// Terms and funding stated for days that are settled already change nothing posted, and their visits are listed until a
/// person has them agreed anew, or what was stated agrees again.
#[tokio::test]
async fn what_was_settled_under_earlier_terms_or_funding_is_listed_and_stays() {
    let stage = Stage::funded().await;
    let (before, mut after) = (stage.visit("2026-03-09"), stage.visit("2026-03-10"));
    stage.tell_visit(&before).await;
    stage.tell_visit(&after).await;
    let terms = |from: &str, rate| matching::Terms {
        id: stage.id(),
        valid_from: from.into(),
        circle_id: stage.circle.to_string(),
        contribution_rule: "independent".into(),
        hourly_rate: pence(rate),
        ..Default::default()
    };
    let raised = vec![terms("2026-01-01", 2000), terms("2026-03-10", 2200)];
    stage.terms(stage.giver, raised.clone()).await;
    assert_eq!(stage.unsettled().await, [(after.visit_id.clone(), UnsettledReason::EarlierTerms)]);
    assert_eq!(stage.balances().await[&format!("giver:{}", stage.giver)], -4000, "what is posted stays");
    stage.terms(stage.giver, vec![terms("2026-01-01", 2000)]).await;
    assert_eq!(stage.unsettled().await, [], "they agree again");

    stage.terms(stage.giver, raised).await;
    after.settlement_no = 2;
    stage.tell_visit(&after).await;
    assert_eq!(stage.unsettled().await, [], "agreed anew, it is settled under the terms now known");
    assert_eq!(stage.balances().await[&format!("giver:{}", stage.giver)], -4200);

    let family = stage.payer("Family").await;
    let funding = stage.fund("2026-03-10", &[(&family.id, 10_000)]).await.expect("funding");
    assert_eq!(stage.unsettled().await, [(after.visit_id.clone(), UnsettledReason::EarlierFunding)]);
    assert!(
        !stage.balances().await.contains_key(&format!("payer:{}", family.id)),
        "nothing is shared anew by itself"
    );
    // Two reasons at once: that the terms agree again does not hide that the funding does not.
    stage.terms(stage.giver, vec![terms("2026-01-01", 2000)]).await;
    let both = [UnsettledReason::EarlierFunding, UnsettledReason::EarlierTerms];
    assert_eq!(stage.unsettled().await, both.map(|reason| (after.visit_id.clone(), reason)));
    stage.terms(stage.giver, vec![terms("2026-01-01", 2000), terms("2026-03-10", 2200)]).await;
    assert_eq!(stage.unsettled().await, [(after.visit_id.clone(), UnsettledReason::EarlierFunding)]);
    after.settlement_no = 3;
    stage.tell_visit(&after).await;
    assert_eq!(stage.unsettled().await, []);
    assert_eq!(stage.balances().await[&format!("payer:{}", funding.shares[0].payer_id)], 2530);
}

/// A decision governs visits planned from its date; revoked, the earlier rule governs again from that date; what is
/// posted stays, and what was posted under the earlier rule is listed for a person to correct.
/// Proves FIN-04.
#[tokio::test]
async fn a_decision_changes_the_rule_from_its_date_and_revoking_restores_the_earlier_one() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-15")).await;
    let late = stage.visit("2026-03-16");
    stage.tell_visit(&late).await;
    let (mandate, decision) = (stage.uuid(), stage.uuid());
    stage.mandate(mandate, decision, "independent", "2026-03-16", 2000, "").await;
    assert_eq!(stage.unsettled().await, [(late.visit_id.clone(), UnsettledReason::EarlierRule)]);
    stage.tell_visit(&stage.visit("2026-03-22")).await;
    stage.mandate(mandate, decision, "independent", "2026-03-16", 2000, "2026-03-23").await;
    stage.tell_visit(&stage.visit("2026-03-23")).await;
    assert_eq!(stage.unsettled().await.len(), 1, "the revocation changes nothing that lies before its date");

    let lines = stage.invoice(&stage.issue("2026-03").await[0].id).await.lines;
    let told: Vec<(&str, i64, bool)> = lines
        .iter()
        .map(|line| {
            let by_decision = line.decision_id == decision.to_string();
            assert!(by_decision || line.decision_id.is_empty());
            (line.planned_date.as_str(), amount(line.payers_total.as_ref()), by_decision)
        })
        .collect();
    let expected = [
        ("2026-03-15", 2300, false),
        ("2026-03-16", 2300, false),
        ("2026-03-22", 2400, true),
        ("2026-03-23", 2300, false),
    ];
    assert_eq!(told, expected);

    let corrected = kith_proto::appointments::v1::VisitSnapshot { settlement_no: 2, ..late };
    stage.tell_visit(&corrected).await;
    assert!(stage.unsettled().await.is_empty(), "a person corrected it");
    assert_eq!(amount(stage.month("2026-03").await.payers_total.as_ref()), 2300 + 2400 + 2400 + 2300);
}

/// Codes of all transfers in alphabetical order, and whether each names another that it reverses.
async fn transfers(stage: &Stage) -> Vec<(String, bool)> {
    let mut admin = stage.world.admin(&stage.host).await;
    let rows: Vec<(String, Option<Uuid>)> =
        sqlx::query_as("select code, reverses from transfer order by code")
            .fetch_all(&mut admin)
            .await
            .expect("the transfers");
    rows.into_iter().map(|(code, reverses)| (code, reverses.is_some())).collect()
}
