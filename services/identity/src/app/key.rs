//! Signing keys.

use kith_platform::auth::{KeySet, TokenKey};
use kith_platform::error::{Error, Result};

use super::Desk;
use crate::store;

/// Sees to it that there is a key, and that this service knows the public halves itself.
pub async fn prepare(desk: &Desk) -> Result<()> {
    let (now, ids) = (desk.now(), &desk.host.shared().ids);
    store::key::insert_first(&desk.global, &ids.uuid(now).to_string(), &ids.bytes(), now).await?;
    desk.host.verifier().use_keys(&key_set(desk).await?)
}

/// The public keys as a JSON Web Key Set.
pub async fn key_set(desk: &Desk) -> Result<String> {
    let keys = store::key::published(&desk.global).await?;
    let set = KeySet { keys: keys.iter().map(TokenKey::jwk).collect() };
    serde_json::to_string(&set).map_err(Error::internal)
}

/// The key that signs now.
pub async fn signing(desk: &Desk) -> Result<TokenKey> {
    let key = store::key::signing(&desk.global, desk.now()).await?;
    key.ok_or_else(|| Error::internal(anyhow::anyhow!("there is no key to sign with")))
}
