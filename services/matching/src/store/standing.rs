//! What is known here of Teams and roles, from their services: the grounds of the caller's standing.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::TeamId;
use crate::domain::team::Team;

/// Whose Team it is, where it is known.
pub async fn owner_of(tx: &mut Tx, team: TeamId) -> Result<Option<PersonId>> {
    let tenant = tx.tenant();
    let owner = sqlx::query_scalar!(
        "select owner_person_id from team where tenant_id = $1 and team_id = $2",
        tenant.0,
        team.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(owner.map(PersonId))
}

/// The Owners of some Teams.
pub async fn owners_of(tx: &mut Tx, teams: &[TeamId]) -> Result<Vec<PersonId>> {
    let tenant = tx.tenant();
    let teams: Vec<Uuid> = teams.iter().map(|team| team.0).collect();
    let owners = sqlx::query_scalar!(
        "select distinct owner_person_id from team where tenant_id = $1 and team_id = any($2)",
        tenant.0,
        &teams
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(owners.into_iter().map(PersonId).collect())
}

/// Reads Teams, in no order; unknown ones are left out.
pub async fn teams(tx: &mut Tx, ids: &[TeamId]) -> Result<Vec<Team>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "select team_id, owner_person_id, promise_from from team where tenant_id = $1 and team_id = any($2)",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let team = |row: (Uuid, Uuid, Option<NaiveDate>)| Team {
        id: TeamId(row.0),
        owner: PersonId(row.1),
        promise_from: row.2,
    };
    Ok(rows.into_iter().map(|row| team((row.team_id, row.owner_person_id, row.promise_from))).collect())
}

/// Writes down whose Team it is, and since when its Promise holds.
pub async fn put_team(tx: &mut Tx, team: &Team) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into team (tenant_id, team_id, owner_person_id, promise_from) values ($1, $2, $3, $4)
         on conflict on constraint team_pk do update set owner_person_id = $3, promise_from = $4",
        tenant.0,
        team.id.0,
        team.owner.0,
        team.promise_from
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
