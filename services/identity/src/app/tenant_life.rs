//! A tenant after it went live: suspended, frozen for a move, released. By operators, who read nothing inside.

use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Error, Result};
use kith_platform::id::TenantId;

use super::Desk;
use crate::domain::Change;
use crate::domain::fence::{self, Fence};
use crate::domain::tenant::{State, Step, Tenant};
use crate::events::{self, TenantFact};
use crate::policy::Action;
use crate::store;

/// A step of the host, by an operator whose standing is known.
#[derive(Clone, Debug)]
pub struct Turn {
    pub step: Step,
    pub standing: Standing,
}

/// The action of a step.
pub fn action(step: Step) -> Action {
    match step {
        Step::Suspend => Action::SuspendTenant,
        Step::Resume => Action::ResumeTenant,
        Step::Freeze => Action::FreezeTenant,
        Step::Thaw => Action::ThawTenant,
        Step::Release => Action::ReleaseTenant,
    }
}

/// Takes a step. No write is under way in this database meanwhile, and none begins after it that the new state refuses;
/// the others follow when they hear of it.
pub async fn turn(tx: &mut Tx, turn: Turn) -> Result<Tenant> {
    let (step, now) = (turn.step, tx.now());
    tx.require(action(step), Subject::of("tenant", tx.tenant()), &turn.standing)?;
    tx.stop_writes().await?;
    let mut tenant = store::tenant::load_for_update(tx).await?.ok_or(Error::NotFound("tenant"))?;
    if tenant.take(step, now)? == Change::Changed {
        store::tenant::save_state(tx, &tenant).await?;
        let word = store::words::state_word(tenant.listing.state);
        tx.remember_tenant(word, tenant.listing.zone.name(), tenant.epoch).await?;
        let fact = match step {
            Step::Suspend => TenantFact::Suspended,
            Step::Resume => TenantFact::Resumed,
            Step::Freeze => TenantFact::Frozen,
            Step::Thaw => TenantFact::Thawed,
            Step::Release => TenantFact::Released,
        };
        events::tell_tenant(tx, &tenant, fact);
    }
    Ok(tenant)
}

/// Lets the host's list say so too. Comes after [`turn`]; a repeated call says again what is so now.
pub async fn list(desk: &Desk, actor: Actor, tenant: TenantId) -> Result<()> {
    let work = async |tx: &mut Tx| store::tenant::load(tx).await;
    let (found, _) = desk.host.within(tenant, actor, Mode::Read, work).await?;
    let found = found.ok_or(Error::NotFound("tenant"))?;
    store::registry::note_state(&desk.global, tenant, found.listing.state).await
}

/// A service says how far it is. What it says of an earlier freeze is too late to matter.
pub async fn heard(tx: &mut Tx, said: Fence) -> Result<()> {
    let Some(mut tenant) = store::tenant::load_for_update(tx).await? else {
        return Ok(());
    };
    if tenant.listing.state != State::Frozen || tenant.epoch != said.epoch {
        return Ok(());
    }
    store::fence::put(tx, &said).await?;
    let all = store::fence::list(tx, tenant.epoch).await?;
    if tenant.freeze_complete_at.is_none() && fence::is_complete(&all) {
        tenant.freeze_complete_at = Some(tx.now());
        store::tenant::save_state(tx, &tenant).await?;
    }
    Ok(())
}

/// How far a freeze is.
#[derive(Clone, Debug)]
pub struct Freeze {
    pub tenant: Tenant,
    pub services: Vec<fence::Standing>,
}

/// Answers how far the freeze of a tenant is; none where it is not frozen.
pub async fn progress(desk: &Desk, actor: Actor, tenant: TenantId) -> Result<Option<Freeze>> {
    let subject = Subject::of("tenant", tenant);
    let standing = desk.require_operator(actor, Action::GetTenantFreeze, subject).await?;
    let work = async move |tx: &mut Tx| {
        tx.require(Action::GetTenantFreeze, subject, &standing)?;
        let tenant = store::tenant::load(tx).await?.ok_or(Error::NotFound("tenant"))?;
        if tenant.listing.state != State::Frozen {
            return Ok(None);
        }
        let services = fence::standings(&store::fence::list(tx, tenant.epoch).await?);
        Ok(Some(Freeze { tenant, services }))
    };
    Ok(desk.host.within(tenant, actor, Mode::Read, work).await?.0)
}
