//! What became of a visit: when it really was, and what the Team agrees.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::etag;

use super::visit::{keep, open, open_on_its_day, rebook};
use super::{acting_day, moment};
use crate::domain::visit::Visit;
use crate::domain::{Actor, OneOfSeveral, Outcome, VisitId, VisitState};
use crate::events::VisitFact;
use crate::policy::Action;

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
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing, on_the_day) =
        open_on_its_day(tx, command.visit, day, Visit::is_given_by, Action::AgreeVisit).await?;
    etag::check(command.version, visit.version)?;
    let actor = Actor { person: tx.person()?, side: standing.side() };
    if visit.agree(actor, moment, on_the_day)? == Outcome::Changed {
        keep(tx, &mut visit, &team, moment, Some(VisitFact::Agreed)).await?;
    }
    Ok(visit)
}

/// Agrees what happened at several visits, all or none. They are locked in the order of their ids, so that two who agree the
/// same ones at once wait for each other and not in a ring; who is refused one by a rule is told which.
pub async fn agree_several(tx: &mut Tx, commands: Vec<Agree>) -> Result<Vec<Visit>> {
    let mut in_order: Vec<(usize, Agree)> = commands.into_iter().enumerate().collect();
    in_order.sort_by_key(|(_, command)| command.visit);
    let mut agreed = Vec::with_capacity(in_order.len());
    for (place, command) in in_order {
        let visit = command.visit;
        let one = agree(tx, command).await.map_err(|error| match error {
            Error::Refused(why) => OneOfSeveral { visit, why }.into(),
            other => other,
        })?;
        agreed.push((place, one));
    }
    agreed.sort_by_key(|(place, _)| *place);
    Ok(agreed.into_iter().map(|(_, visit)| visit).collect())
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
