//! Signing keys: published well before they sign, and until their last token is over.

use std::time::Duration as StdDuration;

use chrono::Duration;
use kith_platform::auth::{KeySet, TokenKey};
use kith_platform::authz::Subject;
use kith_platform::config::Config;
use kith_platform::context::Actor;
use kith_platform::error::{Error, Result};
use kith_platform::host;
use kith_platform::id::Uuid;

use super::Desk;
use crate::domain::key::{self, Key, Rotation};
use crate::policy::Action;
use crate::store;
use crate::store::global::Work;
use crate::store::key::Kept;

/// What keys are derived for.
const PURPOSE: &str = "signing key";

/// Sees to it that there is a key, and that this service knows the public halves itself; goes on doing so beside the
/// calls. Any number of replicas may: they take turns, and find nothing left to do.
pub async fn prepare(desk: &Desk) -> Result<()> {
    tend(desk).await?;
    let beside = Desk::new(desk.host.clone());
    let soft = desk.host.life().soft.clone();
    let pause = pause(rotation(desk).period);
    desk.host.life().guard("signing keys", async move {
        while !soft.is_cancelled() {
            tokio::select! {
                () = soft.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = tend(&beside).await {
                tracing::warn!(error.kind = %error, "the signing keys were not looked after and will be");
            }
        }
        beside.close().await;
    });
    Ok(())
}

fn rotation(desk: &Desk) -> Rotation {
    let auth = &desk.host.config().auth;
    Rotation {
        period: seconds(auth.key_rotation_seconds),
        lead: seconds(auth.key_lead_seconds),
        token_lifetime: token_lifetime(desk),
    }
}

/// How long an access token lives.
pub fn token_lifetime(desk: &Desk) -> Duration {
    seconds(desk.host.config().auth.token_lifetime_seconds)
}

/// Of a number that the configuration keeps within bounds.
fn seconds(number: u64) -> Duration {
    Duration::seconds(i64::try_from(number).unwrap_or(i64::MAX / 1_000_000))
}

/// Often enough that a key is never much too late, and a withdrawn one soon forgotten.
fn pause(period: Duration) -> StdDuration {
    (period / 3).to_std().unwrap_or_default().clamp(StdDuration::from_secs(1), StdDuration::from_secs(30))
}

/// Publishes the keys that are due, forgets those that are over, and lets this process know the public halves.
pub async fn tend(desk: &Desk) -> Result<()> {
    let now = desk.now();
    let mut work = desk.global.begin().await?;
    let keys = store::key::lock_all(&mut work).await?;
    let plan = key::plan(&keys, rotation(desk), now);
    for signs_from in plan.add {
        let ids = &desk.host.shared().ids;
        let key = Key { kid: ids.uuid(now).to_string(), signs_from };
        store::key::insert(&mut work, &key, &ids.bytes(), now).await?;
    }
    if !plan.remove.is_empty() {
        store::key::remove(&mut work, &plan.remove).await?;
    }
    work.commit().await?;
    desk.host.verifier().use_keys(&key_set(desk).await?)
}

/// Rotates ahead of time.
#[derive(Clone, Debug)]
pub struct Rotate {
    /// Becomes the key's id, so that the same call again changes nothing.
    pub request_id: Uuid,
    /// Withdraws every key so far.
    pub at_once: bool,
}

/// Rotates the key. The same request again answers the key that it made.
pub async fn rotate(desk: &Desk, actor: Actor, command: Rotate) -> Result<Key> {
    desk.require_operator(actor, Action::RotateKeys, Subject::of("host", actor.id())).await?;
    let now = desk.now();
    let kid = command.request_id.to_string();
    let mut work = desk.global.begin().await?;
    let keys = store::key::lock_all(&mut work).await?;
    let made = keys.iter().find(|key| key.kid == kid).cloned();
    let key = if let Some(key) = made {
        key
    } else {
        let signs_from = if command.at_once { now } else { now + rotation(desk).lead };
        if command.at_once {
            let all: Vec<String> = keys.into_iter().map(|key| key.kid).collect();
            store::key::remove(&mut work, &all).await?;
        }
        let key = Key { kid, signs_from };
        store::key::insert(&mut work, &key, &desk.host.shared().ids.bytes(), now).await?;
        key
    };
    work.commit().await?;
    desk.host.verifier().use_keys(&key_set(desk).await?)?;
    Ok(key)
}

/// The public keys as a JSON Web Key Set.
pub async fn key_set(desk: &Desk) -> Result<String> {
    let keys = store::key::published(&desk.global).await?;
    let set = KeySet { keys: keys.iter().map(|kept| token_key(desk, kept).jwk()).collect() };
    serde_json::to_string(&set).map_err(Error::internal)
}

/// The key that signs now.
pub async fn signing(desk: &Desk, work: &mut Work) -> Result<TokenKey> {
    let key = store::key::signing(work, desk.now()).await?;
    let key = key.ok_or_else(|| Error::internal(anyhow::anyhow!("there is no key to sign with")))?;
    Ok(token_key(desk, &key))
}

fn token_key(desk: &Desk, kept: &Kept) -> TokenKey {
    let key = kept.key(|kept| desk.host.derive(PURPOSE, &[kept.kid.as_bytes(), &kept.seed]));
    key.for_tokens_of(token_lifetime(desk))
}

/// The key of a row of `signin.signing_key`, for who holds identity's configuration and its secrets.
pub fn from_row(config: &Config, kid: &str, salt: &[u8; 32]) -> anyhow::Result<TokenKey> {
    let secret = config.derive_key(crate::SERVICE.name)?;
    Ok(TokenKey::new(kid, host::derive(&secret, PURPOSE, &[kid.as_bytes(), salt])))
}
