//! Recovery codes, kept as hashes. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::error::Result;

use super::global::{Global, Work};
use crate::domain::AccountId;
use crate::domain::account::Email;

/// Puts these codes in the place of all others of the account. The same codes again stay as they are, spent or not.
pub async fn replace(
    work: &mut Work,
    account: AccountId,
    hashes: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "delete from signin.recovery_code where account_id = $1 and not code_hash = any($2)",
        account.0,
        hashes
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "insert into signin.recovery_code (account_id, code_hash, made_at)
         select $1, hash, $3 from unnest($2::bytea[]) as hash on conflict do nothing",
        account.0,
        hashes,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Spends a code; answers the account, and whether it is an operator's, where it was its own and not spent.
pub async fn spend(
    work: &mut Work,
    email: &Email,
    code_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<(AccountId, bool)>> {
    let row = sqlx::query!(
        "update signin.recovery_code r set used_at = $3 from signin.account a
         where a.email_lower = $1 and r.account_id = a.id and r.code_hash = $2 and r.used_at is null
         returning a.id, a.is_operator",
        email.as_str(),
        code_hash,
        now,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| (AccountId(row.id), row.is_operator)))
}

/// How many codes are not spent.
pub async fn left(global: &Global, account: AccountId) -> Result<i64> {
    let left = sqlx::query_scalar!(
        r#"select count(*) as "left!" from signin.recovery_code where account_id = $1 and used_at is null"#,
        account.0
    )
    .fetch_one(global.pool()?)
    .await?;
    Ok(left)
}
