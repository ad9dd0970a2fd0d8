//! Moving a visit to another time, by agreement of both sides.

use chrono::{DateTime, NaiveDateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;

use super::plan::fitness;
use super::visit::{keep, open, rebook};
use super::{accept_plan, acting_day, moment};
use crate::domain::visit::Visit;
use crate::domain::{Actor, Outcome, VisitId};
use crate::events::VisitFact;
use crate::policy::Action;

/// Proposes another time.
#[derive(Clone, Debug)]
pub struct Propose {
    pub visit: VisitId,
    pub starts_local: NaiveDateTime,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Proposes another time, by either side. Nothing moves until the other side agrees.
pub async fn propose(tx: &mut Tx, command: Propose) -> Result<Visit> {
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing) =
        open(tx, command.visit, day, Visit::is_given_by, Action::ProposeMove).await?;
    let actor = Actor { person: tx.person()?, side: standing.side() };
    if visit.propose_move(actor, command.starts_local)? == Outcome::Changed {
        keep(tx, &mut visit, &team, moment, None).await?;
    }
    Ok(visit)
}

/// Says yes or no to the time that was proposed.
#[derive(Clone, Debug)]
pub struct Answer {
    pub visit: VisitId,
    pub starts_local: NaiveDateTime,
    pub accept: bool,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says yes or no to another time, by the other side. With a yes the giver must be ready, in the Team and free then.
pub async fn answer(tx: &mut Tx, command: Answer) -> Result<Visit> {
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing) =
        open(tx, command.visit, day, Visit::is_given_by, Action::AnswerMove).await?;
    let actor = Actor { person: tx.person()?, side: standing.side() };
    if visit.answer_move(actor, command.starts_local, command.accept)? == Outcome::Unchanged {
        return Ok(visit);
    }
    if command.accept {
        accept_plan(tx, visit.plan)?;
        let fitness = fitness(tx, team.id, visit.giver, visit.kind).await?;
        fitness.check_day(&team, visit.kind, visit.starts_local)?;
        keep(tx, &mut visit, &team, moment, Some(VisitFact::Moved)).await?;
        rebook(tx, &visit, &team).await?;
    } else {
        keep(tx, &mut visit, &team, moment, None).await?;
    }
    Ok(visit)
}
