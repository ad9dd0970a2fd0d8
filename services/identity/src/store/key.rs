//! Signing keys. Of no tenant. What is kept of a key is a salt: the key itself comes from it and the service's secret.

use chrono::{DateTime, Utc};
use kith_platform::auth::TokenKey;
use kith_platform::error::{Error, Result};

use super::global::{Global, Work};
use crate::domain::key::Key;

/// A key as it is kept.
#[derive(Clone)]
pub struct Kept {
    pub kid: String,
    pub seed: [u8; 32],
    /// The seed is a salt.
    pub is_derived: bool,
}

impl Kept {
    /// The key itself. `derive` makes it from what is kept.
    pub fn key(&self, derive: impl Fn(&Self) -> [u8; 32]) -> TokenKey {
        TokenKey::new(self.kid.clone(), if self.is_derived { derive(self) } else { self.seed })
    }
}

fn kept(kid: String, seed: Vec<u8>, is_derived: bool) -> Result<Kept> {
    let seed: [u8; 32] = seed.try_into().map_err(|_| Error::Inconsistent {
        table: "signing_key",
        row: kid.clone(),
        problem: "its seed does not have 32 bytes".into(),
    })?;
    Ok(Kept { kid, seed, is_derived })
}

/// All keys in the order in which they sign. Whoever else wants to change them waits until this transaction ends.
pub async fn lock_all(work: &mut Work) -> Result<Vec<Key>> {
    sqlx::query!("select pg_advisory_xact_lock(4207851)").execute(work.conn()).await?;
    let keys = sqlx::query_as!(
        Key,
        "select kid, signs_from from signin.signing_key where retired_at is null order by signs_from, kid"
    )
    .fetch_all(work.conn())
    .await?;
    Ok(keys)
}

/// Adds a key, of which only a salt is kept.
pub async fn insert(work: &mut Work, key: &Key, salt: &[u8; 32], now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into signin.signing_key (kid, seed, is_derived, created_at, signs_from)
         values ($1, $2, true, $3, $4)",
        key.kid,
        salt,
        now,
        key.signs_from,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Removes keys.
pub async fn remove(work: &mut Work, kids: &[String]) -> Result<()> {
    sqlx::query!("delete from signin.signing_key where kid = any($1)", kids).execute(work.conn()).await?;
    Ok(())
}

/// All keys that may sign now or soon, or whose tokens may still be about.
pub async fn published(global: &Global) -> Result<Vec<Kept>> {
    let rows = sqlx::query!(
        "select kid, seed, is_derived from signin.signing_key where retired_at is null order by signs_from, kid"
    )
    .fetch_all(global.pool()?)
    .await?;
    rows.into_iter().map(|row| kept(row.kid, row.seed, row.is_derived)).collect()
}

/// The key that signs now, read in the transaction that needs it: one that waited for a second connection could wait for
/// others that do the same.
pub async fn signing(work: &mut Work, now: DateTime<Utc>) -> Result<Option<Kept>> {
    let row = sqlx::query!(
        "select kid, seed, is_derived from signin.signing_key where retired_at is null and signs_from <= $1
         order by signs_from desc, kid desc limit 1",
        now
    )
    .fetch_optional(work.conn())
    .await?;
    row.map(|row| kept(row.kid, row.seed, row.is_derived)).transpose()
}
