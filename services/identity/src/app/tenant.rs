//! Tenants: created by the host, set up by their people, live.

use chrono_tz::Tz;
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::page::Page;

use super::{Desk, content_hash, person};
use crate::domain::Change;
use crate::domain::person::{Role, Roles};
use crate::domain::tenant::{Listing, Slug, Tenant};
use crate::events::{self, TenantFact};
use crate::policy::Action;
use crate::store;
use crate::store::registry::Reservation;

/// What the first administrator goes by until they say otherwise.
const FIRST_ADMINISTRATOR: &str = "Administrator";

/// Creates a tenant.
#[derive(Clone, Debug)]
pub struct Create {
    pub request_id: Uuid,
    pub id: TenantId,
    pub slug: Slug,
    pub display_name: String,
    pub zone: Tz,
}

/// A tenant and the way in.
#[derive(Clone, Debug)]
pub struct Created {
    pub tenant: Tenant,
    /// The first administrator's code; empty once it was used.
    pub invitation: String,
}

/// Creates a tenant with its first administrator; answers it and what it caused.
///
/// The short name is reserved first, then the tenant is founded, then it is listed and its invitation opened. Each step
/// finds what it did before: after a crash in between, the same call again does what is missing.
pub async fn create(desk: &Desk, actor: Actor, command: Create) -> Result<(Created, String)> {
    let subject = Subject::of("tenant", command.id);
    let standing = desk.require_operator(actor, Action::CreateTenant, subject).await?;
    let (tenant, administrator) = reserve(desk, command).await?;
    let id = tenant.listing.id;
    let work = async move |tx: &mut Tx| found(tx, tenant, administrator, &standing).await;
    let (tenant, caused) = desk.host.within(id, actor, Mode::Apply, work).await?;
    store::registry::open(&desk.global, id).await?;
    let invitation = desk.open_invitation(id, administrator).await?;
    Ok((Created { tenant, invitation }, caused))
}

/// Reserves id and short name; answers the tenant to be and its first administrator, the same each time.
async fn reserve(desk: &Desk, command: Create) -> Result<(Tenant, PersonId)> {
    let now = desk.now();
    let content_hash = content_hash(&[command.slug.as_str(), &command.display_name, command.zone.name()]);
    let tenant = Tenant::new(command.id, command.slug, command.display_name, command.zone, now);
    let reservation = Reservation {
        listing: &tenant.listing,
        administrator: PersonId(desk.host.shared().ids.uuid(now)),
        request_id: command.request_id,
        content_hash: &content_hash,
    };
    let administrator = store::registry::reserve(&desk.global, &reservation).await?;
    Ok((tenant, administrator))
}

/// Founds the tenant with its first administrator, unless it is there.
async fn found(tx: &mut Tx, tenant: Tenant, administrator: PersonId, standing: &Standing) -> Result<Tenant> {
    tx.require(Action::CreateTenant, Subject::of("tenant", tenant.listing.id), standing)?;
    if let Some(tenant) = store::tenant::load(tx).await? {
        return Ok(tenant);
    }
    tx.remember_tenant("preparing", tenant.listing.zone.name(), tenant.epoch).await?;
    store::tenant::insert(tx, &tenant).await?;
    events::tell_tenant(tx, &tenant, TenantFact::Created);
    let roles = Roles::from([Role::Administrator]);
    let invite = person::Invite { id: administrator, display_name: FIRST_ADMINISTRATOR.to_owned(), roles };
    person::add(tx, invite).await?;
    Ok(tenant)
}

/// Lists tenants by their short names, with the token of the next page.
pub async fn list(desk: &Desk, actor: Actor, page: Page<String>) -> Result<(Vec<Listing>, String)> {
    desk.require_operator(actor, Action::ListTenants, Subject::of("host", actor.id())).await?;
    let mut listings = store::registry::list(&desk.global, &page).await?;
    let next = page.cut(&mut listings, |listing| listing.slug.as_str().to_owned());
    Ok((listings, next))
}

/// Answers the caller's tenant.
pub async fn get(tx: &mut Tx, (): ()) -> Result<Tenant> {
    let standing = person::standing(tx).await?;
    tx.require(Action::GetTenant, Subject::of("tenant", tx.tenant()), &standing)?;
    store::tenant::load(tx).await?.ok_or(Error::NotFound("tenant"))
}

/// Ends the preparation.
pub async fn go_live(tx: &mut Tx, (): ()) -> Result<Tenant> {
    let standing = person::standing(tx).await?;
    tx.require(Action::GoLive, Subject::of("tenant", tx.tenant()), &standing)?;
    let mut tenant = store::tenant::load_for_update(tx).await?.ok_or(Error::NotFound("tenant"))?;
    if tenant.go_live() == Change::Changed {
        store::tenant::save_state(tx, &tenant).await?;
        tx.remember_tenant("live", tenant.listing.zone.name(), tenant.epoch).await?;
        events::tell_tenant(tx, &tenant, TenantFact::WentLive);
    }
    Ok(tenant)
}

/// Lets the host's list say so too. Comes after [`go_live`]; a repeated call says it again, which changes nothing.
pub async fn list_as_live(desk: &Desk, actor: Actor) -> Result<()> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    store::registry::go_live(&desk.global, tenant).await
}

#[cfg(test)]
#[path = "tenant_tests.rs"]
mod tests;
