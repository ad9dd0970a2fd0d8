//! Keys rotate, and nobody is refused for it.

use std::collections::{BTreeSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use kith_identity::{Desk, SERVICE, tend_keys};
use kith_platform::auth::{ACCESS_LIFETIME, Verifier};
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::key_service_server::KeyService as _;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use tonic::{Code, Request};

use crate::stage::{Stage, by};

const EMAIL: &str = "first@clapton.example";

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64");
    let header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("a key id").to_owned()
}

async fn published(stage: &Stage) -> (String, BTreeSet<String>) {
    let answer = stage.sign_in.get_keys(Request::new(pb::GetKeysRequest {})).await.expect("keys");
    let jwks = answer.into_inner().jwks;
    let set: serde_json::Value = serde_json::from_str(&jwks).expect("JSON");
    let kids = set["keys"].as_array().expect("keys").iter().map(|key| key["kid"].as_str().expect("a kid"));
    let kids = kids.map(str::to_owned).collect();
    (jwks, kids)
}

/// A service somewhere that fetches the keys now and then.
struct Elsewhere {
    verifier: Verifier,
    every: Duration,
    next: DateTime<Utc>,
}

/// Proves ID-55. N3: keys that rotate every 30 seconds, for an hour and a half; seven services that fetch the keys every half
/// minute, each at its own moment, and one that reaches us only every nineteen minutes. Every token is shown to all of them
/// when it is new, in the middle of its life and just before its end.
#[tokio::test]
async fn keys_rotate_every_half_minute_and_no_token_is_refused() {
    let stage = Stage::with(|config| config.auth.key_rotation_seconds = 30).await;
    stage.place(stage.operator().await, "clapton").await;
    let (auth, clock) = (stage.host.config().auth.clone(), stage.world.clock.clone());
    let service = |every: Duration, phase: i64| Elsewhere {
        verifier: Verifier::new(&auth.issuer, &auth.audience, clock.clone()),
        every,
        next: clock.now() + Duration::seconds(phase),
    };
    let mut services: Vec<Elsewhere> = (0..7).map(|at| service(Duration::seconds(30), at * 4)).collect();
    services.push(service(Duration::minutes(19), 0));
    let (jwks, _) = published(&stage).await;
    for service in &services {
        service.verifier.use_keys(&jwks).expect("keys");
    }

    let mut tokens = stage.tokens(EMAIL, "").await;
    let mut alive: VecDeque<(DateTime<Utc>, String)> = VecDeque::new();
    let (mut shown, mut refused, mut most, mut kids) = (0, 0, 0, BTreeSet::new());
    for step in 0..1080 {
        clock.advance(Duration::seconds(5));
        let now = clock.now();
        if step % 2 == 0 {
            tend_keys(&stage.desk).await.expect("tended");
        }
        for service in &mut services {
            if service.next <= now {
                let (jwks, kids) = published(&stage).await;
                most = most.max(kids.len());
                service.verifier.use_keys(&jwks).expect("keys");
                service.next = now + service.every;
            }
        }
        tokens = stage.refresh(&tokens.refresh_token).await.expect("refreshed");
        kids.insert(kid(&tokens.access_token));
        alive.push_back((now, tokens.access_token.clone()));
        while alive.front().is_some_and(|(since, _)| now >= *since + ACCESS_LIFETIME) {
            alive.pop_front();
        }
        for token in [alive.front(), alive.get(alive.len() / 2), alive.back()].into_iter().flatten() {
            for service in &services {
                shown += 1;
                refused += usize::from(service.verifier.verify(&token.1).is_err());
            }
        }
    }
    println!(
        "N3: keys that signed {}, most published at once {most}, tokens shown {shown}, false refusals {refused}",
        kids.len()
    );
    assert_eq!(refused, 0, "of {shown}");
    assert!(kids.len() >= 170, "the keys really rotated: {}", kids.len());
    let (_, still) = published(&stage).await;
    assert!(kids.iter().filter(|kid| still.contains(*kid)).count() < 40, "old keys are forgotten");
}

#[tokio::test]
async fn a_key_is_published_two_lifetimes_before_it_signs_and_until_its_last_token_is_over() {
    let stage = Stage::with(|config| config.auth.key_rotation_seconds = 7200).await;
    stage.place(stage.operator().await, "clapton").await;
    let start = stage.world.clock.now();
    let first = kid(&stage.tokens(EMAIL, "").await.access_token);
    let (mut seen, mut signed, mut gone) = (None, None, None);
    while stage.world.clock.now() < start + Duration::hours(3) {
        stage.world.clock.advance(Duration::minutes(1));
        tend_keys(&stage.desk).await.expect("tended");
        let (now, (_, kids)) = (stage.world.clock.now(), published(&stage).await);
        let signing = kid(&stage.tokens(EMAIL, "").await.access_token);
        seen = seen.or((kids.len() > 1).then_some(now));
        signed = signed.or((signing != first).then_some(now));
        gone = gone.or((!kids.contains(&first)).then_some(now));
    }
    let (seen, signed, gone) = (seen.expect("published"), signed.expect("signed"), gone.expect("gone"));
    println!("a key was published {} before it signed", signed - seen);
    println!("the one before was withdrawn {} after its last signature", gone - signed);
    assert_eq!(signed - start, Duration::hours(2));
    assert!(signed - seen >= ACCESS_LIFETIME * 2);
    assert!(gone - signed >= ACCESS_LIFETIME && gone - signed < ACCESS_LIFETIME * 2);
}

#[tokio::test]
async fn replicas_take_turns() {
    let stage = Stage::with(|config| config.auth.key_rotation_seconds = 3600).await;
    stage.world.clock.advance(Duration::minutes(41));
    let mut replicas = Vec::new();
    for _ in 0..8 {
        let host = stage.world.host_with(&SERVICE, stage.host.config().clone()).await;
        replicas.push(Desk::new(host));
    }
    let tended = futures_util::future::join_all(replicas.iter().map(tend_keys)).await;
    assert!(tended.iter().all(Result::is_ok));
    assert_eq!(published(&stage).await.1.len(), 2, "the one that signs and the one that is due");
}

#[tokio::test]
async fn an_operator_rotates_ahead_of_time_and_withdraws_a_stolen_key() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let place = stage.place(operator, "clapton").await;
    let tokens = stage.tokens(EMAIL, "").await;
    let request = pb::RotateKeysRequest { request_id: stage.id(), at_once: false };
    let first = stage.keys.rotate_keys(by(operator, request.clone())).await.expect("rotated").into_inner();
    let again = stage.keys.rotate_keys(by(operator, request)).await.expect("the same").into_inner();
    assert_eq!(first, again, "the same call again changes nothing");
    assert_ne!(kid(&stage.tokens(EMAIL, "").await.access_token), first.kid, "not yet");
    stage.world.clock.advance(Duration::minutes(20));
    assert_eq!(kid(&stage.tokens(EMAIL, "").await.access_token), first.kid);

    let before = stage.tokens(EMAIL, "").await;
    let request = pb::RotateKeysRequest { request_id: stage.id(), at_once: true };
    let new = stage.keys.rotate_keys(by(operator, request)).await.expect("withdrawn").into_inner();
    assert_eq!(published(&stage).await.1, BTreeSet::from([new.kid.clone()]));
    assert!(stage.host.verifier().verify(&before.access_token).is_err(), "a thief's token is worth nothing");
    let after = stage.refresh(&tokens.refresh_token).await.expect("people go on");
    assert_eq!(kid(&after.access_token), new.kid);
    stage.actor(&after);

    let stranger = pb::RotateKeysRequest { request_id: stage.id(), at_once: true };
    let status = stage.keys.rotate_keys(by(place.administrator, stranger)).await.expect_err("no operator");
    assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
}

#[tokio::test]
async fn nobody_signs_with_what_is_in_the_database_alone() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let tokens = stage.tokens(EMAIL, "").await;
    let mut admin = stage.world.admin(&stage.host).await;
    let (kid, kept): (String, Vec<u8>) = sqlx::query_as("select kid, seed from signin.signing_key")
        .fetch_one(&mut admin)
        .await
        .expect("one key");
    let kept: [u8; 32] = kept.try_into().expect("32 bytes");
    let (auth, now) = (&stage.host.config().auth, stage.world.clock.now());
    let actor = stage.actor(&tokens);
    let stolen = kith_platform::auth::TokenKey::new(&kid, kept);
    let forged = stolen.sign(&auth.issuer, &auth.audience, actor, now).expect("a token");
    assert!(stage.host.verifier().verify(&forged).is_err(), "the seed is a salt only");
    let own = kith_identity::signing_key_from_row(stage.host.config(), &kid, &kept).expect("a key");
    let token = own.sign(&auth.issuer, &auth.audience, actor, now).expect("a token");
    assert!(stage.host.verifier().verify(&token).is_ok(), "who has the secret too can");
}
