//! What becomes of somebody's visits when they leave the tenant: each that lies ahead waits for somebody to cover it.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::people::Departure;

use super::visit::rebook;
use crate::domain::facts::Moment;
use crate::domain::{Actor, Outcome, Side};
use crate::events::{self, VisitFact};
use crate::store;
use crate::store::around::Around;

/// Calls off, as from their own side and so without a charge, what somebody was to give after they left, and closes what
/// they were asked to cover. The Team sees the gaps and finds somebody else. What lies before stays as it is, to be agreed.
/// Told a second time it changes nothing.
pub async fn left(tx: &mut Tx, departure: Departure) -> Result<()> {
    let Departure { person, left_at } = departure;
    let moment = Moment {
        occurred_at: left_at,
        stated: true,
        recorded_at: tx.now(),
        preparing: tx.place()?.preparing,
    };
    for id in store::visit::ahead_of(tx, person, left_at).await? {
        let missing = || Error::NotFound("visit");
        let around = store::around::load_for_update(tx, id).await?;
        let (mut visit, team, day) = around.and_then(Around::whole).ok_or_else(missing)?;
        let asked = visit.forget_cover_by(person);
        let gives = visit.is_given_by(person) && visit.is_planned_after(left_at);
        let mut called_off = Outcome::Unchanged;
        if gives {
            called_off = visit.cancel(Actor { person, side: Side::Giver }, moment, day)?;
        }
        if asked == Outcome::Unchanged && called_off == Outcome::Unchanged {
            continue;
        }
        store::visit::save(tx, &mut visit).await?;
        if called_off == Outcome::Changed {
            events::tell_visit(tx, &visit, &team, VisitFact::Cancelled);
            rebook(tx, &visit, &team).await?;
        }
    }
    Ok(())
}
