//! Passkeys: registered, used, lost, and ceremonies that are not as they should be.

use chrono::Duration;
use kith_platform::context::Actor;
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::credential_service_server::CredentialService as _;
use kith_proto::identity::v1::passkey_service_server::PasskeyService as _;
use serde_json::Value;
use sqlx::PgConnection;
use tonic::{Code, Request, Status};

use crate::authenticator::Authenticator;
use crate::stage::{PASSWORD, Stage, by};

const EMAIL: &str = "first@clapton.example";

/// What an attacker changes.
type Change = fn(&mut Authenticator);

fn refused() -> (Code, String) {
    (Code::Unauthenticated, "SIGN_IN_REFUSED".into())
}

fn not_valid() -> (Code, String) {
    (Code::FailedPrecondition, "CEREMONY_NOT_VALID".into())
}

impl Stage {
    pub async fn begin_passkey(&self, actor: Actor) -> Result<pb::BeginPasskeyRegistrationResponse, Status> {
        let request = pb::BeginPasskeyRegistrationRequest { request_id: self.id() };
        Ok(self.passkeys.begin_passkey_registration(by(actor, request)).await?.into_inner())
    }

    pub async fn finish_passkey(
        &self,
        actor: Actor,
        ceremony: &str,
        credential: &Value,
    ) -> Result<pb::Passkey, Status> {
        let request = pb::FinishPasskeyRegistrationRequest {
            request_id: self.id(),
            ceremony_id: ceremony.into(),
            credential: credential.to_string(),
            label: "Blue key".into(),
        };
        let answer = self.passkeys.finish_passkey_registration(by(actor, request)).await?.into_inner();
        Ok(answer.passkey.expect("a passkey"))
    }

    pub async fn passkey(&self, actor: Actor, authenticator: &mut Authenticator) -> pb::Passkey {
        let begun = self.begin_passkey(actor).await.expect("begun");
        let credential = authenticator.create(&begun.options);
        self.finish_passkey(actor, &begun.ceremony_id, &credential).await.expect("registered")
    }

    pub async fn begin_with_passkey(&self) -> pb::BeginPasskeySignInResponse {
        let request = Request::new(pb::BeginPasskeySignInRequest {});
        self.passkeys.begin_passkey_sign_in(request).await.expect("begun").into_inner()
    }

    pub async fn finish_with_passkey(
        &self,
        ceremony: &str,
        credential: &Value,
    ) -> Result<pb::FinishPasskeySignInResponse, Status> {
        let request = pb::FinishPasskeySignInRequest {
            ceremony_id: ceremony.into(),
            credential: credential.to_string(),
            ..Default::default()
        };
        Ok(self.passkeys.finish_passkey_sign_in(Request::new(request)).await?.into_inner())
    }

    pub async fn with_passkey(&self, authenticator: &mut Authenticator) -> Result<pb::Tokens, Status> {
        let begun = self.begin_with_passkey().await;
        let answer = self.finish_with_passkey(&begun.ceremony_id, &authenticator.get(&begun.options)).await?;
        Ok(answer.tokens.expect("tokens"))
    }

    async fn first(&self) -> Actor {
        self.place(self.operator().await, "clapton").await.administrator
    }
}

/// Proves ID-55.
#[tokio::test]
async fn a_passkey_is_registered_and_opens_the_door_without_a_name() {
    let stage = Stage::new().await;
    let actor = stage.first().await;
    let mut key = Authenticator::new(7);
    let registered = stage.passkey(actor, &mut key).await;
    assert_eq!(registered.label, "Blue key");
    let begun = stage.begin_with_passkey().await;
    let options: Value = serde_json::from_str(&begun.options).expect("JSON");
    assert_eq!(options["publicKey"]["userVerification"], "required");
    assert!(options["publicKey"]["allowCredentials"].as_array().is_none_or(Vec::is_empty), "it names nobody");
    for _ in 0..3 {
        let tokens = stage.with_passkey(&mut key).await.expect("signed in");
        assert_eq!(stage.actor(&tokens).id(), actor.id());
        stage.refresh(&tokens.refresh_token).await.expect("a session like any other");
    }
    // The victim of guesses still gets in (N4).
    for _ in 0..11 {
        stage.attempt(EMAIL, "wrong horse battery").await.expect_err("wrong");
    }
    stage.attempt(EMAIL, PASSWORD).await.expect_err("closed for passwords");
    stage.with_passkey(&mut key).await.expect("open for passkeys");

    let request = by(actor, pb::GetCredentialsRequest {});
    let credentials = stage.credentials.get_credentials(request).await.expect("credentials").into_inner();
    assert_eq!(credentials.passkeys.len(), 1);
    assert!(credentials.passkeys[0].last_used_time.is_some());
    let request = pb::RemovePasskeyRequest { request_id: stage.id(), passkey: registered.id };
    for _ in 0..2 {
        stage.passkeys.remove_passkey(by(actor, request.clone())).await.expect("removed");
    }
    let status = stage.with_passkey(&mut key).await.expect_err("it is gone");
    assert_eq!(reason(&status), refused());
}

#[tokio::test]
async fn a_ceremony_is_finished_once_in_time_and_by_who_began_it() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let actor = place.administrator;
    let other = stage.joined(&place, "second@clapton.example", &[]).await;
    let mut key = Authenticator::new(7);

    let begun = stage.begin_passkey(actor).await.expect("begun");
    let credential = key.create(&begun.options);
    let status = stage.finish_passkey(actor, &stage.id(), &credential).await.expect_err("never begun");
    assert_eq!(reason(&status), not_valid());
    let status = stage.finish_passkey(other, &begun.ceremony_id, &credential).await.expect_err("another's");
    assert_eq!(reason(&status), not_valid());
    stage.finish_passkey(actor, &begun.ceremony_id, &credential).await.expect("the other did not spoil it");
    stage
        .finish_passkey(actor, &begun.ceremony_id, &credential)
        .await
        .expect("a repeat answers what is there");

    // The same authenticator for another account, and a challenge of before.
    let again = stage.begin_passkey(other).await.expect("begun");
    let status =
        stage.finish_passkey(other, &again.ceremony_id, &credential).await.expect_err("an old challenge");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "PASSKEY_NOT_ACCEPTED".into()));
    let again = stage.begin_passkey(other).await.expect("begun");
    let stolen = key.clone().create(&again.options);
    let status =
        stage.finish_passkey(other, &again.ceremony_id, &stolen).await.expect_err("registered already");
    assert_eq!(reason(&status), (Code::AlreadyExists, "PASSKEY_EXISTS".into()));

    let mut late = Authenticator::new(9);
    let begun = stage.begin_passkey(actor).await.expect("begun");
    let credential = late.create(&begun.options);
    stage.world.clock.advance(Duration::minutes(5));
    let status = stage.finish_passkey(actor, &begun.ceremony_id, &credential).await.expect_err("too late");
    assert_eq!(reason(&status), not_valid());
    stage.world.clock.advance(Duration::minutes(10));
    let status = stage.begin_passkey(actor).await.expect_err("the sign-in is too long ago");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "SIGN_IN_AGAIN".into()));
    assert_eq!(stage.count("passkey").await, 1);
    stage.begin_with_passkey().await;
    assert_eq!(stage.count("ceremony").await, 1, "old ones are removed by and by");
}

#[tokio::test]
async fn what_an_authenticator_gives_must_fit_the_ceremony() {
    let stage = Stage::new().await;
    let actor = stage.first().await;
    let mut key = Authenticator::new(7);
    stage.passkey(actor, &mut key).await;
    let (mut tried, mut refusals) = (0, 0);
    let mut expect = |answer: Result<pb::FinishPasskeySignInResponse, Status>, what: &str| {
        let status = answer.expect_err(what);
        assert_eq!(reason(&status), refused(), "{what}");
        tried += 1;
        refusals += 1;
    };
    let changes: [(&str, Change); 5] = [
        ("another origin", |key| key.origin = "https://localhost.evil.example".into()),
        ("another relying party", |key| key.relying_party = "evil.example".into()),
        ("nobody verified", |key| key.verifies = false),
        ("another key under the same id", |key| {
            let mut other = Authenticator::new(8);
            other.credential_id.clone_from(&key.credential_id);
            other.user_handle.clone_from(&key.user_handle);
            other.counter = key.counter;
            *key = other;
        }),
        ("another account's handle", |key| key.user_handle = vec![1; 16]),
    ];
    for (what, change) in changes {
        let begun = stage.begin_with_passkey().await;
        let mut changed = key.clone();
        changed.counter = 50;
        change(&mut changed);
        let credential = changed.get(&begun.options);
        expect(stage.finish_with_passkey(&begun.ceremony_id, &credential).await, what);
        let good = key.clone().get(&begun.options);
        expect(
            stage.finish_with_passkey(&begun.ceremony_id, &good).await,
            "the ceremony is spent by a failure",
        );
    }
    let begun = stage.begin_with_passkey().await;
    let credential = key.get(&begun.options);
    let signed_in = stage.finish_with_passkey(&begun.ceremony_id, &credential).await;
    assert!(signed_in.expect("signed in").tokens.is_some());
    expect(stage.finish_with_passkey(&begun.ceremony_id, &credential).await, "replayed");
    let begun = stage.begin_with_passkey().await;
    expect(stage.finish_with_passkey(&begun.ceremony_id, &credential).await, "an old challenge");
    let begun = stage.begin_with_passkey().await;
    key.counter = 0;
    expect(stage.finish_with_passkey(&begun.ceremony_id, &key.get(&begun.options)).await, "a copy");
    let begun = stage.begin_passkey(actor).await.expect("begun");
    key.counter = 100;
    expect(stage.finish_with_passkey(&begun.ceremony_id, &key.get(&begun.options)).await, "another kind");
    for nonsense in ["words", "{}", "[]", r#"{"id":"","rawId":"","type":"x","response":{}}"#] {
        let begun = stage.begin_with_passkey().await;
        let answer = stage.finish_with_passkey(&begun.ceremony_id, &Value::String(nonsense.into())).await;
        expect(answer, nonsense);
    }
    stage.with_passkey(&mut key).await.expect("the right way in");
    println!("passkey sign-ins that must fail: {tried}, refused {refusals}");
}

#[tokio::test]
async fn an_integrators_or_strangers_hands_are_empty() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let Actor::Person { tenant, .. } = place.administrator else { panic!("a person") };
    let person = stage.id().parse().map(kith_platform::id::PersonId).expect("an id");
    let stranger = Actor::Person { tenant, person, session: person.0 };
    let status = stage.begin_passkey(stranger).await.expect_err("nobody");
    assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
}

/// A sign-in whose passkey signed, and which then waits for the account: what was removed meanwhile opens nothing.
#[tokio::test]
async fn a_sign_in_under_way_does_not_outlive_its_passkey() {
    let stage = Stage::new().await;
    let actor = stage.first().await;
    let mut key = Authenticator::new(7);
    let registered = stage.passkey(actor, &mut key).await;
    for removed in [false, true] {
        let begun = stage.begin_with_passkey().await;
        let credential = key.get(&begun.options);
        let sessions = stage.count("refresh_family").await;
        // The account is held, so that the sign-in waits between its signature and its session.
        let mut admin = stage.world.admin(&stage.host).await;
        sqlx::raw_sql("begin; lock table signin.account in access exclusive mode")
            .execute(&mut admin)
            .await
            .expect("held");
        let meanwhile = async {
            until_one_waits(&mut admin).await;
            if removed {
                let request =
                    pb::RemovePasskeyRequest { request_id: stage.id(), passkey: registered.id.clone() };
                stage.passkeys.remove_passkey(by(actor, request)).await.expect("removed");
            }
            sqlx::raw_sql("commit").execute(&mut admin).await.expect("let go");
        };
        let (answer, ()) =
            tokio::join!(stage.finish_with_passkey(&begun.ceremony_id, &credential), meanwhile);
        let begun = stage.count("refresh_family").await - sessions;
        if removed {
            assert_eq!(reason(&answer.expect_err("its passkey is gone")), refused());
            assert_eq!(begun, 0, "no session was begun");
        } else {
            assert!(answer.expect("nothing has changed").tokens.is_some());
            assert_eq!(begun, 1);
        }
    }
}

/// Waits until a statement of somebody else's waits for a lock.
async fn until_one_waits(admin: &mut PgConnection) {
    for _ in 0..10_000 {
        // A transaction sees the same activity until it asks for a fresh look.
        sqlx::raw_sql("select pg_stat_clear_snapshot()").execute(&mut *admin).await.expect("fresh");
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(&mut *admin)
        .await
        .expect("a count");
        if waiting == 1 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody waited");
}
