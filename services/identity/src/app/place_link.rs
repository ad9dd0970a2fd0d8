//! That somebody is in two places, told by themselves alone: said signed in to each of them, shown to whom they say, taken
//! back in one call.
//!
//! What is kept of it lies beside the sign-in, of no tenant. Each of these is decided and written down in the tenant first
//! and names no other place there: a call is not saved under its request id either, which would keep a hash of the name.

use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId};

use super::{Desk, person, session};
use crate::domain::AccountId;
use crate::domain::place_link::Link;
use crate::domain::tenant::Slug;
use crate::policy::Action;
use crate::store;

/// Decides that somebody may do this with what is said of themselves.
pub async fn require(tx: &mut Tx, action: Action) -> Result<()> {
    let caller = tx.actor().id();
    session::require_self(tx, action, "person", caller).await
}

/// The caller's account and tenant. Whoever runs a place's outside provider could begin a session there, and must learn
/// nothing of other places: such a session does not do.
async fn own(desk: &Desk, actor: Actor) -> Result<(AccountId, TenantId)> {
    let session = session::own(desk, actor).await?;
    session.require_own(desk.now())?;
    Ok((session.account, actor.tenant().ok_or(Common::Unauthenticated)?))
}

/// Keeps that the caller is in another place too; answers whether the same was said there, so that the link stands. Comes
/// after [`require`]; again it changes nothing.
pub async fn confirm(desk: &Desk, actor: Actor, place: Slug) -> Result<bool> {
    let (account, tenant) = own(desk, actor).await?;
    let mut work = desk.global.begin().await?;
    let other = store::place_link::other_place(&mut work, account, tenant, &place).await?;
    let other = other.ok_or(Error::NotFound("place"))?;
    let stands = store::place_link::say(&mut work, account, tenant, other, desk.now()).await?;
    work.commit().await?;
    Ok(stands)
}

/// Says who may see a link.
#[derive(Clone, Debug)]
pub struct Show {
    pub place: Slug,
    pub readers: Vec<PersonId>,
}

/// Keeps who of this place may see a link that stands: exactly these. Whether there are such people is not told. Comes
/// after [`require`]; again it changes nothing.
pub async fn show(desk: &Desk, actor: Actor, command: Show) -> Result<()> {
    let (account, tenant) = own(desk, actor).await?;
    let mut work = desk.global.begin().await?;
    let other = store::place_link::other_place(&mut work, account, tenant, &command.place).await?;
    let other = other.ok_or(Error::NotFound("place link"))?;
    if !store::place_link::stands(&mut work, account, tenant, other).await? {
        return Err(Error::NotFound("place link"));
    }
    store::place_link::show(&mut work, account, tenant, other, &command.readers, desk.now()).await?;
    work.commit().await
}

/// Takes a link back, whether or not it stands. Comes after [`require`]; again it changes nothing. Any session will do: its
/// answer is the same whatever there was.
pub async fn withdraw(desk: &Desk, actor: Actor, place: Slug) -> Result<()> {
    let account = session::own(desk, actor).await?.account;
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    store::place_link::withdraw(&desk.global, account, tenant, &place).await
}

/// Lists in which other places somebody is: the caller, or somebody who shows it to them.
pub async fn list(tx: &mut Tx, (desk, person): (Desk, Option<PersonId>)) -> Result<Vec<Link>> {
    let caller = tx.person()?;
    let about = person.unwrap_or(caller);
    let here = person::standing(tx).await?;
    let mut links = store::place_link::of_person(&desk.global, tx.tenant(), about).await?;
    if about != caller {
        links = links.into_iter().filter_map(|link| link.shown_to(caller)).collect();
    }
    let standing = Standing::new()
        .with("self", here.is("anyone") && about == caller)
        .with("shown", here.is("anyone") && about != caller && !links.is_empty())
        .with("integrator", here.is("integrator"));
    tx.require(Action::ListPlaceLinks, Subject::about("person", about, about), &standing)?;
    if about == caller {
        own(&desk, tx.actor()).await?;
    }
    Ok(links)
}
