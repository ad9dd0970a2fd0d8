//! The host's list of tenants, by their short names. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::page::Page;

use super::global::Global;
use super::words;
use crate::domain::Refused;
use crate::domain::tenant::{Listing, Slug, State};

/// What a tenant is reserved with.
#[derive(Clone, Debug)]
pub struct Reservation<'a> {
    pub listing: &'a Listing,
    /// Who becomes the first administrator, if this is the first time.
    pub administrator: PersonId,
    pub request_id: Uuid,
    /// Over all that the tenant is created with.
    pub content_hash: &'a [u8],
}

/// Reserves id and short name. The same id with the same content answers the first administrator as reserved before.
pub async fn reserve(global: &Global, reservation: &Reservation<'_>) -> Result<PersonId> {
    let listing = reservation.listing;
    sqlx::query!(
        "insert into signin.tenant_registry (tenant_id, slug, display_name, time_zone, state,
             administrator_person_id, request_id, content_hash, created_at)
         values ($1, $2, $3, $4, 'reserved', $5, $6, $7, $8) on conflict do nothing",
        listing.id.0,
        listing.slug.as_str(),
        listing.display_name,
        listing.zone.name(),
        reservation.administrator.0,
        reservation.request_id,
        reservation.content_hash,
        listing.created_at,
    )
    .execute(global.pool()?)
    .await?;
    let row = sqlx::query!(
        "select tenant_id, request_id, content_hash, administrator_person_id from signin.tenant_registry
         where tenant_id = $1 or request_id = $2 or slug = $3
         order by (tenant_id = $1) desc, (request_id = $2) desc limit 1",
        listing.id.0,
        reservation.request_id,
        listing.slug.as_str(),
    )
    .fetch_optional(global.pool()?)
    .await?;
    match row {
        Some(row) if row.tenant_id == listing.id.0 && row.content_hash == reservation.content_hash => {
            Ok(PersonId(row.administrator_person_id))
        }
        Some(row) if row.request_id == reservation.request_id => Err(Common::RequestIdReused.into()),
        Some(row) if row.tenant_id == listing.id.0 => Err(Common::IdExists.into()),
        Some(_) => Err(Refused::SlugTaken.into()),
        None => Err(Common::Contended.into()),
    }
}

/// Puts a tenant that is there now on the list.
pub async fn open(global: &Global, tenant: TenantId) -> Result<()> {
    sqlx::query!(
        "update signin.tenant_registry set state = 'preparing' where tenant_id = $1 and state = 'reserved'",
        tenant.0
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Notes where a tenant is in its life.
pub async fn note_state(global: &Global, tenant: TenantId, state: State) -> Result<()> {
    sqlx::query!(
        "update signin.tenant_registry set state = $2 where tenant_id = $1 and state <> 'reserved'",
        tenant.0,
        words::state_word(state)
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Notes what a tenant is called now.
pub async fn note_name(global: &Global, tenant: TenantId, display_name: &str) -> Result<()> {
    sqlx::query!(
        "update signin.tenant_registry set display_name = $2 where tenant_id = $1",
        tenant.0,
        display_name
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

struct ListingRow {
    tenant_id: Uuid,
    slug: String,
    display_name: String,
    time_zone: String,
    state: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<ListingRow> for Listing {
    type Error = Error;

    fn try_from(row: ListingRow) -> Result<Self> {
        let wrong = |problem: &str| Error::Inconsistent {
            table: "tenant_registry",
            row: row.tenant_id.to_string(),
            problem: problem.into(),
        };
        Ok(Self {
            id: TenantId(row.tenant_id),
            slug: Slug::parse(&row.slug).ok_or_else(|| wrong("its slug has no such form"))?,
            zone: row.time_zone.parse().map_err(|_| wrong("its time zone is not known"))?,
            state: words::state(&row.state, row.tenant_id)?,
            display_name: row.display_name,
            created_at: row.created_at,
        })
    }
}

/// Lists tenants by their short names; one more than the page holds.
pub async fn list(global: &Global, page: &Page<String>) -> Result<Vec<Listing>> {
    let rows = sqlx::query_as!(
        ListingRow,
        "select tenant_id, slug, display_name, time_zone, state, created_at from signin.tenant_registry
         where state <> 'reserved' and ($1::text is null or slug > $1) order by slug limit $2",
        page.after,
        page.limit(),
    )
    .fetch_all(global.pool()?)
    .await?;
    rows.into_iter().map(Listing::try_from).collect()
}

/// The tenants that accept changes now, as far as the host's list knows.
pub async fn open_tenants(global: &Global) -> Result<Vec<TenantId>> {
    let found = sqlx::query_scalar!(
        "select tenant_id from signin.tenant_registry where state in ('preparing', 'live') order by tenant_id"
    )
    .fetch_all(global.pool()?)
    .await?;
    Ok(found.into_iter().map(TenantId).collect())
}

/// The tenants whose people sign in here, whatever else their state allows.
pub async fn tenants_here(global: &Global) -> Result<Vec<TenantId>> {
    let found = sqlx::query_scalar!(
        "select tenant_id from signin.tenant_registry where state not in ('reserved', 'released') order by tenant_id"
    )
    .fetch_all(global.pool()?)
    .await?;
    Ok(found.into_iter().map(TenantId).collect())
}

/// The tenant of a short name, once it is there.
pub async fn find(global: &Global, slug: &Slug) -> Result<Option<TenantId>> {
    let found = sqlx::query_scalar!(
        "select tenant_id from signin.tenant_registry where slug = $1 and state <> 'reserved'",
        slug.as_str()
    )
    .fetch_optional(global.pool()?)
    .await?;
    Ok(found.map(TenantId))
}
