//! Answering with single-use codes.

use kith_platform::testing::{reason, wrong_fields};
use kith_proto::evaluation::v1::rounds_service_server::RoundsService as _;
use kith_proto::evaluation::v1::{self as pb};
use tonic::{Code, Request};

use crate::stage::{FIVE_ANSWERS, Stage};

const ANSWER: [i32; 7] = [3, 4, 3, 3, 4, 4, 3];

fn not_valid() -> (Code, String) {
    (Code::FailedPrecondition, "REPLY_CODE_NOT_VALID".into())
}

#[tokio::test]
async fn fewer_than_five_scored_answers_show_nothing_at_all() {
    let stage = Stage::new().await;
    let mut answers = FIVE_ANSWERS;
    answers[4][6] = 0;
    let round = stage.closed_round(&answers).await;
    let result = stage.result(stage.owner, &round).await.expect("a result");
    assert!(result.suppressed);
    assert_eq!((result.mean_metric.as_str(), result.scored_responses), ("", 0));
    assert!(!result.copyright_notice.is_empty());
}

/// Wrong, spent, of a closed round, malformed, of no tenant: one refusal in every byte.
#[tokio::test]
async fn every_code_that_is_of_no_use_is_refused_alike() {
    let stage = Stage::new().await;
    let (_, codes) = stage.opened().await;
    let (closed, of_closed) = stage.opened().await;
    stage.close(stage.owner, &closed).await.expect("closed");
    stage.answer(&codes[0], &ANSWER).await.expect("answered");
    let mut wrong = codes[1].clone();
    let last = if wrong.ends_with('0') { "1" } else { "0" };
    wrong.replace_range(wrong.len() - 1.., last);
    // The last group that belongs to the tenant alone, changed.
    let mut of_no_tenant = codes[1].clone();
    let last = if &of_no_tenant[24..29] == "ZZZZZ" { "00000" } else { "ZZZZZ" };
    of_no_tenant.replace_range(24..29, last);
    let mut refusals = Vec::new();
    for code in [codes[0].as_str(), &wrong, &of_closed[0], &of_no_tenant, "nonsense", "", &codes[1][6..]] {
        let refused = stage.answer(code, &ANSWER).await.expect_err("refused");
        assert_eq!(reason(&refused), not_valid(), "{code}");
        refusals.push((refused.message().to_owned(), refused.details().to_vec()));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    stage.answer(&codes[1].to_lowercase().replace('-', " "), &ANSWER).await.expect("the good one is good");
}

#[tokio::test]
async fn a_code_answers_once_even_twice_at_the_same_moment() {
    let stage = Stage::new().await;
    let (round, codes) = stage.opened().await;
    let (one, two) = tokio::join!(stage.answer(&codes[0], &ANSWER), stage.answer(&codes[0], &ANSWER));
    let refused = match (one, two) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        (Ok(_), Ok(_)) => panic!("both were taken"),
        (Err(_), Err(_)) => panic!("none was taken"),
    };
    assert_eq!(reason(&refused), not_valid());
    let mut admin = stage.world.admin(&stage.host).await;
    let answers: i64 = sqlx::query_scalar("select count(*) from answer where round_id = $1::uuid")
        .bind(&round.id)
        .fetch_one(&mut admin)
        .await
        .expect("a count");
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn a_refused_answer_leaves_its_code_good() {
    let stage = Stage::new().await;
    let (_, codes) = stage.opened().await;
    let refused = stage.answer(&codes[0], &[3, 0, 6, 3, -1, 3, 3]).await.expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["answers[2].value", "answers[4].value"]);
    let values = [Some(0), Some(5)].map(|value| pb::ItemAnswer { value }).to_vec();
    let request = pb::AnswerRoundRequest { reply_code: codes[0].clone(), answers: values };
    let refused = stage.rounds.answer_round(Request::new(request)).await.expect_err("refused");
    assert_eq!(wrong_fields(&refused), ["answers[0].value"]);
    for items in [&[][..], &[3; 6], &[3; 8]] {
        let refused = stage.answer(&codes[0], items).await.expect_err("refused");
        assert_eq!(reason(&refused), (Code::InvalidArgument, "WRONG_NUMBER_OF_ANSWERS".into()));
    }
    assert_eq!(wrong_fields(&stage.answer(&codes[0], &[3; 900]).await.expect_err("refused")), ["answers"]);
    stage.answer(&codes[0], &[0; 7]).await.expect("all items may be left out");
}

#[tokio::test]
async fn a_code_leads_to_its_own_tenant_and_no_other() {
    let stage = Stage::new().await;
    let request = stage.team_round();
    let (_, codes) = stage.opened().await;
    let elsewhere = Stage { tenant: stage.world.tenant(&stage.host, false).await, ..stage };
    let refused = elsewhere.open(elsewhere.owner, request).await.expect_err("its Team is not known there");
    assert_eq!(refused.code(), Code::NotFound);
    elsewhere.answer(&codes[0], &ANSWER).await.expect("the code itself leads to its tenant");
}
