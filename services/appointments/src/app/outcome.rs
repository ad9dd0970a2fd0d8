//! What became of a visit: when it really was, and what the Team agrees.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::etag;

use super::visit::{judged, keep, open, open_on_its_day, rebook};
use super::{accept, acting_day, moment};
use crate::domain::team::Team;
use crate::domain::visit::Visit;
use crate::domain::{Actor, OneOfSeveral, Outcome, VisitId, VisitState};
use crate::events::{self, VisitFact};
use crate::policy::Action;
use crate::store;
use crate::store::around::Around;

/// Records actual times.
#[derive(Clone, Debug)]
pub struct Record {
    pub visit: VisitId,
    pub began: DateTime<Utc>,
    pub ended: DateTime<Utc>,
}

/// Records when a visit really began and ended, by either side.
pub async fn record(tx: &mut Tx, command: Record) -> Result<Visit> {
    // It happened when the visit ended: never in the future, and in a live tenant not too far back.
    let moment = moment(tx, Some(command.ended))?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing) =
        open(tx, command.visit, day, Visit::is_given_by, Action::RecordActual).await?;
    let actor = Actor { person: tx.person()?, side: standing.side() };
    if visit.record_actual(actor, command.began, command.ended)? == Outcome::Changed {
        keep(tx, &mut visit, &team, moment, None).await?;
    }
    Ok(visit)
}

/// Agrees what happened.
#[derive(Clone, Debug)]
pub struct Agree {
    pub visit: VisitId,
    pub occurred_at: Option<DateTime<Utc>>,
    pub version: Option<i64>,
}

/// Agrees what happened, by the Team's side; pay and charges follow.
pub async fn agree(tx: &mut Tx, command: Agree) -> Result<Visit> {
    let around = store::around::load_for_update(tx, command.visit).await?;
    let (mut visit, team, outcome) = judge_agreement(tx, around, &command).await?;
    if outcome == Outcome::Changed {
        store::visit::save(tx, &mut visit).await?;
        events::tell_visit(tx, &visit, &team, VisitFact::Agreed);
    }
    Ok(visit)
}

/// Agrees what happened at several visits, all or none. They are read together, and locked in the order of their ids, so that
/// two who agree the same ones at once wait for each other and not in a ring; who is refused one by a rule is told which.
pub async fn agree_several(tx: &mut Tx, commands: Vec<Agree>) -> Result<Vec<Visit>> {
    let ids: Vec<VisitId> = commands.iter().map(|command| command.visit).collect();
    let found = store::around::load_all_for_update(tx, &ids).await?;
    let mut found: HashMap<VisitId, Around> =
        found.into_iter().map(|around| (around.visit.id, around)).collect();
    let mut agreed = Vec::with_capacity(commands.len());
    for command in &commands {
        let visit = command.visit;
        let judged = judge_agreement(tx, found.remove(&visit), command).await;
        agreed.push(judged.map_err(|error| match error {
            Error::Refused(why) => OneOfSeveral { visit, why }.into(),
            other => other,
        })?);
    }
    let changed = agreed.iter_mut().filter(|(_, _, outcome)| *outcome == Outcome::Changed);
    store::visit::save_all(tx, changed.map(|(visit, ..)| visit).collect()).await?;
    for (visit, team, _) in agreed.iter().filter(|(_, _, outcome)| *outcome == Outcome::Changed) {
        events::tell_visit(tx, visit, team, VisitFact::Agreed);
    }
    Ok(agreed.into_iter().map(|(visit, ..)| visit).collect())
}

/// What becomes of a visit that is agreed, with its Team; nothing is written yet.
async fn judge_agreement(
    tx: &mut Tx,
    around: Option<Around>,
    command: &Agree,
) -> Result<(Visit, Team, Outcome)> {
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing, on_the_day) =
        judged(tx, around, day, Visit::is_given_by, Action::AgreeVisit).await?;
    etag::check(command.version, visit.version)?;
    let actor = Actor { person: tx.person()?, side: standing.side() };
    let outcome = visit.agree(actor, moment, on_the_day)?;
    if outcome == Outcome::Changed {
        accept(tx, moment)?;
    }
    Ok((visit, team, outcome))
}

/// Has a visit settled again.
#[derive(Clone, Debug)]
pub struct SettleAgain {
    pub visit: VisitId,
    pub version: Option<i64>,
}

/// Has a visit settled again as terms, rule and funding now stand, by the Team's side.
pub async fn settle_again(tx: &mut Tx, command: SettleAgain) -> Result<Visit> {
    let moment = moment(tx, None)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing, on_the_day) =
        open_on_its_day(tx, command.visit, day, Visit::is_given_by, Action::SettleAgain).await?;
    etag::check(command.version, visit.version)?;
    let actor = Actor { person: tx.person()?, side: standing.side() };
    visit.settle_again(actor, on_the_day)?;
    let fact = if visit.state == VisitState::Agreed { VisitFact::Agreed } else { VisitFact::Cancelled };
    keep(tx, &mut visit, &team, moment, Some(fact)).await?;
    Ok(visit)
}

/// Says that nobody came.
#[derive(Clone, Debug)]
pub struct Missed {
    pub visit: VisitId,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says that nobody came, by the Team's side; nothing is charged.
pub async fn mark_missed(tx: &mut Tx, command: Missed) -> Result<Visit> {
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing) =
        open(tx, command.visit, day, Visit::is_given_by, Action::MarkMissed).await?;
    let actor = Actor { person: tx.person()?, side: standing.side() };
    if visit.mark_missed(actor, moment)? == Outcome::Changed {
        keep(tx, &mut visit, &team, moment, Some(VisitFact::Missed)).await?;
        rebook(tx, &visit, &team).await?;
    }
    Ok(visit)
}
