//! Leaving a tenant: the person goes, what others keep of them stays.

use chrono::NaiveDate;
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::PersonId;

use super::{Desk, acquaintance, consent, rights};
use crate::domain::Change;
use crate::domain::person::Person;
use crate::events::{self, PersonFact, RepresentativeFact};
use crate::policy::Action;
use crate::store;

/// Leaves, for oneself. Doing it again changes nothing.
pub async fn leave(tx: &mut Tx, (): ()) -> Result<Person> {
    // Locked before anything is looked at, so that two administrators cannot leave at once.
    store::tenant::load_for_update(tx).await?;
    let id = tx.person()?;
    let found = store::person::load_for_update(tx, id).await?;
    let standing = Standing::new().with("self", found.is_some());
    tx.require(Action::LeaveTenant, Subject::about("person", id, id), &standing)?;
    go(tx, found.ok_or(Error::NotFound("person"))?).await
}

/// Closes somebody's place who asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Close {
    pub person: PersonId,
    pub asked_on: NaiveDate,
}

/// Closes somebody's place.
pub async fn close(tx: &mut Tx, command: Close) -> Result<Person> {
    store::tenant::load_for_update(tx).await?;
    let standing = acquaintance::towards_one(tx, command.person).await?;
    let found = store::person::load_for_update(tx, command.person).await?;
    let leaving = found.ok_or(Error::NotFound("person"))?;
    tx.require(Action::ClosePlace, Subject::about("person", leaving.id, leaving.id), &standing)?;
    if command.asked_on > tx.today()? {
        return Err(Common::InTheFuture.into());
    }
    go(tx, leaving).await
}

/// Ends with the person's place their roles, representations, consents and what they may read on others' requests.
pub async fn go(tx: &mut Tx, mut leaving: Person) -> Result<Person> {
    let other_administrator = store::person::other_administrator(tx, leaving.id).await?;
    let had_roles = !leaving.roles.is_empty();
    let (now, today) = (tx.now(), tx.today()?);
    if leaving.leave(other_administrator, now)? == Change::Unchanged {
        return Ok(leaving);
    }
    store::person::save(tx, &mut leaving).await?;
    events::tell_person(tx, &leaving, PersonFact::Left);
    if had_roles {
        events::tell_person(tx, &leaving, PersonFact::RolesSet);
    }
    for mut one in store::representative::of_either_side(tx, leaving.id).await? {
        if one.end(today, now) == Change::Changed {
            store::representative::save(tx, &mut one).await?;
            events::tell_representative(tx, &one, RepresentativeFact::Ended);
        }
    }
    consent::withdraw_all(tx, leaving.id).await?;
    rights::end_access_requests(tx, leaving.id).await?;
    Ok(leaving)
}

/// Closes the way in. Comes after [`leave`] and [`close`]; a repeated call does it again, which changes nothing.
pub async fn shut(desk: &Desk, actor: Actor, person: PersonId) -> Result<()> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    store::place::close(&desk.global, tenant, person, desk.now()).await
}
