//! People: invited, joined, with their roles.

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Error, Result};
use kith_platform::etag;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::{Desk, acquaintance, content_hash, rights};
use crate::domain::account::Email;
use crate::domain::person::{Ends, Person, Role, Roles, Term, wrong_end};
use crate::domain::{Change, Refused};
use crate::events::{self, PersonFact};
use crate::policy::Action;
use crate::store;

/// What the caller is in this tenant.
pub async fn standing(tx: &mut Tx) -> Result<Standing> {
    let caller = tx.person()?;
    let found = store::person::load_all(tx, &[caller.0]).await?.pop();
    if found.is_none()
        && let Some(integrator) = super::integrator::active(tx, caller).await?
    {
        return Ok(Standing::new()
            .with("anyone", true)
            .with("integrator", true)
            .with("administrator", integrator.role == Role::Administrator)
            .with("checks", integrator.role == Role::Checks));
    }
    let found = found.filter(|person| person.left_at.is_none());
    let has = |role| found.as_ref().is_some_and(|person| person.roles.contains(&role));
    Ok(Standing::new()
        .with("anyone", found.is_some())
        .with("administrator", has(Role::Administrator))
        .with("checks", has(Role::Checks))
        .with("privacy_lead", has(Role::PrivacyLead)))
}

/// Whether there is such a person; an integrator is none.
pub async fn exists(tx: &mut Tx, id: PersonId) -> Result<bool> {
    Ok(!store::person::load_all(tx, &[id.0]).await?.is_empty())
}

/// Whether somebody is of the place: since they were invited, until they leave.
pub async fn is_here(tx: &mut Tx, id: PersonId) -> Result<bool> {
    let found = store::person::load_all(tx, &[id.0]).await?.pop();
    Ok(found.is_some_and(|person| person.left_at.is_none()))
}

/// Invites a person.
#[derive(Clone, Debug)]
pub struct Invite {
    pub id: PersonId,
    pub display_name: String,
    pub roles: Roles,
}

impl Invite {
    fn content_hash(&self) -> Vec<u8> {
        let mut parts = vec![self.display_name.as_str()];
        for role in &self.roles {
            parts.push(store::words::role_word(*role));
        }
        content_hash(&parts)
    }
}

/// Invites a person. The same id with the same content answers who is there, whatever became of them since.
pub async fn invite(tx: &mut Tx, command: Invite) -> Result<Person> {
    let standing = standing(tx).await?;
    let id = command.id;
    tx.require(Action::InvitePerson, Subject::about("person", id, id), &standing)?;
    match store::person::content_hash(tx, id).await? {
        None => {
            let invited_by = tx.person()?;
            let person = add(tx, command).await?;
            store::acquaintance::invited(tx, id, invited_by).await?;
            Ok(person)
        }
        Some(kept) if kept == command.content_hash() => {
            store::person::load_all(tx, &[id.0]).await?.pop().ok_or(Error::NotFound("person"))
        }
        Some(_) => Err(Common::IdExists.into()),
    }
}

/// Adds a person and tells it.
pub async fn add(tx: &mut Tx, command: Invite) -> Result<Person> {
    let content_hash = command.content_hash();
    let person = Person::invited(command.id, command.display_name, command.roles, tx.now());
    store::person::insert(tx, &person, &content_hash).await?;
    events::tell_person(tx, &person, PersonFact::Invited);
    if !person.roles.is_empty() {
        events::tell_person(tx, &person, PersonFact::RolesSet);
    }
    Ok(person)
}

/// The code of somebody who was invited, mailed to their address too where one is given; empty once it was used, and for who has left since. Comes after [`invite`], outside the saved answer, so
/// that no code is ever kept; a repeated call does it again, which changes nothing.
pub async fn hand_out(desk: &Desk, actor: Actor, person: PersonId, address: Option<Email>) -> Result<String> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    // Asked anew: a saved answer knows nothing of what became of them.
    let look = async move |tx: &mut Tx| store::person::load_all(tx, &[person.0]).await;
    let (found, _) = desk.host.within(tenant, Actor::Nobody, Mode::Read, look).await?;
    if found.iter().any(|person| person.left_at.is_some()) {
        return Ok(String::new());
    }
    desk.open_invitation(tenant, person, address.as_ref()).await
}

/// Somebody who may take up their invitation: neither left, nor erased, which leaves too.
pub async fn expected(tx: &mut Tx, id: PersonId) -> Result<Person> {
    let found = store::person::load_for_update(tx, id).await?;
    let person = found.filter(|person| person.left_at.is_none());
    person.ok_or_else(|| Refused::InvitationNotValid.into())
}

/// Lets somebody join who took up their invitation.
pub async fn join(tx: &mut Tx, id: PersonId) -> Result<()> {
    let mut person = expected(tx, id).await?;
    if person.join(tx.now()) == Change::Changed {
        store::person::save(tx, &mut person).await?;
        events::tell_person(tx, &person, PersonFact::Joined);
    }
    Ok(())
}

/// Answers those people, in the order asked for, whose names the caller may know. Everybody else of the tenant is left out
/// as somebody whom nobody here has, and nothing of that is written down either. Each who is seen by another is written
/// down.
pub async fn get_people(tx: &mut Tx, ids: Vec<PersonId>) -> Result<Vec<Person>> {
    let caller = tx.person()?;
    let mut asked = ids.clone();
    asked.push(caller);
    let mut standing = acquaintance::towards(tx, &asked).await?;
    let own = standing.get(&caller).cloned().unwrap_or_default();
    tx.require(Action::GetPeople, Subject::about("person", caller, caller), &own)?;
    acquaintance::look(tx, &mut standing).await?;
    let known: Vec<Uuid> = standing
        .iter()
        .filter(|(person, standing)| ids.contains(person) && acquaintance::knows_the_name(standing))
        .map(|(person, _)| person.0)
        .collect();
    let mut found = store::person::load_all(tx, &known).await?;
    if !own.is("administrator") && !own.is("privacy_lead") {
        let restricted = store::rights::restricted(tx, &known).await?;
        found.retain(|person| person.id == caller || !restricted.contains(&person.id));
    }
    // An emergency is somebody's who is here.
    let looked_at = |person: &Person| standing[&person.id].is("break_glass");
    found.retain(|person| person.left_at.is_none() || !looked_at(person));
    let place = |person: &Person| ids.iter().position(|id| *id == person.id);
    found.sort_by_key(place);
    for person in found.iter().filter(|person| person.id != caller) {
        let standing = standing.get(&person.id).cloned().unwrap_or_default();
        tx.require(Action::GetPeople, Subject::about("person", person.id, person.id), &standing)?;
    }
    Ok(found)
}

/// Lists the people of the tenant, oldest first, with the token of the next page.
pub async fn list(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<(Vec<Person>, String)> {
    let standing = standing(tx).await?;
    tx.require(Action::ListPeople, Subject::of("tenant", tx.tenant()), &standing)?;
    let mut people = store::person::list(tx, &page).await?;
    let next = page.cut(&mut people, |person| (person.invited_at, person.id.0));
    for person in &people {
        tx.require(Action::ListPeople, Subject::about("person", person.id, person.id), &standing)?;
    }
    Ok((people, next))
}

/// Sets the roles of a person.
#[derive(Clone, Debug)]
pub struct SetRoles {
    pub person: PersonId,
    pub roles: Roles,
    /// When which of them ends by itself.
    pub ends: Ends,
    pub etag: Option<i64>,
}

/// Sets the roles of a person. The tenant is locked before anything is looked at, so that two administrators cannot
/// remove each other at once.
pub async fn set_roles(tx: &mut Tx, command: SetRoles) -> Result<Person> {
    store::tenant::load_for_update(tx).await?;
    let standing = acquaintance::towards_one(tx, command.person).await?;
    let found = store::person::load_for_update(tx, command.person).await?;
    let mut person = found.ok_or(Error::NotFound("person"))?;
    tx.require(Action::SetRoles, Subject::about("person", person.id, person.id), &standing)?;
    etag::check(command.etag, person.version)?;
    if let Some(wrong) = wrong_end(&command.roles, &command.ends, tx.today()?) {
        return Err(Error::invalid("ends", wrong));
    }
    let other_administrator = store::person::other_administrator(tx, person.id).await?;
    save_roles(tx, &mut person, command.roles, other_administrator).await?;
    store::role_term::set_ends(tx, person.id, &command.ends).await?;
    Ok(person)
}

/// Takes away the roles whose day has come. The tenant is locked first, as where roles are set; who comes second finds
/// nothing left to do.
pub async fn end_roles(tx: &mut Tx) -> Result<usize> {
    let today = tx.today()?;
    if store::role_term::over(tx, today).await?.is_empty() {
        return Ok(0);
    }
    store::tenant::load_for_update(tx).await?;
    let over = store::role_term::over(tx, today).await?;
    for (id, ended) in &over {
        let mut person = store::person::load_for_update(tx, *id).await?.ok_or(Error::NotFound("person"))?;
        let kept: Roles = person.roles.difference(ended).copied().collect();
        // No end is ever set for the administrator's role, so that none is lost here.
        save_roles(tx, &mut person, kept, true).await?;
    }
    Ok(over.len())
}

/// Sets somebody's roles; with one that answers for people's data goes what they may read on others' requests.
async fn save_roles(tx: &mut Tx, person: &mut Person, roles: Roles, other_administrator: bool) -> Result<()> {
    let before = person.roles.clone();
    if person.set_roles(roles, other_administrator)? == Change::Changed {
        store::person::save(tx, person).await?;
        events::tell_person(tx, person, PersonFact::RolesSet);
        let answers = [Role::Administrator, Role::PrivacyLead];
        if answers.iter().any(|role| before.contains(role) && !person.roles.contains(role)) {
            rights::end_access_requests(tx, person.id).await?;
        }
    }
    Ok(())
}

/// Lists which roles of the organisation somebody holds or held. Of somebody restricted only they and administrators see it.
pub async fn list_role_terms(tx: &mut Tx, id: PersonId) -> Result<Vec<Term>> {
    let standing = standing(tx).await?;
    tx.require(Action::ListRoleTerms, Subject::about("person", id, id), &standing)?;
    let hidden = store::rights::restricted(tx, &[id.0]).await?.contains(&id);
    if hidden && id != tx.person()? && !standing.is("administrator") {
        return Ok(Vec::new());
    }
    store::role_term::list(tx, id).await
}
