//! Calling a visit off, and confirming that it was in time.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};

use super::visit::{keep, open, open_on_its_day, rebook};
use super::{acting_day, moment};
use crate::domain::visit::Visit;
use crate::domain::{Actor, Outcome, Side, VisitId, team};
use crate::events::VisitFact;
use crate::policy::Action;

/// Calls a visit off.
#[derive(Clone, Debug)]
pub struct Cancel {
    pub visit: VisitId,
    pub side: Option<Side>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Calls a visit off, by either side.
pub async fn cancel(tx: &mut Tx, command: Cancel) -> Result<Visit> {
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, standing, on_the_day) =
        open_on_its_day(tx, command.visit, day, Visit::concerns, Action::CancelVisit).await?;
    let actor = Actor { person: tx.person()?, side: speaks_for(standing, command.side)? };
    if visit.cancel(actor, moment, on_the_day)? == Outcome::Changed {
        keep(tx, &mut visit, &team, moment, Some(VisitFact::Cancelled)).await?;
        rebook(tx, &visit, &team).await?;
    }
    Ok(visit)
}

/// For whom the caller speaks; who could speak for both must say so.
fn speaks_for(standing: team::Standing, said: Option<Side>) -> Result<Side> {
    match said {
        Some(side) if standing.may_speak_for(side) => Ok(side),
        Some(_) => Err(Common::PermissionDenied.into()),
        None if standing.may_speak_for(Side::Team) && standing.may_speak_for(Side::Giver) => {
            Err(Error::invalid("side", "say whether you speak for the Team or as the giver"))
        }
        None => Ok(standing.side()),
    }
}

/// Confirms that the Team's side called off in time although it was written down later; only the giver can.
pub async fn confirm(tx: &mut Tx, visit: VisitId) -> Result<Visit> {
    let moment = moment(tx, None)?;
    let day = acting_day(tx, moment)?;
    let (mut visit, team, _) = open(tx, visit, day, Visit::is_given_by, Action::ConfirmCancellation).await?;
    let actor = Actor { person: tx.person()?, side: Side::Giver };
    if visit.confirm_cancellation(actor)? == Outcome::Changed {
        keep(tx, &mut visit, &team, moment, Some(VisitFact::Cancelled)).await?;
    }
    Ok(visit)
}
