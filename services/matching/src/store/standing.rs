//! What is known here of Teams and roles, from their services: the grounds of the caller's standing.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::TeamId;
use crate::domain::team::{Member, Team};

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

/// Writes down who is or was in a Team.
pub async fn put_members(tx: &mut Tx, team: TeamId, members: &[Member]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from team_member where tenant_id = $1 and team_id = $2", tenant.0, team.0)
        .execute(tx.conn())
        .await?;
    let people: Vec<Uuid> = members.iter().map(|member| member.person.0).collect();
    let from: Vec<NaiveDate> = members.iter().map(|member| member.valid_from).collect();
    let until: Vec<Option<NaiveDate>> = members.iter().map(|member| member.valid_until).collect();
    sqlx::query!(
        "insert into team_member (tenant_id, team_id, person_id, valid_from, valid_until)
         select $1, $2, person_id, valid_from, max(coalesce(valid_until, 'infinity'))
         from unnest($3::uuid[], $4::date[], $5::date[]) as m (person_id, valid_from, valid_until)
         group by person_id, valid_from",
        tenant.0,
        team.0,
        &people,
        &from,
        &until as &[Option<NaiveDate>]
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The Teams that somebody owns or is a member of on a day.
pub async fn teams_of(tx: &mut Tx, person: PersonId, day: NaiveDate) -> Result<Vec<(TeamId, PersonId)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select t.team_id, t.owner_person_id from team t
         where t.tenant_id = $1 and (t.owner_person_id = $2 or exists (
             select from team_member m where m.tenant_id = $1 and m.team_id = t.team_id and m.person_id = $2
                 and m.valid_from <= $3 and m.valid_until > $3))",
        tenant.0,
        person.0,
        day
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (TeamId(row.team_id), PersonId(row.owner_person_id))).collect())
}

/// Whether somebody is a member of a Team of that Owner's on a day.
pub async fn is_member_with_owner(
    tx: &mut Tx,
    owner: PersonId,
    member: PersonId,
    day: NaiveDate,
) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (
             select from team t join team_member m on m.tenant_id = t.tenant_id and m.team_id = t.team_id
             where t.tenant_id = $1 and t.owner_person_id = $2 and m.person_id = $3
                 and m.valid_from <= $4 and m.valid_until > $4) as "found!""#,
        tenant.0,
        owner.0,
        member.0,
        day
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}
