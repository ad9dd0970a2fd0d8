//! What governance hears from the others.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::id::PersonId;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::{people, rights};
use kith_proto::common::v1::TenantSnapshot;

use crate::app;
use crate::domain::CircleId;
use crate::events;

/// The list of aggregates that governance listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("identity.tenant", |tx, event| Box::pin(tenant(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.person", |tx, event| Box::pin(person(tx, event)))
        // Locks a person, then Circles: see `app`.
        .alone("identity.person.left.v1")
        .on("identity.role", |tx, event| Box::pin(people::follow_roles(tx, event)))
}

/// Somebody came, or left the tenant.
async fn person(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    if let Some(departure) = people::departure(tx, event).await? {
        app::leaving::left(tx, departure).await?;
    }
    Ok(Outcome::Done)
}

/// Follows the tenant, and founds the Circle that it begins with.
async fn tenant(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TenantSnapshot = event.state()?;
    kith_platform::tenant::remember(tx, &state).await?;
    if !state.first_circle_id.is_empty() {
        let mut fields = Fields::default();
        let circle = fields.id::<CircleId>("first_circle_id", &state.first_circle_id);
        let founder = fields.id::<PersonId>("founder_person_id", &state.founder_person_id);
        let (circle, founder) = fields.finish(circle.zip(founder)).map_err(Error::internal)?;
        app::circle::found(tx, circle, founder).await?;
    }
    Ok(Outcome::Done)
}
