//! Care Coins over a real database.

use crate::stage::{Stage, amount, coins, pence};
use kith_platform::id::PersonId;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::appointments::v1::{Settlement, VisitSnapshot, VisitState};
use kith_proto::common::v1::PersonSnapshot;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::ledger_service_server::LedgerService as _;
use kith_proto::identity::v1::{PersonJoined, PersonLeft};
use tonic::Code;

async fn saved(stage: &Stage, day: &str) -> VisitSnapshot {
    let mut visit = stage.visit(day);
    visit.set_settlement(Settlement::CareCoins);
    stage.tell_visit(&visit).await;
    visit
}

async fn wallet(stage: &Stage, person: PersonId) -> (i64, Vec<pb::CoinEntry>) {
    let request = pb::GetCareCoinsRequest::default();
    let answer = stage.ledger.get_care_coins(stage.by(person, request)).await.expect("a wallet").into_inner();
    (amount(answer.balance.as_ref()), answer.entries)
}

#[tokio::test]
async fn unpaid_visits_save_coins_that_can_be_given_on_and_gifts_are_counted() {
    let stage = Stage::new().await;
    let visit = saved(&stage, "2026-03-10").await;
    let mut gift = stage.visit("2026-03-11");
    gift.set_settlement(Settlement::Gift);
    stage.tell_visit(&gift).await;
    let mut late = stage.visit("2026-03-12");
    late.set_settlement(Settlement::CareCoins);
    late.set_state(VisitState::LateCancelled);
    stage.tell_visit(&late).await;

    let (balance, entries) = wallet(&stage, stage.giver).await;
    assert_eq!((balance, entries.len()), (60, 1), "a visit that was called off earns nothing");
    assert_eq!(entries[0].visit_id, visit.visit_id);
    let month = stage.month("2026-03").await;
    assert_eq!((month.unpaid[0].care_coin_minutes, month.unpaid[0].gifted_minutes), (60, 60));
    assert_eq!((month.invoice_lines, month.givers.len()), (0, 0), "neither touches money");

    stage.world.clock.advance(chrono::Duration::minutes(1));
    assert_eq!(stage.give(stage.giver, stage.owner, 25).await.expect("given"), 35);
    let (balance, entries) = wallet(&stage, stage.owner).await;
    assert_eq!((balance, entries[0].other_person_id.clone()), (25, stage.giver.to_string()));
    let (_, entries) = wallet(&stage, stage.giver).await;
    let newest_first: Vec<i64> = entries.iter().map(|entry| amount(entry.amount.as_ref())).collect();
    assert_eq!(newest_first, [-25, 60]);
    assert_eq!(entries[0].other_person_id, stage.owner.to_string());
    let balances = stage.balances().await;
    assert_eq!(balances[&format!("coins-issued:{}", stage.circle)], -60);
    let told = stage.world.written(&stage.host).await;
    assert_eq!(told.last().expect("an event").event_type, "finance.coin_transfer.made.v1");
}

#[tokio::test]
async fn a_gift_is_refused_that_cannot_be() {
    let stage = Stage::new().await;
    saved(&stage, "2026-03-10").await;
    let refused = |answer: Result<i64, tonic::Status>| reason(&answer.expect_err("refused"));
    let (giver, owner) = (stage.giver, stage.owner);
    assert_eq!(
        refused(stage.give(giver, owner, 61).await),
        (Code::FailedPrecondition, "TOO_FEW_COINS".into())
    );
    assert_eq!(refused(stage.give(giver, giver, 1).await), (Code::InvalidArgument, "COINS_TO_SELF".into()));
    assert_eq!(refused(stage.give(giver, owner, 0).await), (Code::InvalidArgument, "NO_COINS".into()));
    let nobody = stage.world.person();
    assert_eq!(refused(stage.give(giver, nobody, 1).await), (Code::NotFound, "NOT_FOUND".into()));
    let gone = stage.world.person();
    let snapshot =
        |left| Some(PersonSnapshot { person_id: gone.to_string(), joined: true, left, left_time: None });
    let (world, host, tenant) = (&stage.world, &stage.host, stage.tenant);
    world.deliver(host, tenant, gone, 1, &PersonJoined { state: snapshot(false) }).await;
    stage.give(giver, gone, 1).await.expect("they are here");
    world.deliver(host, tenant, gone, 2, &PersonLeft { state: snapshot(true) }).await;
    assert_eq!(refused(stage.give(giver, gone, 1).await), (Code::NotFound, "NOT_FOUND".into()));

    let wrong = [(coins(-1), "amount.minor_units"), (pence(5), "amount.currency"), (None, "amount")];
    for (amount, field) in wrong {
        let request = pb::GiveCareCoinsRequest {
            request_id: stage.id(),
            to_person_id: owner.to_string(),
            amount,
            ..Default::default()
        };
        let refused = stage.ledger.give_care_coins(stage.by(giver, request)).await.expect_err("refused");
        assert_eq!(wrong_fields(&refused), [field]);
    }
    assert_eq!(wallet(&stage, giver).await.0, 59, "less the one that went to somebody who was here");
}

#[tokio::test]
async fn the_same_gift_is_given_once() {
    let stage = Stage::new().await;
    saved(&stage, "2026-03-10").await;
    let request = pb::GiveCareCoinsRequest {
        request_id: stage.id(),
        id: stage.id(),
        to_person_id: stage.owner.to_string(),
        amount: coins(10),
    };
    let give =
        |request: pb::GiveCareCoinsRequest| stage.ledger.give_care_coins(stage.by(stage.giver, request));
    give(request.clone()).await.expect("given");
    give(request.clone()).await.expect("the same request");
    let later = pb::GiveCareCoinsRequest { request_id: stage.id(), ..request.clone() };
    let answer = give(later.clone()).await.expect("the same gift, days later").into_inner();
    assert_eq!(amount(answer.balance.as_ref()), 50);
    assert_eq!(stage.balances().await[&format!("coins:{}", stage.owner)], 10);

    let other = pb::GiveCareCoinsRequest { request_id: stage.id(), amount: coins(11), ..later };
    assert_eq!(
        reason(&give(other).await.expect_err("other content")),
        (Code::AlreadyExists, "ID_EXISTS".into())
    );
    let other = pb::GiveCareCoinsRequest { amount: coins(11), ..request };
    assert_eq!(
        reason(&give(other).await.expect_err("other content")),
        (Code::AlreadyExists, "REQUEST_ID_REUSED".into())
    );
}

/// Coins that were given on before their visit was corrected stay with whom they were given to; the giver earns them
/// back with later visits. No wallet goes below zero.
#[tokio::test]
async fn coins_given_on_before_a_correction_are_earned_back() {
    let stage = Stage::new().await;
    let mut visit = saved(&stage, "2026-03-10").await;
    stage.give(stage.giver, stage.owner, 50).await.expect("given");
    visit.set_state(VisitState::Missed);
    (visit.agreed_start_time, visit.agreed_end_time, visit.settlement_no) = (None, None, 2);
    stage.tell_visit(&visit).await;
    assert_eq!(wallet(&stage, stage.giver).await.0, 0);
    assert_eq!(stage.balances().await[&format!("coins-owed:{}", stage.giver)], -50);

    saved(&stage, "2026-03-11").await;
    assert_eq!(wallet(&stage, stage.giver).await.0, 10);
    let balances = stage.balances().await;
    assert_eq!(balances[&format!("coins-owed:{}", stage.giver)], 0);
    assert_eq!(balances[&format!("coins-issued:{}", stage.circle)], -60);
}
