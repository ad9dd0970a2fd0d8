//! Bad input: tokens, headers, codes and ceremonies that are not what they say. Each a clear refusal, nothing stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use kith_platform::auth::TokenKey;
use kith_platform::context::Actor;
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::credential_service_server::CredentialService as _;
use kith_proto::identity::v1::passkey_service_server::PasskeyService as _;
use kith_proto::identity::v1::provider_service_server::ProviderService as _;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use tonic::{Code, Request, Status};

use crate::authenticator::Authenticator;
use crate::stage::{Stage, by};

const EMAIL: &str = "first@clapton.example";

/// Everything that a refused call could have left behind.
async fn stored(stage: &Stage) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "account",
        "sign_in_place",
        "refresh_family",
        "refresh_token",
        "recovery_code",
        "ceremony",
        "passkey",
        "integrator_secret",
        "provider_link",
    ] {
        counts.push(stage.count(table).await);
    }
    let mut admin = stage.world.admin(&stage.host).await;
    let rest = "select (select count(*) from person) + (select count(*) from platform.outbox)
                     + (select count(*) from platform.saved_answer)";
    counts.push(sqlx::query_scalar(rest).fetch_one(&mut admin).await.expect("a count"));
    counts
}

fn forge(token: &str, header: &str) -> String {
    let mut parts = token.split('.').skip(1);
    let (claims, signature) = (parts.next().expect("claims"), parts.next().expect("a signature"));
    format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header))
}

/// Proves ID-55. Access tokens as an attacker would make them.
#[tokio::test]
async fn no_token_but_our_own_speaks_for_anybody() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let (tokens, auth, now) =
        (stage.tokens(EMAIL, "").await, &stage.host.config().auth, stage.world.clock.now());
    let good = tokens.access_token.clone();
    let actor = stage.actor(&tokens);
    let mut admin = stage.world.admin(&stage.host).await;
    let (kid, kept): (String, Vec<u8>) = sqlx::query_as("select kid, seed from signin.signing_key")
        .fetch_one(&mut admin)
        .await
        .expect("a key");
    let kept: [u8; 32] = kept.try_into().expect("32 bytes");
    let own = kith_identity::signing_key_from_row(stage.host.config(), &kid, &kept).expect("a key");
    let sign = |key: &TokenKey, issuer: &str, audience: &str, at| {
        key.sign(issuer, audience, actor, at).expect("a token")
    };
    let (issuer, audience) = (auth.issuer.as_str(), auth.audience.as_str());
    let signature = good.rsplit('.').next().expect("a signature").to_owned();
    let cut = good[..good.len() - signature.len()].to_owned();
    let mut claims: serde_json::Value = serde_json::from_slice(
        &URL_SAFE_NO_PAD.decode(good.split('.').nth(1).expect("claims")).expect("base64"),
    )
    .expect("JSON");
    claims["tenant"] = stage.id().into();
    let other_tenant = format!(
        "{}.{}.{signature}",
        good.split('.').next().expect("a header"),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let table = [
        ("empty", String::new()),
        ("malformed", "nonsense".into()),
        ("two dots and nothing", "..".into()),
        ("oversized", "a".repeat(1_000_000)),
        ("alg none", forge(&good, &format!(r#"{{"alg":"none","kid":"{kid}"}}"#))),
        ("alg none without a signature", forge(&good, r#"{"alg":"none"}"#).replace(&signature, "")),
        ("alg HS256 with the public key", forge(&good, &format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#))),
        ("alg RS256", forge(&good, &format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#))),
        ("without a key id", forge(&good, r#"{"alg":"EdDSA"}"#)),
        ("a key id that is a path", forge(&good, r#"{"alg":"EdDSA","kid":"../../secrets/derive"}"#)),
        ("a key id that is SQL", forge(&good, r#"{"alg":"EdDSA","kid":"' or true --"}"#)),
        ("a key inside", forge(&good, &format!(r#"{{"alg":"EdDSA","kid":"{kid}","jwk":{{"kty":"OKP"}}}}"#))),
        ("without a signature", cut),
        ("another tenant", other_tenant),
        ("wrong audience", sign(&own, issuer, "somebody-else", now)),
        ("foreign issuer", sign(&own, "somebody-else", audience, now)),
        ("another's key under our id", sign(&TokenKey::new(&kid, [9; 32]), issuer, audience, now)),
        ("an unknown key", sign(&TokenKey::new("other", kept), issuer, audience, now)),
        ("from the future", sign(&own, issuer, audience, now + Duration::minutes(1))),
        ("over", sign(&own, issuer, audience, now - Duration::minutes(10))),
        ("a refresh token", tokens.refresh_token.clone()),
    ];
    for (what, token) in &table {
        let status = Status::from(stage.host.verifier().verify(token).expect_err(what));
        assert_eq!(reason(&status), (Code::Unauthenticated, "UNAUTHENTICATED".into()), "{what}");
    }
    assert_eq!(stage.host.verifier().verify(&good).expect("our own"), actor);

    // The tenant comes from the token, whatever headers say.
    let other = stage.place_of_somebody_else_id().await;
    let mut request = by(actor, pb::GetTenantRequest {});
    for header in ["tenant", "tenant-id", "x-tenant-id", "app.tenant", "kith-tenant"] {
        request.metadata_mut().insert(header, other.parse().expect("a header"));
    }
    let answer = stage.tenants.get_tenant(request).await.expect("one's own").into_inner();
    assert_eq!(answer.tenant.expect("a tenant").id, place.tenant.id);
    println!("bad tokens {}, refused {0}; forged tenant headers 5, believed 0", table.len());
}

/// Proves ID-55. Codes, refresh tokens and ceremonies that are unknown, used or out of order, and messages that are too much.
#[tokio::test]
async fn nothing_is_stored_of_what_is_refused() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let actor = place.administrator;
    let mut key = Authenticator::new(7);
    stage.passkey(actor, &mut key).await;
    let (_, spent) = stage.invite(actor, stage.invitation(&[])).await;
    stage.accept(&spent, "second@clapton.example").await.expect("joined");
    let begun = stage.begin_with_passkey().await;
    let used = key.get(&begun.options);
    stage.finish_with_passkey(&begun.ceremony_id, &used).await.expect("signed in");
    let registration = stage.begin_passkey(actor).await.expect("begun");
    let before = stored(&stage).await;

    let mut refused = Vec::new();
    let mut note = |what: &str, status: Status, expected: (Code, &str)| {
        assert_eq!(reason(&status), (expected.0, expected.1.to_owned()), "{what}");
        assert!(!status.message().is_empty(), "{what}");
        refused.push(what.to_owned());
    };
    let sign_in = (Code::Unauthenticated, "SIGN_IN_REFUSED");
    let fields = (Code::InvalidArgument, "INVALID_FIELDS");
    for (what, code, email) in [
        ("an invitation used twice", spent.as_str(), "third@clapton.example"),
        ("an invitation used by another account", spent.as_str(), EMAIL),
        ("an invitation that never was", "kith-nonsense", "third@clapton.example"),
    ] {
        let status = stage.accept(code, email).await.expect_err(what);
        note(what, status, (Code::FailedPrecondition, "INVITATION_NOT_VALID"));
    }
    let status = stage.accept(&"a".repeat(201), "third@clapton.example").await.expect_err("oversized");
    note("an oversized invitation", status, fields);
    for (what, token) in
        [("a refresh token that never was", "nonsense"), ("an access token to refresh", "a.b.c")]
    {
        let status = stage.refresh(token).await.expect_err(what);
        note(what, status, (Code::Unauthenticated, "REFRESH_REFUSED"));
    }
    let status = stage.refresh(&"a".repeat(100_000)).await.expect_err("oversized");
    note("an oversized refresh token", status, fields);
    let request = pb::SignInRequest {
        email: "a".repeat(100_000),
        password: "b".repeat(100_000),
        tenant: "c".repeat(100_000),
        as_operator: true,
    };
    note("an oversized sign-in", stage.sign_in(request).await.expect_err("oversized"), fields);

    let status = stage.finish_with_passkey(&begun.ceremony_id, &used).await.expect_err("replayed");
    note("a passkey sign-in finished twice", status, sign_in);
    let status = stage.finish_with_passkey(&stage.id(), &used).await.expect_err("never begun");
    note("a passkey sign-in that was never begun", status, sign_in);
    let wrong_kind = key.get(&begun.options);
    let status =
        stage.finish_with_passkey(&registration.ceremony_id, &wrong_kind).await.expect_err("a registration");
    note("a registration finished as a sign-in", status, sign_in);
    let request = pb::FinishPasskeySignInRequest {
        ceremony_id: stage.id(),
        credential: "x".repeat(65_537),
        ..Default::default()
    };
    let status = stage.passkeys.finish_passkey_sign_in(Request::new(request)).await.expect_err("oversized");
    note("an oversized credential", status, fields);
    let mut other = Authenticator::new(9);
    let credential = other.create(&registration.options);
    let status = stage.finish_passkey(actor, &stage.id(), &credential).await.expect_err("never begun");
    note("a registration that was never begun", status, (Code::FailedPrecondition, "CEREMONY_NOT_VALID"));
    let nonsense = serde_json::json!({ "id": "x" });
    let status =
        stage.finish_passkey(actor, &registration.ceremony_id, &nonsense).await.expect_err("nonsense");
    note("a malformed credential", status, (Code::FailedPrecondition, "PASSKEY_NOT_ACCEPTED"));

    let request = pb::SignInWithRecoveryCodeRequest {
        email: EMAIL.into(),
        code: "0000-0000-0000-0000".into(),
        ..Default::default()
    };
    let status = stage.credentials.sign_in_with_recovery_code(Request::new(request)).await;
    note("a recovery code where there is none", status.expect_err("none"), sign_in);
    let request = pb::FinishProviderSignInRequest { state: "never".into(), code: "never".into() };
    let status =
        stage.providers.finish_provider_sign_in(Request::new(request)).await.expect_err("never begun");
    note("a provider's answer that nobody asked for", status, sign_in);
    let request = pb::RefreshRequest { refresh_token: String::new() };
    let status = stage.sign_in.refresh(Request::new(request)).await.expect_err("empty");
    note("an empty refresh token", status, fields);
    for nobody in [Actor::Nobody, Actor::Operator { account: actor.id(), session: actor.id() }] {
        let status = stage.begin_passkey(nobody).await.expect_err("no person");
        note("a ceremony by no person", status, (Code::Unauthenticated, "UNAUTHENTICATED"));
    }

    assert_eq!(stored(&stage).await, before, "nothing is stored");
    println!("bad input {}, refused clearly {0}, rows left behind 0", refused.len());
}

impl Stage {
    async fn place_of_somebody_else_id(&self) -> String {
        let request = pb::SignInRequest {
            email: "host@example.org".into(),
            password: crate::stage::PASSWORD.into(),
            as_operator: true,
            ..Default::default()
        };
        let tokens = self.sign_in(request).await.expect("signed in").tokens.expect("tokens");
        self.place(self.actor(&tokens), "hackney").await.tenant.id
    }
}
