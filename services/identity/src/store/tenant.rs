//! The tenant itself, as its own people see it.

use chrono::{DateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::words;
use crate::domain::tenant::{Listing, Slug, Tenant};

struct TenantRow {
    tenant_id: Uuid,
    slug: String,
    display_name: String,
    time_zone: String,
    state: String,
    epoch: i64,
    created_at: DateTime<Utc>,
    first_circle_id: Option<Uuid>,
    founder_person_id: Option<Uuid>,
    frozen_at: Option<DateTime<Utc>>,
    freeze_complete_at: Option<DateTime<Utc>>,
}

impl TryFrom<TenantRow> for Tenant {
    type Error = Error;

    fn try_from(row: TenantRow) -> Result<Self> {
        let wrong = |problem: &str| Error::Inconsistent {
            table: "tenant",
            row: row.tenant_id.to_string(),
            problem: problem.into(),
        };
        let listing = Listing {
            id: TenantId(row.tenant_id),
            slug: Slug::parse(&row.slug).ok_or_else(|| wrong("its slug has no such form"))?,
            zone: row.time_zone.parse().map_err(|_| wrong("its time zone is not known"))?,
            state: words::state(&row.state, row.tenant_id)?,
            display_name: row.display_name,
            created_at: row.created_at,
        };
        Ok(Self {
            listing,
            epoch: row.epoch,
            first_circle: row.first_circle_id,
            founder: row.founder_person_id.map(PersonId),
            frozen_at: row.frozen_at,
            freeze_complete_at: row.freeze_complete_at,
        })
    }
}

/// Reads the tenant.
pub async fn load(tx: &mut Tx) -> Result<Option<Tenant>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        TenantRow,
        "select tenant_id, slug, display_name, time_zone, state, epoch, created_at, first_circle_id,
             founder_person_id, frozen_at, freeze_complete_at
         from tenant where tenant_id = $1",
        tenant.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Tenant::try_from).transpose()
}

/// Reads the tenant and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx) -> Result<Option<Tenant>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        TenantRow,
        "select tenant_id, slug, display_name, time_zone, state, epoch, created_at, first_circle_id,
             founder_person_id, frozen_at, freeze_complete_at
         from tenant where tenant_id = $1 for update",
        tenant.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Tenant::try_from).transpose()
}

/// Writes a new tenant. Whoever repeats the call at the same moment comes second and finds it.
pub async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<()> {
    let listing = &tenant.listing;
    sqlx::query!(
        "insert into tenant (tenant_id, slug, display_name, time_zone, state, epoch, created_at, first_circle_id,
             founder_person_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tx.tenant().0,
        listing.slug.as_str(),
        listing.display_name,
        listing.zone.name(),
        words::state_word(listing.state),
        tenant.epoch,
        listing.created_at,
        tenant.first_circle,
        tenant.founder.map(Uuid::from),
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "tenant_pk", || Common::Contended))?;
    Ok(())
}

/// Writes where the tenant is in its life; its row is locked.
pub async fn save_state(tx: &mut Tx, tenant: &Tenant) -> Result<()> {
    let saved = sqlx::query!(
        "update tenant set state = $2, epoch = $3, frozen_at = $4, freeze_complete_at = $5 where tenant_id = $1",
        tx.tenant().0,
        words::state_word(tenant.listing.state),
        tenant.epoch,
        tenant.frozen_at,
        tenant.freeze_complete_at,
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)
}
