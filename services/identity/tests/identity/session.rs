//! Signing in, going on, signing out.

use std::sync::Arc;

use chrono::Duration;
use kith_platform::auth::Verifier;
use kith_platform::context::Actor;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use tonic::{Code, Request};

use crate::stage::{PASSWORD, Stage, by};

const EMAIL: &str = "first@clapton.example";

fn refused() -> (Code, String) {
    (Code::Unauthenticated, "SIGN_IN_REFUSED".into())
}

fn not_refreshed() -> (Code, String) {
    (Code::Unauthenticated, "REFRESH_REFUSED".into())
}

#[tokio::test]
async fn somebody_signs_in_goes_on_and_signs_out() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let first = stage.tokens(EMAIL, "").await;
    assert_eq!(first.tenant_id, place.tenant.id);
    assert_eq!(first.person_id, place.administrator.id().to_string());
    let ends = first.access_expire_time.expect("an end").seconds;
    assert_eq!(ends, (stage.world.clock.now() + Duration::minutes(10)).timestamp());

    stage.world.clock.advance(Duration::minutes(11));
    assert!(stage.host.verifier().verify(&first.access_token).is_err(), "an access token lives ten minutes");
    let second = stage.refresh(&first.refresh_token).await.expect("new tokens");
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(stage.actor(&second).session().map(|id| id.is_nil()), Some(false));

    let actor = stage.actor(&second);
    let request = pb::SignOutRequest { request_id: stage.id() };
    for _ in 0..2 {
        stage.sign_in.sign_out(by(actor, request.clone())).await.expect("signed out");
    }
    let status = stage.refresh(&second.refresh_token).await.expect_err("the session has ended");
    assert_eq!(reason(&status), not_refreshed());
    let elsewhere = stage.tokens(EMAIL, "clapton").await;
    stage.refresh(&elsewhere.refresh_token).await.expect("other sessions go on");
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_session() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let first = stage.tokens(EMAIL, "").await;
    let other_session = stage.tokens(EMAIL, "").await;
    let second = stage.refresh(&first.refresh_token).await.expect("exchanged");
    let status = stage.refresh(&first.refresh_token).await.expect_err("it was exchanged before");
    assert_eq!(reason(&status), not_refreshed());
    let status = stage.refresh(&second.refresh_token).await.expect_err("the whole family has ended");
    assert_eq!(reason(&status), not_refreshed());
    stage.refresh(&other_session.refresh_token).await.expect("another session goes on");
}

#[tokio::test]
async fn of_two_who_exchange_a_token_at_once_one_at_most_gets_on() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let first = stage.tokens(EMAIL, "").await;
    let (one, two) = tokio::join!(stage.refresh(&first.refresh_token), stage.refresh(&first.refresh_token));
    let got: Vec<pb::Tokens> = [one, two].into_iter().flatten().collect();
    assert_eq!(got.len(), 1, "one exchanges it, the other comes too late");
    assert!(stage.refresh(&got[0].refresh_token).await.is_err(), "the family has ended");
}

#[tokio::test]
async fn a_session_lasts_thirty_days_however_often_it_is_refreshed() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let mut tokens = stage.tokens(EMAIL, "").await;
    for _ in 0..3 {
        stage.world.clock.advance(Duration::days(9));
        tokens = stage.refresh(&tokens.refresh_token).await.expect("within thirty days");
    }
    stage.world.clock.advance(Duration::days(3));
    let status = stage.refresh(&tokens.refresh_token).await.expect_err("thirty days are over");
    assert_eq!(reason(&status), not_refreshed());
    let status = stage.refresh("nonsense").await.expect_err("unknown");
    assert_eq!(reason(&status), not_refreshed());
    stage.tokens(EMAIL, "").await;
    let mut admin = stage.world.admin(&stage.host).await;
    let kept: i64 = sqlx::query_scalar("select count(*) from signin.refresh_family where expires_at <= $1")
        .bind(stage.world.clock.now())
        .fetch_one(&mut admin)
        .await
        .expect("a count");
    assert_eq!(kept, 0, "old sessions are removed by and by");
}

#[tokio::test]
async fn every_wrong_way_in_has_the_same_answer() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    stage.place_of_somebody_else().await;
    let good = pb::SignInRequest { email: EMAIL.into(), password: PASSWORD.into(), ..Default::default() };
    let wrong = [
        pb::SignInRequest { password: "wrong horse battery".into(), ..good.clone() },
        pb::SignInRequest { email: "nobody@clapton.example".into(), ..good.clone() },
        pb::SignInRequest { tenant: "hackney".into(), ..good.clone() },
        pb::SignInRequest { tenant: "never-was".into(), ..good.clone() },
        pb::SignInRequest { as_operator: true, ..good.clone() },
    ];
    let mut answers = Vec::new();
    for request in wrong {
        let status = stage.sign_in(request).await.expect_err("refused");
        assert_eq!(reason(&status), refused());
        answers.push((status.message().to_owned(), status.details().to_vec()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    stage.sign_in(good).await.expect("the right way in");

    let nonsense = pb::SignInRequest { tenant: "x".repeat(41), ..Default::default() };
    let status = stage.sign_in(nonsense).await.expect_err("nonsense");
    assert_eq!(wrong_fields(&status), ["email", "password", "tenant"]);
}

#[tokio::test]
async fn ten_wrong_passwords_close_an_address_for_a_quarter_of_an_hour() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    // The same for an address without an account: otherwise the answer would tell that there is one.
    for email in [EMAIL, "nobody@clapton.example"] {
        for _ in 0..10 {
            let status = stage.attempt(email, "wrong horse battery").await.expect_err("wrong");
            assert_eq!(reason(&status), refused());
        }
        let status = stage.attempt(email, PASSWORD).await.expect_err("closed, even for the right one");
        assert_eq!(reason(&status), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS".into()));
    }
    stage.world.clock.advance(Duration::minutes(14));
    assert!(stage.attempt(EMAIL, PASSWORD).await.is_err(), "refused attempts do not make it longer");
    stage.world.clock.advance(Duration::minutes(1));
    stage.attempt(EMAIL, PASSWORD).await.expect("open again");
    for _ in 0..9 {
        stage.attempt(EMAIL, "wrong horse battery").await.expect_err("wrong");
    }
    stage.attempt(EMAIL, PASSWORD).await.expect("the right one in time");
    stage.attempt(EMAIL, "wrong horse battery").await.expect_err("wrong");
    stage.attempt(EMAIL, PASSWORD).await.expect("the count began anew");
}

#[tokio::test]
async fn an_account_of_several_tenants_chooses_one() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let here = stage.place(operator, "here").await;
    let there = stage.place(operator, "there").await;
    let person = stage.joined(&there, "first@here.example", &[]).await;
    assert_ne!(person.id(), here.administrator.id(), "somebody is another person in each tenant");

    let choice = stage.attempt("first@here.example", PASSWORD).await.expect("a choice");
    assert_eq!((choice.tokens, choice.tenants), (None, vec!["here".to_owned(), "there".to_owned()]));
    for place in [&here, &there] {
        let tokens = stage.tokens("first@here.example", &place.tenant.slug).await;
        assert_eq!(tokens.tenant_id, place.tenant.id);
        stage.refresh(&tokens.refresh_token).await.expect("goes on in the same tenant");
    }
    let host = stage.attempt("host@example.org", PASSWORD).await.expect("an operator has no place");
    assert_eq!((host.tokens, host.tenants), (None, Vec::new()));
}

#[tokio::test]
async fn the_published_keys_verify_the_tokens_and_hold_no_secret() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let keys = stage.sign_in.get_keys(Request::new(pb::GetKeysRequest {})).await.expect("keys");
    let jwks = keys.into_inner().jwks;
    let auth = &stage.host.config().auth;
    let verifier = Verifier::new(&auth.issuer, &auth.audience, stage.world.clock.clone());
    verifier.use_keys(&jwks).expect("usable keys");
    let tokens = stage.tokens(EMAIL, "").await;
    let actor = verifier.verify(&tokens.access_token).expect("a token that verifies elsewhere");
    assert!(matches!(actor, Actor::Person { person, .. } if person.0 == place.administrator.id()));
    let set: serde_json::Value = serde_json::from_str(&jwks).expect("JSON");
    assert_eq!(set["keys"].as_array().map(Vec::len), Some(1), "one key, however often it starts");
    assert!(set["keys"][0].get("d").is_none(), "no private half");

    (kith_identity::SERVICE.prepare)(stage.host.clone()).await.expect("prepared once more");
    stage.actor(&tokens);
}

impl Stage {
    /// A tenant that nobody of "clapton" belongs to.
    async fn place_of_somebody_else(&self) {
        let request = pb::SignInRequest {
            email: "host@example.org".into(),
            password: PASSWORD.into(),
            as_operator: true,
            ..Default::default()
        };
        let tokens = self.sign_in(request).await.expect("signed in").tokens.expect("tokens");
        self.place(self.actor(&tokens), "hackney").await;
    }
}

/// Each holds a connection of few while it is exchanged: none may wait for another of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_who_go_on_at_once_do_not_wait_for_one_another() {
    let stage = Arc::new(Stage::new().await);
    stage.place(stage.operator().await, "clapton").await;
    let mut tokens = Vec::new();
    for _ in 0..16 {
        tokens.push(stage.tokens("first@clapton.example", "").await.refresh_token);
    }
    let at_once = tokens.into_iter().map(|token| {
        let stage = stage.clone();
        tokio::spawn(async move { stage.refresh(&token).await.map(|_| ()) })
    });
    for answer in futures_util::future::join_all(at_once.collect::<Vec<_>>()).await {
        answer.expect("no panic").expect("it goes on");
    }
}

/// A sign-in that waits its turn with the old password is refused once there is a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_under_way_does_not_survive_a_new_password() {
    let stage = Arc::new(Stage::new().await);
    stage.place(stage.operator().await, "clapton").await;
    let mut admin = stage.world.admin(&stage.host).await;
    let mut watch = stage.world.admin(&stage.host).await;
    sqlx::raw_sql("begin; update signin.account set password_hash = 'another' where not is_operator")
        .execute(&mut admin)
        .await
        .expect("a new password, under way");
    let signing_in = {
        let stage = stage.clone();
        tokio::spawn(async move { stage.attempt("first@clapton.example", PASSWORD).await })
    };
    let waits = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%password_hash%'";
    while !signing_in.is_finished() {
        let waiting: i64 = sqlx::query_scalar(waits).fetch_one(&mut watch).await.expect("a count");
        if waiting > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    sqlx::raw_sql("commit").execute(&mut admin).await.expect("the new password is in force");
    let refused = signing_in.await.expect("no panic").expect_err("with the old password");
    assert_eq!(reason(&refused), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
    assert_eq!(stage.count("refresh_family").await, 2, "the operator's, and the one from before");
}
