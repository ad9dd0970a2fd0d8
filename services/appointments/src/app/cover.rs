//! Finding somebody else for a visit that its giver called off.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use kith_platform::people;

use super::plan::fitness;
use super::visit::{keep, open, rebook};
use super::{acting_day, moment};
use crate::domain::visit::Visit;
use crate::domain::{Actor, Outcome, Refused, Side, VisitId};
use crate::events::VisitFact;
use crate::policy::Action;
use crate::store;

/// Asks a giver to cover a visit, or offers oneself.
#[derive(Clone, Debug)]
pub struct Propose {
    pub visit: VisitId,
    pub giver: PersonId,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Asks a giver to cover a visit, by the Team's side, or offers oneself as somebody who may have visits with the Team.
pub async fn propose(tx: &mut Tx, command: Propose) -> Result<Visit> {
    let moment = moment(tx, command.occurred_at)?;
    let (person, day) = (tx.person()?, acting_day(tx, moment)?);
    let offers_themselves = person == command.giver;
    let found = store::visit::load(tx, command.visit).await?;
    let may_cover = match &found {
        Some(visit) => {
            let introductions = store::introduction::between(tx, visit.team_id, command.giver).await?;
            let team = store::team::load(tx, visit.team_id).await?;
            team.is_some_and(|team| team.may_have(command.giver, &introductions, visit.kind))
        }
        None => false,
    };
    let is_giver = |_: &Visit, _: PersonId| offers_themselves && may_cover;
    let (mut visit, team, _) = open(tx, command.visit, day, is_giver, Action::ProposeCover).await?;
    if command.giver == team.owner {
        return Err(Refused::GiverIsOwner.into());
    }
    if !may_cover {
        return Err(Refused::NotInTeam { starts_local: visit.starts_local }.into());
    }
    if people::left_at(tx, command.giver).await?.is_some() {
        return Err(Refused::GiverHasLeft.into());
    }
    let side = if offers_themselves { Side::Giver } else { Side::Team };
    if visit.propose_cover(Actor { person, side }, command.giver)? == Outcome::Changed {
        keep(tx, &mut visit, &team, moment, None).await?;
    }
    Ok(visit)
}

/// Says yes or no to the giver who was proposed as cover.
#[derive(Clone, Debug)]
pub struct Answer {
    pub visit: VisitId,
    pub giver: PersonId,
    pub accept: bool,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says yes or no to a cover, by the other side. With a yes the covering giver must be ready, in the Team and free.
pub async fn answer(tx: &mut Tx, command: Answer) -> Result<Visit> {
    let moment = moment(tx, command.occurred_at)?;
    let (person, day) = (tx.person()?, acting_day(tx, moment)?);
    let (mut visit, team, standing) =
        open(tx, command.visit, day, Visit::concerns, Action::AnswerCover).await?;
    let proposed = visit.proposed_cover;
    // Whoever is asked to cover answers for themselves; whoever called off does not answer for anybody.
    let is_asked = proposed.is_none_or(|proposal| proposal.giver == person) && standing.giver;
    let side = if is_asked || !standing.may_speak_for(Side::Team) { Side::Giver } else { Side::Team };
    if visit.answer_cover(Actor { person, side }, command.giver, command.accept)? == Outcome::Unchanged {
        return Ok(visit);
    }
    if command.accept {
        let mut fitness = fitness(tx, team.id, visit.giver, visit.kind).await?;
        fitness.admit(&team, visit.kind, visit.starts_local)?;
        keep(tx, &mut visit, &team, moment, Some(VisitFact::Covered)).await?;
        rebook(tx, &visit, &team).await?;
    } else {
        keep(tx, &mut visit, &team, moment, None).await?;
    }
    Ok(visit)
}
