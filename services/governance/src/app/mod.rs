//! Use cases: one function each, within a transaction that the platform opens and commits.
//!
//! Order of locks: first the person ([`kith_platform::people::left_at`], or the event that they left), then Circles by
//! their ids, then a proposal, then a decision; never the other way round, and never two people.

pub mod circle;
pub mod decision;
pub mod leaving;
pub mod proposal;

use chrono::Duration;
use kith_platform::authz::Standing;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use kith_platform::people;
use kith_proto::common::v1::OrganisationRole;

use crate::domain::Reach;
use crate::domain::circle::{Circle, Hat};

/// What the caller is in the tenant and, where it is about a Circle, in that Circle today. `about` is whose place, hat
/// or proposal it is.
async fn standing(tx: &mut Tx, circle: Option<&Circle>, about: Option<PersonId>) -> Result<Standing> {
    let (person, today) = (tx.person()?, tx.today()?);
    let administrator = people::holds(tx, person, OrganisationRole::Administrator).await?;
    let member = circle.is_some_and(|circle| circle.has_member(person, today));
    let nobody_left = circle.is_some_and(Circle::is_left_by_all);
    let wears_it = circle.is_some_and(|circle| circle.wears(person, Hat::Facilitator, today));
    Ok(Standing::new()
        .with("anyone", true)
        .with("administrator", administrator)
        .with("preparing", tx.place()?.preparing)
        .with("circle_member", member)
        .with("facilitator", member && wears_it)
        .with("without_members", nobody_left)
        .with("invited", circle.is_some_and(|circle| circle.was_invited(person)))
        .with("self", about == Some(person) && !tx.actor().is_integrator()))
}

/// The days that a change may reach in this tenant.
fn reach(tx: &Tx) -> Result<Reach> {
    let today = tx.today()?;
    let place = tx.place()?;
    let earliest = (!place.preparing).then(|| today - Duration::days(place.history_days));
    Ok(Reach { today, earliest })
}
