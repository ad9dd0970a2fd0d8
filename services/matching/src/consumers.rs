//! What matching hears from the others.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::id::PersonId;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::rights;
use kith_proto::identity::v1::{OrganisationRole, RoleSnapshot, TenantSnapshot, TenantState};
use kith_proto::teams::v1::TeamSnapshot;

use crate::domain::TeamId;
use crate::events;
use crate::store;

/// The list of aggregates that matching listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("identity.tenant", |tx, event| Box::pin(tenant(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.role", |tx, event| Box::pin(role(tx, event)))
        .on("teams.team", |tx, event| Box::pin(team(tx, event)))
}

async fn tenant(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TenantSnapshot = event.state()?;
    let word = match state.state() {
        TenantState::Live => "live",
        TenantState::Preparing | TenantState::Unspecified => "preparing",
    };
    tx.remember_tenant(word, &state.time_zone, state.epoch).await?;
    Ok(Outcome::Done)
}

/// Who may record checks and training.
async fn role(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: RoleSnapshot = event.state()?;
    let mut fields = Fields::default();
    let parsed = fields.id::<PersonId>("person_id", &state.person_id);
    let person = fields.finish(parsed).map_err(Error::internal)?;
    let has_checks = state.roles().any(|role| role == OrganisationRole::Checks);
    store::standing::put_checks_role(tx, person, has_checks).await?;
    Ok(Outcome::Done)
}

/// Who speaks for a Team.
async fn team(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TeamSnapshot = event.state()?;
    let mut fields = Fields::default();
    let team = fields.id::<TeamId>("team_id", &state.team_id);
    let owner = fields.id::<PersonId>("owner_person_id", &state.owner_person_id);
    let (team, owner) = fields.finish(team.zip(owner)).map_err(Error::internal)?;
    store::standing::put_team(tx, team, owner).await?;
    Ok(Outcome::Done)
}
