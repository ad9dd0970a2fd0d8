//! Use cases: one function each, within a transaction that the platform opens and commits.

pub mod cancellation;
pub mod cover;
pub mod leaving;
pub mod movement;
pub mod outcome;
pub mod plan;
pub mod series;
pub mod visit;

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use kith_platform::local::wall_clock;
use kith_platform::representative::{self, Scope};

use crate::domain::facts::Moment;
use crate::domain::pattern::Period;
use crate::domain::team::{self, Team};

/// How somebody stands towards a Team on a day; as a giver only where `giver` says so.
async fn standing(
    tx: &mut Tx,
    team: &Team,
    person: PersonId,
    day: NaiveDate,
    giver: bool,
) -> Result<team::Standing> {
    let standing = team.standing(person, day, giver);
    if standing.owner {
        return Ok(standing);
    }
    let acting = representative::basis(tx, team.owner, person, Scope::HealthAndWelfare, day).await?;
    Ok(team::Standing { acting, ..standing })
}

/// When a command says that it happened. Whether that may be said is asked by [`accept`] once something changes, so
/// that an import can be repeated at any later time.
fn moment(tx: &Tx, said: Option<DateTime<Utc>>) -> Result<Moment> {
    Ok(Moment {
        occurred_at: said.unwrap_or(tx.now()),
        stated: said.is_some(),
        recorded_at: tx.now(),
        preparing: tx.place()?.preparing,
    })
}

/// Refuses a moment in the future, and in a live tenant one too far back.
fn accept(tx: &Tx, moment: Moment) -> Result<()> {
    tx.occurred_at(moment.stated.then_some(moment.occurred_at))?;
    Ok(())
}

/// Refuses a plan that lies too far back for a live tenant; one that lies ahead is what plans are for.
fn accept_plan(tx: &Tx, plan: Period) -> Result<()> {
    if plan.starts_at < tx.now() {
        tx.occurred_at(Some(plan.starts_at))?;
    }
    Ok(())
}

/// The day on which hats and memberships are looked at: today, and while history is brought in the day it happened.
fn acting_day(tx: &Tx, moment: Moment) -> Result<NaiveDate> {
    if moment.preparing {
        return Ok(wall_clock(moment.occurred_at, tx.place()?.zone).date());
    }
    tx.today()
}
