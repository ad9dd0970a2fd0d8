//! Token → [`Actor`]: EdDSA JWTs of one issuer for one audience, checked here with keys from a key set (JWKS) that is
//! fetched from a configured place and kept in the database. Roles are not in tokens.

use std::collections::HashMap;
use std::sync::{Arc, Once, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, signature};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::context::Actor;
use crate::error::{Common, Error, Result};
use crate::id::{PersonId, TenantId, Uuid};

/// How long an access token lives where nothing else is said.
pub const ACCESS_LIFETIME: chrono::Duration = chrono::Duration::minutes(10);
const LEEWAY_SECONDS: i64 = 5;

/// What a token says. No roles: standing is computed where it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The person, or the operator's account.
    sub: Uuid,
    /// The tenant; absent for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Uuid>,
    /// The session: the refresh family.
    sid: Uuid,
    iat: i64,
    exp: i64,
}

struct Ed25519Signer(SigningKey);
struct Ed25519Verifier(VerifyingKey);

impl signature::Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl signature::Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let given = Signature::from_slice(given).map_err(|_| signature::Error::new())?;
        self.0.verify(message, &given).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

/// The crate's own providers bring RSA (with an open advisory) or a C build; EdDSA is all that Kith speaks.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match (algorithm, <[u8; 32]>::try_from(key.as_bytes())) {
        (Algorithm::EdDSA, Ok(seed)) => Ok(Box::new(Ed25519Signer(SigningKey::from_bytes(&seed)))),
        _ => Err(ErrorKind::InvalidEddsaKey.into()),
    },
    verifier_factory: |algorithm, key| {
        let key = <[u8; 32]>::try_from(key.try_get_as_bytes()?)
            .ok()
            .and_then(|key| VerifyingKey::from_bytes(&key).ok());
        match (algorithm, key) {
            (Algorithm::EdDSA, Some(key)) => Ok(Box::new(Ed25519Verifier(key))),
            _ => Err(ErrorKind::InvalidEddsaKey.into()),
        }
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        PROVIDER.install_default().ok();
    });
}

/// A signing key of the issuer.
#[derive(Clone)]
pub struct TokenKey {
    kid: String,
    seed: [u8; 32],
    lifetime: chrono::Duration,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl TokenKey {
    /// A key from its seed.
    pub fn new(kid: impl Into<String>, seed: [u8; 32]) -> Self {
        Self { kid: kid.into(), seed, lifetime: ACCESS_LIFETIME }
    }

    /// The same key, for tokens that live so long.
    #[must_use]
    pub fn for_tokens_of(mut self, lifetime: chrono::Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The public half as a JSON Web Key (RFC 8037).
    pub fn jwk(&self) -> Jwk {
        let public = SigningKey::from_bytes(&self.seed).verifying_key();
        Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            alg: "EdDSA".into(),
            r#use: "sig".into(),
            kid: self.kid.clone(),
            x: URL_SAFE_NO_PAD.encode(public.as_bytes()),
        }
    }

    /// Signs a token for that actor.
    pub fn sign(
        &self,
        issuer: &str,
        audience: &str,
        actor: Actor,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<String> {
        install_provider();
        let (sub, sid) = (actor.id(), actor.session().unwrap_or_default());
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            sub,
            tenant: actor.tenant().map(Uuid::from),
            sid,
            iat: now.timestamp(),
            exp: (now + self.lifetime).timestamp(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&self.seed)).map_err(Error::internal)
    }
}

/// A public key of the key set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    alg: String,
    r#use: String,
    kid: String,
    x: String,
}

/// A key set as published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// All keys that may sign now or soon.
    pub keys: Vec<Jwk>,
}

/// The keys of one key set, and tokens whose signatures they have verified: most calls come with a token that was seen a
/// moment ago, and a signature costs more than all the rest of the door. What a token says is fixed by its signature; when it
/// ends is looked at each time. Another key set begins with no tokens.
#[derive(Debug, Default)]
struct Keys {
    set: String,
    by_kid: HashMap<String, DecodingKey>,
    verified: RwLock<HashMap<String, Arc<Claims>>>,
}

/// How many verified tokens are kept; where there are more, all are verified anew.
const MOST_VERIFIED: usize = 2_000;

impl Keys {
    fn known(&self, token: &str) -> Option<Arc<Claims>> {
        self.verified.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    fn keep(&self, token: &str, claims: Arc<Claims>) {
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= MOST_VERIFIED {
            verified.clear();
        }
        verified.insert(token.to_owned(), claims);
    }
}

/// Checks tokens; cheap to clone.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: Arc<str>,
    audience: Arc<str>,
    clock: Clock,
    keys: Arc<ArcSwap<Keys>>,
    /// Woken by a token whose key is not known, so that the key set is fetched anew (at a bounded rate).
    pub(crate) unknown_key: Arc<tokio::sync::Notify>,
}

impl Verifier {
    /// A verifier that knows no key yet.
    pub fn new(issuer: &str, audience: &str, clock: Clock) -> Self {
        install_provider();
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            clock,
            keys: Arc::default(),
            unknown_key: Arc::default(),
        }
    }

    /// Takes a key set into use; one without a usable key is left aside.
    pub fn use_keys(&self, jwks: &str) -> Result<()> {
        if self.keys.load().set == jwks {
            return Ok(());
        }
        let set: KeySet = serde_json::from_str(jwks).map_err(Error::internal)?;
        let keys: HashMap<String, DecodingKey> = set
            .keys
            .into_iter()
            .filter(|key| key.kty == "OKP" && key.crv == "Ed25519")
            .filter_map(|key| Some((key.kid, DecodingKey::from_ed_components(&key.x).ok()?)))
            .collect();
        if keys.is_empty() {
            return Err(Error::internal(anyhow::anyhow!("the key set holds no usable key")));
        }
        self.keys.store(Arc::new(Keys { set: jwks.to_owned(), by_kid: keys, verified: RwLock::default() }));
        Ok(())
    }

    /// Whether any key is known.
    pub fn has_keys(&self) -> bool {
        !self.keys.load().by_kid.is_empty()
    }

    /// Who speaks with this token. Every failure gives the same refusal; only who has no key yet, having just started,
    /// cannot tell, and asks to be asked again.
    pub fn verify(&self, token: &str) -> Result<Actor> {
        if !self.has_keys() {
            self.unknown_key.notify_one();
            return Err(Common::NotCaughtUp.into());
        }
        self.try_verify(token).ok_or_else(|| Common::Unauthenticated.into())
    }

    fn try_verify(&self, token: &str) -> Option<Actor> {
        let keys = self.keys.load();
        let claims = match keys.known(token) {
            Some(claims) => claims,
            None => self.claims(&keys, token)?,
        };
        let now = self.clock.now().timestamp();
        if now >= claims.exp || claims.iat > now + LEEWAY_SECONDS {
            return None;
        }
        Some(match claims.tenant {
            Some(tenant) => {
                Actor::Person { tenant: TenantId(tenant), person: PersonId(claims.sub), session: claims.sid }
            }
            None => Actor::Operator { account: claims.sub, session: claims.sid },
        })
    }

    /// What a token says whose signature, issuer and audience are right, whenever it holds.
    fn claims(&self, keys: &Keys, token: &str) -> Option<Arc<Claims>> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.alg != Algorithm::EdDSA {
            return None;
        }
        let Some(key) = keys.by_kid.get(header.kid.as_deref()?) else {
            self.unknown_key.notify_one();
            return None;
        };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&*self.issuer]);
        validation.set_audience(&[&*self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library asks the system's clock; ours decides below.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation).ok()?.claims;
        let claims = Arc::new(claims);
        keys.keep(token, claims.clone());
        Some(claims)
    }
}

/// The answer of whatever serves the key set: its first field is the set as JSON text.
#[derive(Clone, PartialEq, prost::Message)]
struct KeysAnswer {
    #[prost(string, tag = "1")]
    jwks: String,
}

const FETCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Fetches the key set from a file or by gRPC.
pub(crate) async fn fetch_keys(place: &str) -> anyhow::Result<String> {
    if !place.starts_with("http") {
        return Ok(tokio::fs::read_to_string(place).await?);
    }
    let endpoint = tonic::transport::Endpoint::from_shared(place.to_owned())?;
    let channel = endpoint.connect_timeout(FETCH_TIMEOUT).timeout(FETCH_TIMEOUT).connect().await?;
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await?;
    let method = kith_proto::METHODS.iter().find(|method| method.path.ends_with("/GetKeys"));
    let path = http::uri::PathAndQuery::from_static(method.context("no contract answers keys")?.path);
    let codec = tonic_prost::ProstCodec::<(), KeysAnswer>::default();
    let answer = client.unary(tonic::Request::new(()), path, codec).await?;
    Ok(answer.into_inner().jwks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    fn noon() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().expect("a moment")
    }

    fn verifier(clock: &Clock, key: &TokenKey) -> Verifier {
        let verifier = Verifier::new("kith", "hosts", clock.clone());
        let set = KeySet { keys: vec![key.jwk()] };
        verifier.use_keys(&serde_json::to_string(&set).expect("a key set")).expect("usable keys");
        verifier
    }

    #[test]
    fn a_token_speaks_for_its_person_until_it_ends() {
        let (clock, key) = (Clock::test(noon()), TokenKey::new("k1", [7; 32]));
        let verifier = verifier(&clock, &key);
        let actor = Actor::Person {
            tenant: TenantId(Uuid::from_u128(1)),
            person: PersonId(Uuid::from_u128(2)),
            session: Uuid::from_u128(3),
        };
        let token = key.sign("kith", "hosts", actor, clock.now()).expect("a token");
        assert_eq!(verifier.verify(&token).expect("an actor"), actor);
        clock.advance(ACCESS_LIFETIME);
        assert!(verifier.verify(&token).is_err());
    }

    #[test]
    fn a_token_that_was_verified_before_ends_all_the_same_and_goes_with_its_key() {
        let (clock, key) = (Clock::test(noon()), TokenKey::new("k1", [7; 32]));
        let verifier = verifier(&clock, &key);
        let actor = Actor::Operator { account: Uuid::from_u128(9), session: Uuid::from_u128(3) };
        let token = key.sign("kith", "hosts", actor, clock.now()).expect("a token");
        for _ in 0..3 {
            assert_eq!(verifier.verify(&token).expect("an actor"), actor);
        }
        let mut forged = token.clone();
        forged.replace_range(token.len() - 4.., if token.ends_with("AAAA") { "BBBB" } else { "AAAA" });
        assert!(verifier.verify(&forged).is_err(), "a known token with another signature");
        let others = KeySet { keys: vec![TokenKey::new("k2", [8; 32]).jwk()] };
        let kept = verifier.clone();
        kept.use_keys(&serde_json::to_string(&others).expect("a key set")).expect("usable keys");
        assert!(verifier.verify(&token).is_err(), "its key is gone");
        let again = KeySet { keys: vec![key.jwk()] };
        verifier.use_keys(&serde_json::to_string(&again).expect("a key set")).expect("usable keys");
        assert!(verifier.verify(&token).is_ok());
        clock.advance(ACCESS_LIFETIME);
        assert!(verifier.verify(&token).is_err(), "it has ended");
    }

    #[test]
    fn foreign_forged_and_unsigned_tokens_are_refused() {
        let (clock, key) = (Clock::test(noon()), TokenKey::new("k1", [7; 32]));
        let verifier = verifier(&clock, &key);
        let actor = Actor::Operator { account: Uuid::from_u128(9), session: Uuid::from_u128(3) };
        let sign =
            |key: &TokenKey, issuer, audience| key.sign(issuer, audience, actor, noon()).expect("a token");
        assert!(verifier.verify(&sign(&key, "kith", "hosts")).is_ok());
        assert!(verifier.verify(&sign(&key, "other", "hosts")).is_err(), "foreign issuer");
        assert!(verifier.verify(&sign(&key, "kith", "others")).is_err(), "wrong audience");
        assert!(
            verifier.verify(&sign(&TokenKey::new("k1", [8; 32]), "kith", "hosts")).is_err(),
            "forged key"
        );
        assert!(
            verifier.verify(&sign(&TokenKey::new("k2", [7; 32]), "kith", "hosts")).is_err(),
            "unknown key"
        );
        let good = sign(&key, "kith", "hosts");
        let parts: Vec<&str> = good.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#);
        assert!(verifier.verify(&format!("{none}.{}.", parts[1])).is_err(), "alg none");
        let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k1"}"#);
        assert!(verifier.verify(&format!("{hmac}.{}.{}", parts[1], parts[2])).is_err(), "other alg");
        assert!(verifier.verify("garbage").is_err());
    }
}
