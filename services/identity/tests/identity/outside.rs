//! A small OpenID Connect provider on loopback: real HTTP, a real key, and answers that are right or as an attacker's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use openidconnect::core::{
    CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey,
};
use openidconnect::{
    Audience, EmptyAdditionalClaims, IssuerUrl, JsonWebKeyId, Nonce, PrivateSigningKey as _, StandardClaims,
    SubjectIdentifier,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub const CLIENT: &str = "kith-at-provider";
pub const SECRET: &str = "the client's secret";

/// How an answer differs from a right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Twist {
    #[default]
    None,
    OtherIssuer,
    OtherAudience,
    OtherNonce,
    Expired,
    OtherKey,
    AlgNone,
    NoIdToken,
}

struct Login {
    subject: String,
    nonce: String,
    challenge: String,
    twist: Twist,
}

pub struct Provider {
    pub issuer: String,
    logins: Arc<Mutex<HashMap<String, Login>>>,
}

/// What the provider sends back with somebody.
#[derive(Clone)]
pub struct Back {
    pub state: String,
    pub code: String,
}

fn key(pem: &str) -> CoreRsaPrivateSigningKey {
    CoreRsaPrivateSigningKey::from_pem(pem, Some(JsonWebKeyId::new("provider-1".into()))).expect("a key")
}

/// Keys of a test, of use nowhere.
const OWN: &str = include_str!("provider_key.pem");
const OTHER: &str = include_str!("other_key.pem");

impl Provider {
    pub async fn start(now: DateTime<Utc>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let logins: Arc<Mutex<HashMap<String, Login>>> = Arc::default();
        let (known, own) = (logins.clone(), issuer.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, own.clone(), known.clone(), now));
            }
        });
        Self { issuer, logins }
    }

    /// Somebody signs in at the provider's page and is sent back.
    pub fn log_in(&self, page: &str, subject: &str, twist: Twist) -> Back {
        let page = Url::parse(page).expect("a page");
        let asked: HashMap<String, String> = page.query_pairs().into_owned().collect();
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["scope"], "openid", "nothing personal is asked for");
        let mut logins = self.logins.lock().expect("nobody panicked");
        let code = format!("code-{}", logins.len());
        let login = Login {
            subject: subject.into(),
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            twist,
        };
        logins.insert(code.clone(), login);
        Back { state: asked["state"].clone(), code }
    }
}

async fn serve(
    mut stream: TcpStream,
    issuer: String,
    logins: Arc<Mutex<HashMap<String, Login>>>,
    now: DateTime<Utc>,
) {
    let mut request = Vec::new();
    let (head, body) = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        request.extend(&part[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(|size| size.trim().parse().ok())
        });
        if body.len() >= length.flatten().unwrap_or(0_usize) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, answer) = match path {
        "/.well-known/openid-configuration" => (200, configuration(&issuer)),
        "/keys" => {
            let keys = CoreJsonWebKeySet::new(vec![key(OWN).as_verification_key()]);
            (200, serde_json::to_value(keys).expect("JSON"))
        }
        "/token" => match token(&head, &body, &issuer, &logins, now) {
            Some(answer) => (200, answer),
            None => (400, json!({ "error": "invalid_grant" })),
        },
        _ => (404, json!({})),
    };
    let answer = answer.to_string();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(answer.as_bytes()).await.ok();
}

fn configuration(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn token(
    head: &str,
    body: &str,
    issuer: &str,
    logins: &Mutex<HashMap<String, Login>>,
    now: DateTime<Utc>,
) -> Option<Value> {
    let asked: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let basic = STANDARD.encode(format!("{CLIENT}:{encoded}"));
    let authorised = head.lines().any(|line| {
        line.split_once(": ").is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value == format!("Basic {basic}")
        })
    });
    let login = logins.lock().expect("nobody panicked").remove(asked.get("code")?)?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(asked.get("code_verifier")?));
    if !authorised || challenge != login.challenge {
        return None;
    }
    let mut answer = json!({ "access_token": "nothing", "token_type": "Bearer" });
    if login.twist != Twist::NoIdToken {
        answer["id_token"] = id_token(&login, issuer, now).into();
    }
    Some(answer)
}

fn id_token(login: &Login, issuer: &str, now: DateTime<Utc>) -> String {
    let twist = login.twist;
    let issuer = if twist == Twist::OtherIssuer { "http://127.0.0.1:1" } else { issuer };
    let audience = if twist == Twist::OtherAudience { "somebody-else" } else { CLIENT };
    let nonce = if twist == Twist::OtherNonce { "of-another-sign-in" } else { &login.nonce };
    let lifetime = if twist == Twist::Expired { -Duration::minutes(1) } else { Duration::minutes(5) };
    let claims = CoreIdTokenClaims::new(
        IssuerUrl::new(issuer.into()).expect("a URL"),
        vec![Audience::new(audience.into())],
        now + lifetime,
        now - Duration::minutes(10),
        StandardClaims::new(SubjectIdentifier::new(login.subject.clone())),
        EmptyAdditionalClaims {},
    )
    .set_nonce(Some(Nonce::new(nonce.to_owned())));
    let signing = key(if twist == Twist::OtherKey { OTHER } else { OWN });
    let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    let token = CoreIdToken::new(claims, &signing, algorithm, None, None).expect("a token").to_string();
    if twist == Twist::AlgNone {
        let claims = token.split('.').nth(1).expect("claims");
        return format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    }
    token
}
