//! Passkeys: public keys with their counters. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::error::{Error, Result};

use super::global::{Global, Work};
use crate::domain::{AccountId, Refused};

/// A passkey as it is kept.
#[derive(Clone)]
pub struct Kept {
    pub credential_id: Vec<u8>,
    pub label: String,
    /// The public key and its counter, as the library writes them.
    pub credential: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Writes a new passkey. A credential id belongs to one account on the instance.
pub async fn insert(global: &Global, account: AccountId, passkey: &Kept) -> Result<()> {
    sqlx::query!(
        "insert into signin.passkey (credential_id, account_id, label, credential, created_at)
         values ($1, $2, $3, $4, $5)",
        passkey.credential_id,
        account.0,
        passkey.label,
        passkey.credential,
        passkey.created_at,
    )
    .execute(global.pool()?)
    .await
    .map_err(|error| Error::on_constraint(error, "passkey_pk", || Refused::PasskeyExists))?;
    Ok(())
}

/// The passkeys of an account, oldest first.
pub async fn list(global: &Global, account: AccountId) -> Result<Vec<Kept>> {
    let rows = sqlx::query_as!(
        Kept,
        "select credential_id, label, credential, created_at, last_used_at from signin.passkey
         where account_id = $1 order by created_at, credential_id",
        account.0
    )
    .fetch_all(global.pool()?)
    .await?;
    Ok(rows)
}

/// Locks a passkey of an account, so that of two who use it at once the second sees the first one's counter.
pub async fn lock(work: &mut Work, account: AccountId, credential_id: &[u8]) -> Result<Option<Kept>> {
    let row = sqlx::query_as!(
        Kept,
        "select credential_id, label, credential, created_at, last_used_at from signin.passkey
         where account_id = $1 and credential_id = $2 for update",
        account.0,
        credential_id
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row)
}

/// Whether an account still has a passkey; keeps it so until the transaction ends.
pub async fn keep(work: &mut Work, account: AccountId, credential_id: &[u8]) -> Result<bool> {
    let found = sqlx::query_scalar!(
        "select account_id from signin.passkey where account_id = $1 and credential_id = $2 for share",
        account.0,
        credential_id
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(found.is_some())
}

/// Notes that a passkey was used, with its counter as it is now.
pub async fn save_use(
    work: &mut Work,
    credential_id: &[u8],
    credential: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update signin.passkey set credential = $2, last_used_at = $3 where credential_id = $1",
        credential_id,
        credential,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Removes a passkey of an account; answers whether it was there.
pub async fn remove(global: &Global, account: AccountId, credential_id: &[u8]) -> Result<bool> {
    let removed = sqlx::query!(
        "delete from signin.passkey where account_id = $1 and credential_id = $2",
        account.0,
        credential_id
    )
    .execute(global.pool()?)
    .await?;
    Ok(removed.rows_affected() == 1)
}
