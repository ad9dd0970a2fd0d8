//! What identity hears from the others: how far each service is with the freeze of a tenant, itself included.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_proto::common::v1::{EventCount, TenantFence};

use crate::app;
use crate::domain::fence::Fence;

/// The list of aggregates that identity listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("appointments.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("evaluation.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("finance.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("governance.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("identity.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("matching.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("teams.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
}

async fn fence(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TenantFence = event.state()?;
    let counts = |of: Vec<EventCount>| of.into_iter().map(|count| (count.aggregate, count.events)).collect();
    // Who says so is the sender that the broker vouches for, whatever stands in the message.
    let service = event.event_type.split('.').next().unwrap_or_default().to_owned();
    let fence = Fence {
        service,
        epoch: state.epoch,
        fenced_at: tx.now(),
        sent: counts(state.sent),
        applied: counts(state.applied),
        unpublished: state.unpublished,
        waiting: state.waiting,
        dead: state.dead,
    };
    app::tenant_life::heard(tx, fence).await?;
    Ok(Outcome::Done)
}
