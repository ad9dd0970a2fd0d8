//! Accounts, their places, attempts at their passwords, and the host code. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId};

use super::global::{Global, Work};
use crate::domain::account::{ATTEMPT_WINDOW, Account, Email};
use crate::domain::{AccountId, Refused};

/// The account of an address.
pub async fn find(global: &Global, email: &Email) -> Result<Option<Account>> {
    let row = sqlx::query!(
        "select id, password_hash, is_operator from signin.account where email_lower = $1",
        email.as_str()
    )
    .fetch_optional(global.pool()?)
    .await?;
    Ok(row.map(|row| Account {
        id: AccountId(row.id),
        password_hash: row.password_hash,
        is_operator: row.is_operator,
    }))
}

/// An account by its id.
pub async fn load(global: &Global, account: AccountId) -> Result<Option<Account>> {
    let row =
        sqlx::query!("select id, password_hash, is_operator from signin.account where id = $1", account.0)
            .fetch_optional(global.pool()?)
            .await?;
    Ok(row.map(|row| Account {
        id: AccountId(row.id),
        password_hash: row.password_hash,
        is_operator: row.is_operator,
    }))
}

/// The account of an address, which stays there until the transaction ends.
pub async fn hold(work: &mut Work, email: &Email) -> Result<Option<AccountId>> {
    let found =
        sqlx::query_scalar!("select id from signin.account where email_lower = $1 for share", email.as_str())
            .fetch_optional(work.conn())
            .await?;
    Ok(found.map(AccountId))
}

/// Whether an account still has the password that was looked at before this transaction, and is there; keeps it so until
/// the transaction ends.
pub async fn keep_password(work: &mut Work, account: AccountId, password_hash: &str) -> Result<bool> {
    let found = sqlx::query_scalar!(
        "select id from signin.account where id = $1 and password_hash = $2 for share",
        account.0,
        password_hash
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(found.is_some())
}

/// Replaces the password that was looked at before this transaction; answers whether it was in force still.
pub async fn replace_password(work: &mut Work, account: AccountId, old: &str, new: &str) -> Result<bool> {
    let replaced = sqlx::query!(
        "update signin.account set password_hash = $3 where id = $1 and password_hash = $2",
        account.0,
        old,
        new
    )
    .execute(work.conn())
    .await?;
    Ok(replaced.rows_affected() == 1)
}

/// Sets the password of an account.
pub async fn set_password(work: &mut Work, account: AccountId, password_hash: &str) -> Result<()> {
    sqlx::query!("update signin.account set password_hash = $2 where id = $1", account.0, password_hash)
        .execute(work.conn())
        .await?;
    Ok(())
}

/// Whether an account is an operator's.
pub async fn is_operator(global: &Global, account: AccountId) -> Result<bool> {
    let found = sqlx::query_scalar!("select is_operator from signin.account where id = $1", account.0)
        .fetch_optional(global.pool()?)
        .await?;
    Ok(found == Some(true))
}

/// Writes a new account. Somebody who made one for this address at the same moment was quicker.
pub async fn insert(work: &mut Work, account: &Account, email: &Email, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into signin.account (id, email_lower, password_hash, is_operator, created_at)
         values ($1, $2, $3, $4, $5)",
        account.id.0,
        email.as_str(),
        account.password_hash,
        account.is_operator,
        now,
    )
    .execute(work.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "account_email_once", || Common::Contended))?;
    Ok(())
}

/// A tenant that an account belongs to.
#[derive(Clone, Debug)]
pub struct SignInPlace {
    pub tenant: TenantId,
    pub person: PersonId,
    pub slug: String,
    /// The person has joined in the tenant too: both halves of taking up the invitation are done.
    pub joined: bool,
}

/// The places of an account, by their short names.
pub async fn places(work: &mut Work, account: AccountId) -> Result<Vec<SignInPlace>> {
    let rows = sqlx::query!(
        r#"select p.tenant_id, p.person_id, r.slug, p.joined_at is not null as "joined!"
         from signin.sign_in_place p join signin.tenant_registry r on r.tenant_id = p.tenant_id
         where p.account_id = $1 order by r.slug"#,
        account.0
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| SignInPlace {
            tenant: TenantId(row.tenant_id),
            person: PersonId(row.person_id),
            slug: row.slug,
            joined: row.joined,
        })
        .collect())
}

/// Notes that a person has joined in their tenant.
pub async fn mark_joined(
    global: &Global,
    tenant: TenantId,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update signin.sign_in_place set joined_at = $3
         where tenant_id = $1 and person_id = $2 and joined_at is null",
        tenant.0,
        person.0,
        now,
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Gives an account its place in a tenant.
pub async fn add_place(
    work: &mut Work,
    account: AccountId,
    tenant: TenantId,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into signin.sign_in_place (account_id, tenant_id, person_id, created_at) values ($1, $2, $3, $4)",
        account.0,
        tenant.0,
        person.0,
        now,
    )
    .execute(work.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "sign_in_place_pk", || Refused::AccountHasPlace))?;
    Ok(())
}

/// Counts an attempt before it is looked at, so that attempts at the same moment count too. Answers whether there may be
/// one among `most` within the window; a refused attempt does not count. The key is a keyed hash of whatever is counted.
pub async fn count_attempt(global: &Global, key: &[u8], most: i32, now: DateTime<Utc>) -> Result<bool> {
    let counted = sqlx::query_scalar!(
        "insert into signin.sign_in_attempt as a (address_key, attempts, first_at, last_at) values ($1, 1, $2, $2)
         on conflict on constraint sign_in_attempt_pk do update set
             attempts = case when a.first_at <= $3 then 1 else a.attempts + 1 end,
             first_at = case when a.first_at <= $3 then $2 else a.first_at end,
             last_at = $2
         where a.attempts < $4 or a.last_at <= $3
         returning attempts",
        key,
        now,
        now - ATTEMPT_WINDOW,
        most,
    )
    .fetch_optional(global.pool()?)
    .await?;
    Ok(counted.is_some())
}

/// Gives an attempt back that succeeded: only those that fail count.
pub async fn give_attempt_back(global: &Global, key: &[u8]) -> Result<()> {
    sqlx::query!(
        "update signin.sign_in_attempt set attempts = attempts - 1 where address_key = $1 and attempts > 0",
        key
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Forgets the attempts after the right password, and some of those that no longer matter.
pub async fn forget_attempts(global: &Global, key: &[u8], now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "delete from signin.sign_in_attempt where address_key = $1 or address_key in (
             select address_key from signin.sign_in_attempt where last_at <= $2
             order by address_key limit 100 for update skip locked)",
        key,
        now - ATTEMPT_WINDOW,
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// The host code as it was spent: its hash and the account that it made.
pub async fn spent_host_code(global: &Global) -> Result<Option<(Vec<u8>, AccountId)>> {
    let row = sqlx::query!("select code_hash, account_id from signin.host_code")
        .fetch_optional(global.pool()?)
        .await?;
    Ok(row.map(|row| (row.code_hash, AccountId(row.account_id))))
}

/// Spends the host code; only the first who does.
pub async fn spend_host_code(
    work: &mut Work,
    code_hash: &[u8],
    account: AccountId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into signin.host_code (code_hash, account_id, spent_at) values ($1, $2, $3)",
        code_hash,
        account.0,
        now,
    )
    .execute(work.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "host_code_pk", || Common::Contended))?;
    Ok(())
}
