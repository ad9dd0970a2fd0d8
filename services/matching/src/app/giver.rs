//! Becoming a giver, readiness, terms, and reading givers.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use kith_platform::people;
use kith_proto::common::v1::OrganisationRole;

use super::reader::{GIVING, INTRODUCTION, TERMS, is_member_with_owner, reader};
use crate::domain::giver::{Deal, Giver, Readiness, ReadinessRecord, Status, Terms};
use crate::domain::introduction::{Introduction, Side, State};
use crate::domain::place::OutwardCode;
use crate::domain::{Change, TermsId};
use crate::events::{self, GiverFact};
use crate::policy::Action;
use crate::store;

/// Makes the caller a giver.
#[derive(Clone, Debug)]
pub struct Register {
    pub status: Status,
    pub outward_code: OutwardCode,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Makes the caller a giver, not yet ready. Doing so again with the same details answers the giver that exists.
pub async fn register(tx: &mut Tx, command: Register) -> Result<Giver> {
    let person = tx.person()?;
    // Another system gives no support.
    let standing = Standing::new().with("anyone", !tx.actor().is_integrator());
    tx.require(Action::RegisterGiver, Subject::about("giver", person, person), &standing)?;
    if let Some(giver) = store::giver::load(tx, person).await? {
        giver.register_again(command.status, command.outward_code)?;
        return Ok(giver);
    }
    let registered_at = tx.occurred_at(command.occurred_at)?;
    let giver = Giver::register(person, command.status, command.outward_code, registered_at);
    store::giver::insert(tx, &giver).await?;
    events::tell_giver(tx, &giver, GiverFact::Registered);
    Ok(giver)
}

/// Answers a giver: whole to those who stand by facts known here, and to an Owner who is getting to know them as far as
/// the giver consents.
pub async fn get(tx: &mut Tx, id: PersonId) -> Result<Giver> {
    let mut giver = store::giver::load(tx, id).await?.ok_or(Error::NotFound("giver"))?;
    let mut standing = standing(tx, &giver).await?;
    let stands_by_facts = ["self", "checks", "team"].iter().any(|word| standing.is(word));
    let mut terms = None;
    if !stands_by_facts && standing.is("owner") {
        let reader = reader(tx).await?;
        let profile = consent::asked(tx, id, GIVING, INTRODUCTION, &reader).await?.or_refuse()?;
        if profile.is_some() {
            terms = consent::asked(tx, id, TERMS, INTRODUCTION, &reader).await?.or_refuse()?;
        }
        standing = standing.by_consent(profile).by_consent(terms);
    }
    tx.require(Action::GetGiver, Subject::about("giver", id, id), &standing)?;
    if !stands_by_facts && terms.is_none() {
        giver.terms.clear();
    }
    Ok(giver)
}

/// Lists givers, oldest first, with the token of the next page.
pub async fn list(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<(Vec<Giver>, String)> {
    let person = tx.person()?;
    let checks = people::holds(tx, person, OrganisationRole::Checks).await?;
    let standing = Standing::new().with("checks", checks);
    tx.require(Action::ListGivers, Subject::about("person", person, person), &standing)?;
    let mut givers = store::giver::list(tx, &page).await?;
    let next = page.cut(&mut givers, |giver| (giver.registered_at, giver.person_id.0));
    Ok((givers, next))
}

/// Records whether checks and training are in order.
#[derive(Clone, Debug)]
pub struct Record {
    pub giver: PersonId,
    pub readiness: Readiness,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Records what somebody with the checks role found about somebody else.
pub async fn record_readiness(tx: &mut Tx, command: Record) -> Result<Giver> {
    let giver = store::giver::load_for_update(tx, command.giver).await?;
    let mut giver = giver.ok_or(Error::NotFound("giver"))?;
    require(tx, &giver, Action::RecordReadiness).await?;
    let record = ReadinessRecord {
        id: tx.new_id(),
        readiness: command.readiness,
        recorded_by: tx.person()?,
        occurred_at: command.occurred_at.unwrap_or(tx.now()),
    };
    if giver.record_readiness(record)? == Change::Changed {
        tx.occurred_at(command.occurred_at)?;
        store::giver::add_readiness(tx, &mut giver, &record).await?;
        events::tell_giver(tx, &giver, GiverFact::ReadinessRecorded);
    }
    Ok(giver)
}

/// States terms.
#[derive(Clone, Debug)]
pub struct SetTerms {
    pub id: Option<TermsId>,
    pub valid_from: NaiveDate,
    pub deal: Deal,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// States the caller's own terms from a day on.
pub async fn set_terms(tx: &mut Tx, command: SetTerms) -> Result<Giver> {
    let person = tx.person()?;
    let giver = store::giver::load_for_update(tx, person).await?;
    let mut giver = giver.ok_or(Error::NotFound("giver"))?;
    require(tx, &giver, Action::SetTerms).await?;
    let terms = Terms {
        id: command.id.unwrap_or_else(|| tx.new_id()),
        valid_from: command.valid_from,
        deal: command.deal,
    };
    if giver.set_terms(&terms, command.id.is_some())? == Change::Changed {
        let occurred_at = tx.occurred_at(command.occurred_at)?;
        store::giver::add_terms(tx, &mut giver, &terms, occurred_at).await?;
        events::tell_giver(tx, &giver, GiverFact::TermsSet);
    }
    Ok(giver)
}

/// Asks the policy about a giver, with the caller's standing.
async fn require(tx: &mut Tx, giver: &Giver, action: Action) -> Result<()> {
    let standing = standing(tx, giver).await?;
    tx.require(action, Subject::about("giver", giver.person_id, giver.person_id), &standing)
}

/// How the caller stands towards a giver by what is known here; whether the giver consents is another question.
async fn standing(tx: &mut Tx, giver: &Giver) -> Result<Standing> {
    let person = tx.person()?;
    let checks = people::holds(tx, person, OrganisationRole::Checks).await?;
    let team = is_member_with_owner(tx, person, giver.person_id).await?;
    let between = store::introduction::of_owner_with(tx, person, giver.person_id).await?;
    Ok(Standing::new()
        .with("self", giver.person_id == person)
        .with("checks", checks)
        .with("integrator", tx.actor().is_integrator())
        .with("team", team)
        .with("owner", between.iter().any(is_under_way)))
}

/// An Owner gets to know a giver from mutual interest on, for as long as it has not ended as far as the Owner knows.
fn is_under_way(introduction: &Introduction) -> bool {
    match introduction.view_for(Side::Team).map(|view| view.state) {
        Some(State::Mutual | State::TrialAgreed | State::Welcome) => true,
        Some(State::Interested | State::Ended) | None => false,
    }
}
