//! What is known here of Teams and roles, from their services: the grounds of the caller's standing.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::TeamId;

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

/// Writes down whose Team it is.
pub async fn put_team(tx: &mut Tx, team: TeamId, owner: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into team (tenant_id, team_id, owner_person_id) values ($1, $2, $3)
         on conflict on constraint team_pk do update set owner_person_id = $3",
        tenant.0,
        team.0,
        owner.0
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether somebody records checks and training.
pub async fn has_checks_role(tx: &mut Tx, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let held = sqlx::query_scalar!(
        "select held from checks_role where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(held.unwrap_or(false))
}

/// Writes down whether somebody records checks and training.
pub async fn put_checks_role(tx: &mut Tx, person: PersonId, held: bool) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into checks_role (tenant_id, person_id, held) values ($1, $2, $3)
         on conflict on constraint checks_role_pk do update set held = $3",
        tenant.0,
        person.0,
        held
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
