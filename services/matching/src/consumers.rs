//! What matching hears from the others.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::hats::{self, Worn};
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::{people, representative, rights, tenant};
use kith_proto::teams::v1::TeamSnapshot;

use crate::domain::TeamId;
use crate::domain::team::Team;
use crate::events;
use crate::store;

/// The list of aggregates that matching listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("identity.tenant", |tx, event| Box::pin(tenant::follow(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.role", |tx, event| Box::pin(people::follow_roles(tx, event)))
        .on("identity.representative", |tx, event| Box::pin(representative::follow(tx, event)))
        .on("identity.consent", |tx, event| Box::pin(kith_platform::consent::follow(tx, event)))
        .on("teams.team", |tx, event| Box::pin(team(tx, event)))
}

/// Who speaks for a Team, since when its Promise holds, who is in it and wears which hat.
async fn team(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TeamSnapshot = event.state()?;
    let mut fields = Fields::default();
    let team = read_team(&state, &mut fields);
    let (team, worn) = fields.finish(team).map_err(Error::internal)?;
    store::standing::put_team(tx, &team).await?;
    hats::keep(tx, team.id.0, &worn).await?;
    Ok(Outcome::Done)
}

fn read_team(state: &TeamSnapshot, fields: &mut Fields) -> Option<(Team, Vec<Worn>)> {
    let id: TeamId = fields.id("team_id", &state.team_id)?;
    let team = Team {
        id,
        owner: fields.id("owner_person_id", &state.owner_person_id)?,
        promise_from: fields.optional_date("promise_from", &state.promise_from)?,
    };
    Some((team, hats::read(fields, id.0, state.told_hats())?))
}
