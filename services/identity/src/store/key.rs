//! Signing keys. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::auth::TokenKey;
use kith_platform::error::{Error, Result};

use super::global::Global;

fn token_key(kid: String, seed: Vec<u8>) -> Result<TokenKey> {
    let seed: [u8; 32] = seed.try_into().map_err(|_| Error::Inconsistent {
        table: "signing_key",
        row: kid.clone(),
        problem: "its seed does not have 32 bytes".into(),
    })?;
    Ok(TokenKey::new(kid, seed))
}

/// Writes the first key, unless there is one: whoever starts at the same moment finds this one.
pub async fn insert_first(global: &Global, kid: &str, seed: &[u8; 32], now: DateTime<Utc>) -> Result<()> {
    let mut work = global.begin().await?;
    sqlx::query!("select pg_advisory_xact_lock(4207851)").execute(work.conn()).await?;
    sqlx::query!(
        "insert into signin.signing_key (kid, seed, created_at, signs_from)
         select $1, $2, $3, $3 where not exists (select from signin.signing_key)",
        kid,
        seed,
        now,
    )
    .execute(work.conn())
    .await?;
    work.commit().await
}

/// All keys that may sign now or soon, or whose tokens may still be about.
pub async fn published(global: &Global) -> Result<Vec<TokenKey>> {
    let rows = sqlx::query!(
        "select kid, seed from signin.signing_key where retired_at is null order by signs_from, kid"
    )
    .fetch_all(global.pool()?)
    .await?;
    rows.into_iter().map(|row| token_key(row.kid, row.seed)).collect()
}

/// The key that signs now.
pub async fn signing(global: &Global, now: DateTime<Utc>) -> Result<Option<TokenKey>> {
    let row = sqlx::query!(
        "select kid, seed from signin.signing_key where retired_at is null and signs_from <= $1
         order by signs_from desc, kid limit 1",
        now
    )
    .fetch_optional(global.pool()?)
    .await?;
    row.map(|row| token_key(row.kid, row.seed)).transpose()
}
