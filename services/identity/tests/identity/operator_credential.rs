//! What operators sign in with, who may have no place in any tenant; and what is told of a session that was reused.

use kith_identity::OperatorCredentialsFace;
use kith_platform::context::Actor;
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::credential_service_server::CredentialService as _;
use kith_proto::identity::v1::operator_credential_service_server::OperatorCredentialService as _;
use kith_proto::identity::v1::passkey_service_server::PasskeyService as _;
use tonic::{Code, Request, Status};

use crate::authenticator::Authenticator;
use crate::stage::{PASSWORD, Stage, by};

const EMAIL: &str = "host@example.org";
const NEW: &str = "another horse battery";

async fn sign_in(stage: &Stage, password: &str) -> Result<pb::Tokens, Status> {
    let request = pb::SignInRequest {
        email: EMAIL.into(),
        password: password.into(),
        as_operator: true,
        ..Default::default()
    };
    Ok(stage.sign_in(request).await?.tokens.expect("tokens"))
}

async fn credentials(face: &OperatorCredentialsFace, actor: Actor) -> pb::GetOperatorCredentialsResponse {
    let request = by(actor, pb::GetOperatorCredentialsRequest {});
    face.get_operator_credentials(request).await.expect("credentials").into_inner()
}

/// Proves ID-55 for operators: password, recovery codes and passkeys without a place in any tenant.
#[tokio::test]
async fn an_operator_without_a_place_has_password_codes_and_passkeys() {
    let stage = Stage::new().await;
    let actor = stage.operator().await;
    let face = OperatorCredentialsFace::new(stage.desk.clone());
    let empty = credentials(&face, actor).await;
    assert_eq!((empty.passkeys.len(), empty.recovery_codes_left, empty.reused_sessions.len()), (0, 0, 0));

    // A passkey, used to sign in as operator, removed.
    let request = pb::BeginOperatorPasskeyRegistrationRequest { request_id: stage.id() };
    let begun =
        face.begin_operator_passkey_registration(by(actor, request)).await.expect("begun").into_inner();
    let mut key = Authenticator::new(11);
    let request = pb::FinishOperatorPasskeyRegistrationRequest {
        request_id: stage.id(),
        ceremony_id: begun.ceremony_id,
        credential: key.create(&begun.options).to_string(),
        label: "Safe".into(),
    };
    let kept = face.finish_operator_passkey_registration(by(actor, request)).await.expect("registered");
    let passkey = kept.into_inner().passkey.expect("a passkey").id;
    let begun = stage.begin_with_passkey().await;
    let request = pb::FinishPasskeySignInRequest {
        ceremony_id: begun.ceremony_id,
        credential: key.get(&begun.options).to_string(),
        as_operator: true,
        ..Default::default()
    };
    let answer = stage.passkeys.finish_passkey_sign_in(Request::new(request)).await.expect("signed in");
    let tokens = answer.into_inner().tokens.expect("tokens");
    assert!(matches!(stage.actor(&tokens), Actor::Operator { .. }));
    let request = pb::RemoveOperatorPasskeyRequest { request_id: stage.id(), passkey };
    face.remove_operator_passkey(by(actor, request)).await.expect("removed");
    assert!(credentials(&face, actor).await.passkeys.is_empty());

    // Recovery codes: the same request tells the same, one signs in as operator.
    let request = pb::MakeOperatorRecoveryCodesRequest { request_id: stage.id() };
    let codes = async || {
        let made = face.make_operator_recovery_codes(by(actor, request.clone())).await.expect("made");
        made.into_inner().codes
    };
    let made = codes().await;
    assert_eq!((made.len(), codes().await), (10, made.clone()));
    let request = pb::SignInWithRecoveryCodeRequest {
        email: EMAIL.into(),
        code: made[0].clone(),
        as_operator: true,
        ..Default::default()
    };
    let answer =
        stage.credentials.sign_in_with_recovery_code(Request::new(request)).await.expect("signed in");
    let other = answer.into_inner().tokens.expect("tokens");
    assert_eq!(credentials(&face, actor).await.recovery_codes_left, 9);

    // The password, and with it an end to every other session.
    let change = async |current: &str, new: &str| {
        let request = pb::ChangeOperatorPasswordRequest {
            request_id: stage.id(),
            current_password: current.into(),
            new_password: new.into(),
        };
        face.change_operator_password(by(actor, request)).await.map(|_| ())
    };
    let wrong = change("not my password", NEW).await.expect_err("wrong");
    assert_eq!(reason(&wrong), (Code::PermissionDenied, "PASSWORD_NOT_RIGHT".into()));
    change(PASSWORD, NEW).await.expect("changed");
    stage.refresh(&other.refresh_token).await.expect_err("ended");
    sign_in(&stage, PASSWORD).await.expect_err("the old one");
    sign_in(&stage, NEW).await.expect("the new one");

    // Nobody else, a person signed in to a tenant included.
    let person = stage.place(actor, "clapton").await.administrator;
    let stranger = Actor::Operator { account: person.id(), session: person.session().expect("a session") };
    for actor in [person, stranger, Actor::Nobody] {
        let request = by(actor, pb::GetOperatorCredentialsRequest {});
        let refused = face.get_operator_credentials(request).await.expect_err("not an operator");
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
}

/// Whoever's session was reused reads of it afterwards, in that place and nowhere else, for ninety days.
#[tokio::test]
async fn a_person_and_an_operator_are_told_that_a_session_was_reused() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let place = stage.place(operator, "clapton").await;
    let told = async |actor: Actor| {
        let request = by(actor, pb::GetCredentialsRequest {});
        let answer = stage.credentials.get_credentials(request).await.expect("credentials");
        answer.into_inner().reused_sessions
    };
    assert!(told(place.administrator).await.is_empty());
    let stolen = stage.tokens("first@clapton.example", "").await;
    stage.refresh(&stolen.refresh_token).await.expect("exchanged");
    stage.refresh(&stolen.refresh_token).await.expect_err("a second time");
    stage.refresh(&stolen.refresh_token).await.expect_err("a third time tells nothing new");
    let notices = told(place.administrator).await;
    let session = stage.actor(&stolen).session().expect("a session").to_string();
    assert_eq!(notices.iter().map(|notice| notice.session_id.clone()).collect::<Vec<_>>(), [session]);
    let neighbour = stage.joined(&place, "second@clapton.example", &[]).await;
    assert!(told(neighbour).await.is_empty(), "it is nobody else's");

    let face = OperatorCredentialsFace::new(stage.desk.clone());
    assert!(credentials(&face, operator).await.reused_sessions.is_empty(), "it was in a tenant");
    let tokens = sign_in(&stage, PASSWORD).await.expect("signed in");
    stage.refresh(&tokens.refresh_token).await.expect("exchanged");
    stage.refresh(&tokens.refresh_token).await.expect_err("a second time");
    assert_eq!(credentials(&face, operator).await.reused_sessions.len(), 1);

    let mut admin = stage.world.admin(&stage.host).await;
    stage.world.clock.advance(chrono::Duration::days(91));
    stage.tokens("first@clapton.example", "").await;
    let left: i64 = sqlx::query_scalar("select count(*) from signin.reused_session")
        .fetch_one(&mut admin)
        .await
        .expect("a count");
    assert_eq!(left, 0, "forgotten after ninety days");
}
