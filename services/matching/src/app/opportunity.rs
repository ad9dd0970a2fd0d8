//! What Teams look for: opening, closing, finding one as a giver, and suggestions for its Owner.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::reader::{INTRODUCTION, OFFERING, SEEKING, reader};
use crate::domain::giver::Giver;
use crate::domain::opportunity::{Nearby, Opportunity, RadiusKm, nearest_first};
use crate::domain::place::OutwardCode;
use crate::domain::suggestion::{Suggestions, suggest};
use crate::domain::team::Team;
use crate::domain::{Change, OpportunityId, TeamId};
use crate::policy::Action;
use crate::store;

/// Describes what a Team looks for.
#[derive(Clone, Debug)]
pub struct Open {
    pub id: Option<OpportunityId>,
    pub team: TeamId,
    pub outward_code: OutwardCode,
    pub radius: RadiusKm,
    pub paid: bool,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Opens an opportunity. The same client-made id with the same content answers the one that exists, closed or not.
pub async fn open(tx: &mut Tx, command: Open) -> Result<Opportunity> {
    let person = tx.person()?;
    let owner = store::standing::owner_of(tx, command.team).await?.ok_or(Error::NotFound("team"))?;
    let standing = Standing::new().with("owner", owner == person);
    tx.require(Action::OpenOpportunity, Subject::about("team", command.team, owner), &standing)?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    if let Some(opportunity) = store::opportunity::load(tx, id).await? {
        opportunity.open_again(command.team, command.outward_code, command.radius, command.paid)?;
        return Ok(opportunity);
    }
    let opportunity = Opportunity {
        id,
        team_id: command.team,
        outward_code: command.outward_code,
        radius: command.radius,
        paid: command.paid,
        opened_at: tx.occurred_at(command.occurred_at)?,
        open: true,
    };
    store::opportunity::insert(tx, &opportunity).await?;
    Ok(opportunity)
}

/// Closes an opportunity: nobody new can show interest. Introductions that exist go on.
pub async fn close(tx: &mut Tx, id: OpportunityId) -> Result<Opportunity> {
    let (mut opportunity, _) = see(tx, id, Action::CloseOpportunity).await?;
    if opportunity.close() == Change::Changed && !store::opportunity::close(tx, id).await? {
        return Err(Common::Contended.into());
    }
    Ok(opportunity)
}

/// Lists the open opportunities that suit the caller, a giver, nearest first, with the token of the next page: their
/// own Team's, and those whose Owner lets them see it. Each that is shown is written down.
pub async fn list(tx: &mut Tx, page: Page<(u32, DateTime<Utc>, Uuid)>) -> Result<(Vec<Nearby>, String)> {
    let person = tx.person()?;
    let giver = store::giver::load(tx, person).await?;
    let standing = Standing::new().with("giver", giver.is_some());
    tx.require(Action::ListOpportunities, Subject::about("person", person, person), &standing)?;
    let giver = giver.ok_or(Error::NotFound("giver"))?;
    let near = giver.outward_code.within(RadiusKm::MAX.kilometres());
    let mut open = store::opportunity::open_in(tx, &near).await?;
    let teams: BTreeSet<TeamId> = open.iter().map(|opportunity| opportunity.team_id).collect();
    let shown = shown(tx, &teams.into_iter().collect::<Vec<_>>()).await?;
    open.retain(|opportunity| shown.contains_key(&opportunity.team_id));
    let key = |nearby: &Nearby| (nearby.metres, nearby.opportunity.opened_at, nearby.opportunity.id.0);
    let mut opportunities = nearest_first(open, giver.status, giver.outward_code);
    opportunities.retain(|nearby| page.after.is_none_or(|after| key(nearby) > after));
    let next = page.cut(&mut opportunities, key);
    for nearby in &opportunities {
        if let Some((owner, standing)) = shown.get(&nearby.opportunity.team_id) {
            let subject = Subject::about("opportunity", nearby.opportunity.id, *owner);
            tx.require(Action::ListOpportunities, subject, standing)?;
        }
    }
    Ok((opportunities, next))
}

/// The Teams of which the caller, a giver, may see what they look for, each with its Owner and the caller's standing.
async fn shown(tx: &mut Tx, ids: &[TeamId]) -> Result<BTreeMap<TeamId, (PersonId, Standing)>> {
    let (person, today) = (tx.person()?, tx.today()?);
    let teams = store::standing::teams(tx, ids).await?;
    let sharing = |team: &&Team| team.owner != person && team.may_share_on(today);
    let owners: Vec<PersonId> = teams.iter().filter(sharing).map(|team| team.owner).collect();
    let reader = reader(tx).await?;
    let consents = consent::those_who_consent(tx, &owners, SEEKING, INTRODUCTION, &reader).await?;
    let mut shown = BTreeMap::new();
    for team in &teams {
        let consent = consents.get(&team.owner).copied().filter(|_| sharing(&team));
        let is_own = team.owner == person;
        if is_own || consent.is_some() {
            let standing = Standing::new().with("giver", true).with("owner", is_own).by_consent(consent);
            shown.insert(team.id, (team.owner, standing));
        }
    }
    Ok(shown)
}

/// Asks for suggestions.
#[derive(Clone, Copy, Debug)]
pub struct Suggest {
    pub opportunity: OpportunityId,
    pub size: usize,
}

/// Ranks givers for an opportunity: those who are open to meeting its Owner. The Owner is never suggested to their own
/// Team. Each who is shown is written down.
pub async fn suggest_givers(tx: &mut Tx, query: Suggest) -> Result<Suggestions> {
    let (person, today) = (tx.person()?, tx.today()?);
    let (opportunity, _) = see(tx, query.opportunity, Action::SuggestGivers).await?;
    let near = opportunity.outward_code.within(opportunity.radius.kilometres());
    let mut candidates = store::giver::candidates_in(tx, &near).await?;
    candidates.retain(|candidate| candidate.person_id != person);
    let people: Vec<PersonId> = candidates.iter().map(|candidate| candidate.person_id).collect();
    let reader = reader(tx).await?;
    let consents = consent::those_who_consent(tx, &people, OFFERING, INTRODUCTION, &reader).await?;
    candidates.retain(|candidate| consents.contains_key(&candidate.person_id));
    let suggestions = suggest(&opportunity, &candidates, today, query.size);
    for suggestion in &suggestions.best {
        let giver = suggestion.person_id;
        let standing = Standing::new().with("owner", true).by_consent(consents.get(&giver).copied());
        tx.require(Action::SuggestGivers, Subject::about("giver", giver, giver), &standing)?;
    }
    Ok(suggestions)
}

/// Loads an opportunity and asks the policy with the caller's standing: its Owner, or a giver whom it suits and whom the
/// Owner lets see it. Answers the caller as a giver, where the caller is one.
pub async fn see(tx: &mut Tx, id: OpportunityId, action: Action) -> Result<(Opportunity, Option<Giver>)> {
    let person = tx.person()?;
    let opportunity = store::opportunity::load(tx, id).await?.ok_or(Error::NotFound("opportunity"))?;
    let owner = store::standing::owner_of(tx, opportunity.team_id).await?;
    let giver = store::giver::load(tx, person).await?;
    let is_owner = owner == Some(person);
    let suits = giver.as_ref().is_some_and(|giver| opportunity.suits(giver.status));
    let mut standing = Standing::new().with("owner", is_owner);
    if suits && !is_owner {
        let shown = shown(tx, &[opportunity.team_id]).await?.remove(&opportunity.team_id);
        standing = shown.map_or(standing, |(_, standing)| standing);
    }
    tx.require(action, Subject { person: owner, ..Subject::of("opportunity", id) }, &standing)?;
    Ok((opportunity, giver))
}
