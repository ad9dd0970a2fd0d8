//! Tenants: created by the host in one act, set up by their people, live.

use chrono_tz::Tz;
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::page::Page;

use super::tenant_profile::Word;
use super::{Desk, content_hash, mail, person};
use crate::domain::Change;
use crate::domain::account::Email;
use crate::domain::person::{Role, Roles};
use crate::domain::profile::Profile;
use crate::domain::tenant::{Listing, Slug, State, Tenant};
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
    /// What the first administrator goes by; [`FIRST_ADMINISTRATOR`] where nothing is said.
    pub administrator_name: Option<String>,
    /// Where their invitation is to be sent.
    pub administrator_address: Option<Email>,
    pub mail_sender: Option<Email>,
    /// Its own words, from the day on which it is created where no other is said.
    pub wording: Vec<Word>,
    /// The Circle to be founded with it.
    pub first_circle: Option<Uuid>,
}

impl Create {
    /// Over all that the tenant is created with.
    fn content_hash(&self) -> Vec<u8> {
        let address =
            |address: &Option<Email>| address.as_ref().map_or_else(String::new, |a| a.as_str().into());
        let mut parts = vec![
            self.slug.as_str().to_owned(),
            self.display_name.clone(),
            self.zone.name().to_owned(),
            self.administrator_name.clone().unwrap_or_default(),
            address(&self.administrator_address),
            address(&self.mail_sender),
            self.first_circle.map(|circle| circle.to_string()).unwrap_or_default(),
        ];
        for wording in &self.wording {
            parts.push(store::words::thing_word(wording.thing).to_owned());
            parts.push(wording.singular.clone());
            parts.push(wording.plural.clone());
            parts.push(wording.valid_from.map(|day| day.to_string()).unwrap_or_default());
        }
        content_hash(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// What a tenant is founded with beside its listing.
#[derive(Clone, Debug)]
struct Founding {
    administrator: PersonId,
    administrator_name: String,
    mail_sender: Option<Email>,
    wording: Vec<Word>,
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
    let address = command.administrator_address.clone();
    let (tenant, founding) = reserve(desk, command).await?;
    let (id, administrator) = (tenant.listing.id, founding.administrator);
    let work = async move |tx: &mut Tx| found(tx, tenant, founding, &standing).await;
    let (tenant, caused) = desk.host.within(id, actor, Mode::Apply, work).await?;
    store::registry::open(&desk.global, id).await?;
    let invitation = desk.open_invitation(id, administrator, address.as_ref()).await?;
    let kept = |_: &Email| !invitation.is_empty() && !mail::is_on(desk);
    if let Some(address) = address.filter(kept) {
        store::invitation::note_address(&desk.global, id, administrator, &address).await?;
    }
    Ok((Created { tenant, invitation }, caused))
}

/// Reserves id and short name; answers the tenant to be and what it is founded with, the same each time.
async fn reserve(desk: &Desk, command: Create) -> Result<(Tenant, Founding)> {
    let now = desk.now();
    let content_hash = command.content_hash();
    let mut tenant = Tenant::new(command.id, command.slug, command.display_name, command.zone, now);
    let reservation = Reservation {
        listing: &tenant.listing,
        administrator: PersonId(desk.host.shared().ids.uuid(now)),
        request_id: command.request_id,
        content_hash: &content_hash,
    };
    let administrator = store::registry::reserve(&desk.global, &reservation).await?;
    tenant.first_circle = command.first_circle;
    tenant.founder = Some(administrator);
    let founding = Founding {
        administrator,
        administrator_name: command.administrator_name.unwrap_or_else(|| FIRST_ADMINISTRATOR.to_owned()),
        mail_sender: command.mail_sender,
        wording: command.wording,
    };
    Ok((tenant, founding))
}

/// Founds the tenant with its first administrator, unless it is there.
async fn found(tx: &mut Tx, tenant: Tenant, founding: Founding, standing: &Standing) -> Result<Tenant> {
    tx.require(Action::CreateTenant, Subject::of("tenant", tenant.listing.id), standing)?;
    if let Some(tenant) = store::tenant::load(tx).await? {
        return Ok(tenant);
    }
    tx.remember_tenant("preparing", tenant.listing.zone.name(), tenant.epoch).await?;
    store::tenant::insert(tx, &tenant).await?;
    let today = tx.today()?;
    let mut profile = Profile {
        display_name: tenant.listing.display_name.clone(),
        mail_sender: founding.mail_sender,
        wording: founding.wording.into_iter().map(|word| word.dated(today)).collect(),
        version: 1,
    };
    store::profile::save(tx, &mut profile).await?;
    events::tell_tenant(tx, &tenant, TenantFact::Created);
    let roles = Roles::from([Role::Administrator]);
    let invite =
        person::Invite { id: founding.administrator, display_name: founding.administrator_name, roles };
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
    if tenant.go_live()? == Change::Changed {
        store::tenant::save_state(tx, &tenant).await?;
        tx.remember_tenant("live", tenant.listing.zone.name(), tenant.epoch).await?;
        events::tell_tenant(tx, &tenant, TenantFact::WentLive);
    }
    Ok(tenant)
}

/// Lets the host's list say so too. Comes after [`go_live`]; a repeated call says it again, which changes nothing.
pub async fn list_as_live(desk: &Desk, actor: Actor) -> Result<()> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    store::registry::note_state(&desk.global, tenant, State::Live).await
}

#[cfg(test)]
#[path = "tenant_tests.rs"]
mod tests;
