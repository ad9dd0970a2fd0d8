//! Outside providers of a tenant, and whom they stand for there, which is of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::TenantId;

use super::global::Global;
use crate::domain::provider::{Name, Provider};
use crate::domain::{AccountId, Refused};

struct Row {
    name: String,
    issuer: String,
    client: String,
    secret_name: String,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Provider {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let name = Name::parse(&row.name).ok_or_else(|| Error::Inconsistent {
            table: "sign_in_provider",
            row: row.name.clone(),
            problem: "its name has no such form".into(),
        })?;
        Ok(Self {
            name,
            issuer: row.issuer,
            client: row.client,
            secret_name: row.secret_name,
            updated_at: row.updated_at,
        })
    }
}

/// Writes a provider, new or changed.
pub async fn save(tx: &mut Tx, provider: &Provider) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into sign_in_provider (tenant_id, name, issuer, client, secret_name, updated_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint sign_in_provider_pk do update set
             issuer = $3, client = $4, secret_name = $5, updated_at = $6",
        tenant.0,
        provider.name.as_str(),
        provider.issuer,
        provider.client,
        provider.secret_name,
        provider.updated_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes a provider; answers whether it was there.
pub async fn remove(tx: &mut Tx, name: &Name) -> Result<bool> {
    let tenant = tx.tenant();
    let removed = sqlx::query!(
        "delete from sign_in_provider where tenant_id = $1 and name = $2",
        tenant.0,
        name.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(removed.rows_affected() == 1)
}

/// The providers of the tenant, by name.
pub async fn list(tx: &mut Tx) -> Result<Vec<Provider>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        "select name, issuer, client, secret_name, updated_at from sign_in_provider
         where tenant_id = $1 order by name limit 100",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Provider::try_from).collect()
}

/// A provider of the tenant.
pub async fn load(tx: &mut Tx, name: &Name) -> Result<Option<Provider>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select name, issuer, client, secret_name, updated_at from sign_in_provider
         where tenant_id = $1 and name = $2",
        tenant.0,
        name.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Provider::try_from).transpose()
}

/// Links an account with a subject of an issuer in one tenant. The same link again stays as it is; neither side can have
/// another beside it.
pub async fn link(
    global: &Global,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
    account: AccountId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into signin.provider_link (tenant_id, issuer, subject, account_id, linked_at)
         values ($1, $2, $3, $4, $5) on conflict do nothing",
        tenant.0,
        issuer,
        subject,
        account.0,
        now,
    )
    .execute(global.pool()?)
    .await?;
    match linked(global, tenant, issuer, subject, now).await? {
        Some(linked) if linked == account => Ok(()),
        _ => Err(Refused::LinkTaken.into()),
    }
}

/// The account that is linked with a subject of an issuer in this tenant; notes the use.
pub async fn linked(
    global: &Global,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<Option<AccountId>> {
    let account = sqlx::query_scalar!(
        "update signin.provider_link set last_used_at = $4
         where tenant_id = $1 and issuer = $2 and subject = $3 returning account_id",
        tenant.0,
        issuer,
        subject,
        now,
    )
    .fetch_optional(global.pool()?)
    .await?;
    Ok(account.map(AccountId))
}

/// The issuers with which an account is linked in a tenant.
pub async fn issuers_of(global: &Global, tenant: TenantId, account: AccountId) -> Result<Vec<String>> {
    let issuers = sqlx::query_scalar!(
        "select issuer from signin.provider_link where tenant_id = $1 and account_id = $2 order by issuer",
        tenant.0,
        account.0
    )
    .fetch_all(global.pool()?)
    .await?;
    Ok(issuers)
}

/// Takes the link of an account with an issuer away; one that is not there changes nothing.
pub async fn unlink(global: &Global, tenant: TenantId, issuer: &str, account: AccountId) -> Result<()> {
    sqlx::query!(
        "delete from signin.provider_link where tenant_id = $1 and issuer = $2 and account_id = $3",
        tenant.0,
        issuer,
        account.0
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}
