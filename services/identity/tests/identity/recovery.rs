//! Passwords changed and forgotten, recovery codes.

use chrono::Duration;
use kith_platform::context::Actor;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::credential_service_server::CredentialService as _;
use tonic::{Code, Request, Status};

use crate::stage::{PASSWORD, Stage, by};

const EMAIL: &str = "first@clapton.example";
const NEW: &str = "another horse battery";

fn refused() -> (Code, String) {
    (Code::Unauthenticated, "SIGN_IN_REFUSED".into())
}

async fn change(stage: &Stage, actor: Actor, current: &str, new: &str) -> Result<(), Status> {
    let request = pb::ChangePasswordRequest {
        request_id: stage.id(),
        current_password: current.into(),
        new_password: new.into(),
    };
    stage.credentials.change_password(by(actor, request)).await.map(|_| ())
}

async fn codes(stage: &Stage, actor: Actor, request_id: &str) -> Result<Vec<String>, Status> {
    let request = pb::MakeRecoveryCodesRequest { request_id: request_id.into() };
    Ok(stage.credentials.make_recovery_codes(by(actor, request)).await?.into_inner().codes)
}

async fn with_code(stage: &Stage, email: &str, code: &str) -> Result<pb::Tokens, Status> {
    let request =
        pb::SignInWithRecoveryCodeRequest { email: email.into(), code: code.into(), ..Default::default() };
    let answer = stage.credentials.sign_in_with_recovery_code(Request::new(request)).await?;
    Ok(answer.into_inner().tokens.expect("tokens"))
}

async fn reset(stage: &Stage, email: &str, code: &str) -> Result<(), Status> {
    let request = pb::ResetPasswordRequest {
        request_id: stage.id(),
        email: email.into(),
        code: code.into(),
        new_password: NEW.into(),
    };
    stage.credentials.reset_password(Request::new(request)).await.map(|_| ())
}

async fn left(stage: &Stage, actor: Actor) -> i32 {
    let request = by(actor, pb::GetCredentialsRequest {});
    stage.credentials.get_credentials(request).await.expect("credentials").into_inner().recovery_codes_left
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let (mine, other) = (stage.tokens(EMAIL, "").await, stage.tokens(EMAIL, "").await);
    let actor = stage.actor(&mine);
    let status = change(&stage, actor, "not my password", NEW).await.expect_err("wrong");
    assert_eq!(reason(&status), (Code::PermissionDenied, "PASSWORD_NOT_RIGHT".into()));
    let status = change(&stage, actor, PASSWORD, "short").await.expect_err("too short");
    assert_eq!(wrong_fields(&status), ["new_password"]);
    change(&stage, actor, PASSWORD, NEW).await.expect("changed");
    change(&stage, actor, PASSWORD, NEW).await.expect("the same again");
    stage.refresh(&other.refresh_token).await.expect_err("ended");
    stage.refresh(&mine.refresh_token).await.expect("this one goes on");
    stage.attempt(EMAIL, PASSWORD).await.expect_err("the old one");
    stage.attempt(EMAIL, NEW).await.expect("the new one");
    for _ in 0..10 {
        change(&stage, actor, "not my password", "yet another password").await.expect_err("wrong");
    }
    let status = change(&stage, actor, NEW, PASSWORD).await.expect_err("guessed too often");
    assert_eq!(reason(&status), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS".into()));
    let mut admin = stage.world.admin(&stage.host).await;
    let kept: i64 = sqlx::query_scalar(
        "select count(*) from platform.audit where action = 'ChangePassword' and allowed and basis = 'self'",
    )
    .fetch_one(&mut admin)
    .await
    .expect("a count");
    assert!(kept >= 13, "every try is written down: {kept}");
}

/// Proves ID-55.
#[tokio::test]
async fn ten_codes_each_work_once_and_new_ones_replace_them() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let actor = stage.actor(&stage.tokens(EMAIL, "").await);
    let request_id = stage.id();
    let made = codes(&stage, actor, &request_id).await.expect("codes");
    assert_eq!(made.len(), 10);
    assert_eq!(codes(&stage, actor, &request_id).await.expect("the same again"), made);
    let tokens = with_code(&stage, EMAIL, &made[0].to_lowercase().replace('-', " ")).await.expect("in");
    assert_eq!(stage.actor(&tokens).id(), actor.id());
    for (email, code) in [
        (EMAIL, made[0].as_str()),
        (EMAIL, "0000-0000-0000-0000"),
        (EMAIL, "nonsense"),
        ("nobody@clapton.example", made[1].as_str()),
    ] {
        let status = with_code(&stage, email, code).await.expect_err("spent, wrong or another's");
        assert_eq!(reason(&status), refused());
    }
    assert_eq!(codes(&stage, actor, &request_id).await.expect("again"), made);
    assert_eq!(left(&stage, actor).await, 9, "what was spent stays spent");
    let status = with_code(&stage, EMAIL, &made[0]).await.expect_err("spent");
    assert_eq!(reason(&status), refused());

    let fresh = codes(&stage, actor, &stage.id()).await.expect("new ones");
    with_code(&stage, EMAIL, &made[2]).await.expect_err("replaced");
    with_code(&stage, EMAIL, &fresh[2]).await.expect("in");
    assert_eq!(left(&stage, actor).await, 9);
    stage.world.clock.advance(Duration::minutes(15));
    let status = codes(&stage, actor, &stage.id()).await.expect_err("too long ago");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "SIGN_IN_AGAIN".into()));
    let mut admin = stage.world.admin(&stage.host).await;
    for code in made.iter().chain(&fresh) {
        let plain = code.replace('-', "");
        let kept: bool = sqlx::query_scalar(
            "select exists (select from platform.saved_answer where position(convert_to($1, 'UTF8') in answer) > 0)
                 or exists (select from signin.recovery_code where position(convert_to($1, 'UTF8') in code_hash) > 0)",
        )
        .bind(&plain)
        .fetch_one(&mut admin)
        .await
        .expect("looked");
        assert!(!kept, "no code is kept");
    }
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_with_a_code_and_nobody_elses_help() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let tokens = stage.tokens(EMAIL, "").await;
    let made = codes(&stage, stage.actor(&tokens), &stage.id()).await.expect("codes");
    for (email, code) in [(EMAIL, "0000-0000-0000-0000"), ("nobody@clapton.example", made[0].as_str())] {
        let status = reset(&stage, email, code).await.expect_err("refused");
        assert_eq!(reason(&status), refused());
    }
    reset(&stage, EMAIL, &made[0]).await.expect("set anew");
    let status = reset(&stage, EMAIL, &made[0]).await.expect_err("spent");
    assert_eq!(reason(&status), refused());
    stage.refresh(&tokens.refresh_token).await.expect_err("every session has ended");
    stage.attempt(EMAIL, PASSWORD).await.expect_err("the old one");
    stage.attempt(EMAIL, NEW).await.expect("the new one");
}

#[tokio::test]
async fn codes_are_guessed_no_more_often_than_passwords_and_do_not_close_each_other() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let made = codes(&stage, stage.actor(&stage.tokens(EMAIL, "").await), &stage.id()).await.expect("codes");
    for _ in 0..10 {
        stage.attempt(EMAIL, "wrong horse battery").await.expect_err("wrong");
    }
    stage.attempt(EMAIL, PASSWORD).await.expect_err("closed");
    with_code(&stage, EMAIL, &made[0]).await.expect("who is locked out by guesses has a way in");
    for _ in 0..10 {
        with_code(&stage, EMAIL, "0000-0000-0000-0000").await.expect_err("wrong");
    }
    let status = with_code(&stage, EMAIL, &made[1]).await.expect_err("closed");
    assert_eq!(reason(&status), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS".into()));
}
