//! Who acts for whom: recorded, confirmed by somebody else, ended.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::etag;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::person;
use crate::domain::representative::{Basis, Representative, Scope};
use crate::domain::{Change, RepresentativeId};
use crate::events::{self, RepresentativeFact};
use crate::policy::Action;
use crate::store;

/// What the caller is to somebody who is represented.
async fn standing(tx: &mut Tx, person: PersonId) -> Result<Standing> {
    let caller = tx.person()?;
    let represents = store::representative::represents(tx, caller, person).await?;
    let standing = person::standing(tx).await?;
    let here = standing.is("anyone");
    Ok(standing.with("self", here && caller == person).with("representative", here && represents))
}

/// Records that somebody acts for a person.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: Option<RepresentativeId>,
    pub person: PersonId,
    pub acting: PersonId,
    pub basis: Basis,
    pub scopes: BTreeSet<Scope>,
    pub valid_from: Option<NaiveDate>,
    pub valid_until: Option<NaiveDate>,
}

/// Records that somebody acts for a person. The same id with the same content answers what exists.
pub async fn record(tx: &mut Tx, command: Record) -> Result<Representative> {
    let standing = standing(tx, command.person).await?;
    let standing = standing.with("nominated", command.basis == Basis::Nomination);
    let subject = Subject::about("person", command.person, command.person);
    tx.require(Action::RecordRepresentative, subject, &standing)?;
    let today = tx.today()?;
    let mut one = Representative {
        id: command.id.unwrap_or_else(|| tx.new_id()),
        person: command.person,
        acting: command.acting,
        basis: command.basis,
        scopes: command.scopes,
        valid_from: command.valid_from.unwrap_or(today),
        valid_until: command.valid_until,
        recorded_by: tx.person()?,
        recorded_at: tx.now(),
        confirmed: None,
        ended_at: None,
        version: 1,
    };
    if let Some(existing) = store::representative::load_for_update(tx, one.id).await? {
        if command.valid_from.is_none() {
            one.valid_from = existing.valid_from;
        }
        return if existing.same_content(&one) { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    one.check()?;
    let people = store::person::load_all(tx, &[one.person.0, one.acting.0]).await?;
    if people.iter().filter(|person| person.left_at.is_none()).count() != 2 {
        return Err(Error::NotFound("person"));
    }
    store::representative::insert(tx, &one).await?;
    events::tell_representative(tx, &one, RepresentativeFact::Recorded);
    Ok(one)
}

/// Confirms or ends a representation.
#[derive(Clone, Copy, Debug)]
pub struct Decide {
    pub id: RepresentativeId,
    pub etag: Option<i64>,
}

/// Confirms that the basis was seen.
pub async fn confirm(tx: &mut Tx, command: Decide) -> Result<Representative> {
    let mut one = open(tx, command, Action::ConfirmRepresentative).await?;
    if one.confirm(tx.person()?, tx.now())? == Change::Changed {
        store::representative::save(tx, &mut one).await?;
        events::tell_representative(tx, &one, RepresentativeFact::Confirmed);
    }
    Ok(one)
}

/// Ends it from today. No reason is asked for.
pub async fn end(tx: &mut Tx, command: Decide) -> Result<Representative> {
    let mut one = open(tx, command, Action::EndRepresentative).await?;
    if one.end(tx.today()?, tx.now()) == Change::Changed {
        store::representative::save(tx, &mut one).await?;
        events::tell_representative(tx, &one, RepresentativeFact::Ended);
    }
    Ok(one)
}

async fn open(tx: &mut Tx, command: Decide, action: Action) -> Result<Representative> {
    let found = store::representative::load_for_update(tx, command.id).await?;
    let one = found.ok_or(Error::NotFound("representative"))?;
    let caller = tx.person()?;
    // Who acts by this very record, not by another one.
    let standing = person::standing(tx).await?;
    let here = standing.is("anyone");
    let standing = standing
        .with("self", here && caller == one.person)
        .with("representative", here && caller == one.acting)
        .with("nominated", one.basis == Basis::Nomination);
    tx.require(action, Subject::about("representative", one.id, one.person), &standing)?;
    etag::check(command.etag, one.version)?;
    Ok(one)
}

/// Asks who represents a person.
#[derive(Clone, Debug)]
pub struct List {
    pub person: PersonId,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists who represents a person, newest first, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Representative>, String)> {
    let standing = standing(tx, query.person).await?;
    let subject = Subject::about("person", query.person, query.person);
    tx.require(Action::ListRepresentatives, subject, &standing)?;
    let mut found = store::representative::list(tx, query.person, &query.page).await?;
    let next = query.page.cut(&mut found, |one| (one.recorded_at, one.id.0));
    Ok((found, next))
}
