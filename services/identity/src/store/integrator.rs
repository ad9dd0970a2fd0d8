//! Integrators of a tenant, and where their secrets lead, which is of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::page::Page;

use super::global::Global;
use super::words;
use crate::domain::integrator::Integrator;

struct Row {
    id: Uuid,
    display_name: String,
    role: String,
    added_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Integrator {
    type Error = kith_platform::error::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: PersonId(row.id),
            role: words::role(&row.role, row.id)?,
            display_name: row.display_name,
            added_at: row.added_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// Writes a new integrator.
pub async fn insert(tx: &mut Tx, integrator: &Integrator) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into integrator (tenant_id, id, display_name, role, added_at) values ($1, $2, $3, $4, $5)",
        tenant.0,
        integrator.id.0,
        integrator.display_name,
        words::role_word(integrator.role),
        integrator.added_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An integrator.
pub async fn load(tx: &mut Tx, id: PersonId) -> Result<Option<Integrator>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, display_name, role, added_at, revoked_at from integrator where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Integrator::try_from).transpose()
}

/// An integrator, locked.
pub async fn load_for_update(tx: &mut Tx, id: PersonId) -> Result<Option<Integrator>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, display_name, role, added_at, revoked_at from integrator where tenant_id = $1 and id = $2
         for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Integrator::try_from).transpose()
}

/// Saves that an integrator was revoked.
pub async fn save_revoked(tx: &mut Tx, integrator: &Integrator) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update integrator set revoked_at = $3 where tenant_id = $1 and id = $2",
        tenant.0,
        integrator.id.0,
        integrator.revoked_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lists the integrators of the tenant, oldest first; one more than the page holds.
pub async fn list(tx: &mut Tx, page: &Page<(DateTime<Utc>, Uuid)>) -> Result<Vec<Integrator>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "select id, display_name, role, added_at, revoked_at from integrator
         where tenant_id = $1 and ($2::timestamptz is null or (added_at, id) > ($2, $3))
         order by added_at, id limit $4",
        tenant.0,
        after_time,
        after_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Integrator::try_from).collect()
}

/// Keeps the hash of an integrator's secret; one that is there stays as it is.
pub async fn keep_secret(
    global: &Global,
    integrator: PersonId,
    tenant: TenantId,
    secret_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into signin.integrator_secret (integrator_id, tenant_id, secret_hash, created_at)
         values ($1, $2, $3, $4) on conflict do nothing",
        integrator.0,
        tenant.0,
        secret_hash,
        now,
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Lets a secret open nothing any more.
pub async fn revoke_secret(
    global: &Global,
    integrator: PersonId,
    tenant: TenantId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update signin.integrator_secret set revoked_at = $3
         where integrator_id = $1 and tenant_id = $2 and revoked_at is null",
        integrator.0,
        tenant.0,
        now,
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// The tenant of an integrator and the hash of its secret, unless it was revoked.
pub async fn find_secret(global: &Global, integrator: PersonId) -> Result<Option<(TenantId, Vec<u8>)>> {
    let row = sqlx::query!(
        "select tenant_id, secret_hash from signin.integrator_secret
         where integrator_id = $1 and revoked_at is null",
        integrator.0
    )
    .fetch_optional(global.pool()?)
    .await?;
    Ok(row.map(|row| (TenantId(row.tenant_id), row.secret_hash)))
}
