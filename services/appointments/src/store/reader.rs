//! Who somebody is to a consent: the Teams that they are of, as far as this service knows.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use sqlx::types::Json;

use crate::domain::team::{Held, Team};
use crate::domain::{CircleId, TeamId};

/// The Teams of which somebody is, or was at some time, Owner or member. Which day counts is decided by the rules.
pub async fn teams_of(tx: &mut Tx, person: PersonId) -> Result<Vec<Team>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select team_id, owner_person_id, circle_id, members as "members: Json<Vec<Held>>",
             rota_holders as "rota_holders: Json<Vec<Held>>", promise_from
         from known_team
         where tenant_id = $1 and (owner_person_id = $2 or exists (
             select from jsonb_array_elements(members) m where m->>'person' = $3))"#,
        tenant.0,
        person.0,
        person.to_string()
    )
    .fetch_all(tx.conn())
    .await?;
    let teams = rows.into_iter().map(|row| Team {
        id: TeamId(row.team_id),
        owner: PersonId(row.owner_person_id),
        circle_id: CircleId(row.circle_id),
        members: row.members.0,
        rota_holders: row.rota_holders.0,
        promise_from: row.promise_from,
    });
    Ok(teams.collect())
}

/// Whether somebody gives support, as matching tells it.
pub async fn is_giver(tx: &mut Tx, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (
             select from known_giver where tenant_id = $1 and person_id = $2) as "found!""#,
        tenant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}
