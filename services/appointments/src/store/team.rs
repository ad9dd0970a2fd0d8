//! What is kept of Teams.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};
use sqlx::types::Json;

use crate::domain::team::{Held, Team};
use crate::domain::{CircleId, TeamId};

/// The Owners of some Teams.
pub async fn owners_of(tx: &mut Tx, teams: &[TeamId]) -> Result<Vec<PersonId>> {
    let tenant = tx.tenant();
    let teams: Vec<Uuid> = teams.iter().map(|team| team.0).collect();
    let owners = sqlx::query_scalar!(
        "select distinct owner_person_id from known_team where tenant_id = $1 and team_id = any($2)",
        tenant.0,
        &teams
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(owners.into_iter().map(PersonId).collect())
}

/// A Team.
pub async fn load(tx: &mut Tx, id: TeamId) -> Result<Option<Team>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select owner_person_id, circle_id, members as "members: Json<Vec<Held>>",
             rota_holders as "rota_holders: Json<Vec<Held>>", promise_from
         from known_team where tenant_id = $1 and team_id = $2"#,
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Team {
        id,
        owner: PersonId(row.owner_person_id),
        circle_id: CircleId(row.circle_id),
        members: row.members.0,
        rota_holders: row.rota_holders.0,
        promise_from: row.promise_from,
    }))
}

/// Keeps a Team as it is now.
pub async fn save(tx: &mut Tx, team: &Team) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into known_team (tenant_id, team_id, owner_person_id, circle_id, members, rota_holders, promise_from)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint known_team_pkey do update set owner_person_id = $3, circle_id = $4, members = $5,
             rota_holders = $6, promise_from = $7",
        tenant.0,
        team.id.0,
        team.owner.0,
        team.circle_id.0,
        Json(&team.members) as _,
        Json(&team.rota_holders) as _,
        team.promise_from
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
