//! What Teams look for: opening, closing, finding one as a giver, and suggestions for its Owner.

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::Uuid;
use kith_platform::page::Page;

use crate::domain::giver::Giver;
use crate::domain::opportunity::{Nearby, Opportunity, RadiusKm, nearest_first};
use crate::domain::place::OutwardCode;
use crate::domain::suggestion::{Suggestions, suggest};
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

/// Lists the open opportunities that suit the caller, a giver, nearest first, with the token of the next page.
pub async fn list(tx: &mut Tx, page: Page<(u32, DateTime<Utc>, Uuid)>) -> Result<(Vec<Nearby>, String)> {
    let person = tx.person()?;
    let giver = store::giver::load(tx, person).await?;
    let standing = Standing::new().with("giver", giver.is_some());
    tx.require(Action::ListOpportunities, Subject::about("person", person, person), &standing)?;
    let giver = giver.ok_or(Error::NotFound("giver"))?;
    let near = giver.outward_code.within(RadiusKm::MAX.kilometres());
    let open = store::opportunity::open_in(tx, &near).await?;
    let key = |nearby: &Nearby| (nearby.metres, nearby.opportunity.opened_at, nearby.opportunity.id.0);
    let mut opportunities = nearest_first(open, giver.status, giver.outward_code);
    opportunities.retain(|nearby| page.after.is_none_or(|after| key(nearby) > after));
    let next = page.cut(&mut opportunities, key);
    let teams: Vec<TeamId> = opportunities.iter().map(|nearby| nearby.opportunity.team_id).collect();
    let owners = store::standing::owners_of(tx, &teams).await?;
    tx.note_people(owners)?;
    Ok((opportunities, next))
}

/// Asks for suggestions.
#[derive(Clone, Copy, Debug)]
pub struct Suggest {
    pub opportunity: OpportunityId,
    pub size: usize,
}

/// Ranks givers for an opportunity. The Owner is never suggested to their own Team.
pub async fn suggest_givers(tx: &mut Tx, query: Suggest) -> Result<Suggestions> {
    let (person, today) = (tx.person()?, tx.today()?);
    let (opportunity, _) = see(tx, query.opportunity, Action::SuggestGivers).await?;
    let near = opportunity.outward_code.within(opportunity.radius.kilometres());
    let mut candidates = store::giver::candidates_in(tx, &near).await?;
    candidates.retain(|candidate| candidate.person_id != person);
    Ok(suggest(&opportunity, &candidates, today, query.size))
}

/// Loads an opportunity and asks the policy with the caller's standing: its Owner, or a giver whom it suits. Answers the
/// caller as a giver, where the caller is one.
pub async fn see(tx: &mut Tx, id: OpportunityId, action: Action) -> Result<(Opportunity, Option<Giver>)> {
    let person = tx.person()?;
    let opportunity = store::opportunity::load(tx, id).await?.ok_or(Error::NotFound("opportunity"))?;
    let owner = store::standing::owner_of(tx, opportunity.team_id).await?;
    let giver = store::giver::load(tx, person).await?;
    let standing = Standing::new()
        .with("owner", owner == Some(person))
        .with("giver", giver.as_ref().is_some_and(|giver| opportunity.suits(giver.status)));
    tx.require(action, Subject { kind: "opportunity", id: id.into(), person: owner }, &standing)?;
    Ok((opportunity, giver))
}
