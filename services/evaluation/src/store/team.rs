//! Teams with their members, as told by teams.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::team::{Membership, Team};
use crate::domain::{CircleId, MembershipId, TeamId};

/// Reads a Team.
pub async fn load(tx: &mut Tx, id: TeamId) -> Result<Option<Team>> {
    let tenant = tx.tenant();
    let team = sqlx::query!(
        "select owner_person_id, circle_id from team where tenant_id = $1 and team_id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(team) = team else { return Ok(None) };
    let members = sqlx::query!(
        "select membership_id, person_id, valid_from, valid_until from team_member
         where tenant_id = $1 and team_id = $2",
        tenant.0,
        id.0
    )
    .fetch_all(tx.conn())
    .await?;
    let members = members.into_iter().map(|row| Membership {
        id: MembershipId(row.membership_id),
        person: PersonId(row.person_id),
        valid_from: row.valid_from,
        valid_until: row.valid_until,
    });
    Ok(Some(Team {
        id,
        owner: PersonId(team.owner_person_id),
        circle: CircleId(team.circle_id),
        members: members.collect(),
    }))
}

/// Writes a Team as it is now.
pub async fn put(tx: &mut Tx, team: &Team) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into team (tenant_id, team_id, owner_person_id, circle_id) values ($1, $2, $3, $4)
         on conflict on constraint team_pk do update set owner_person_id = $3, circle_id = $4",
        tenant.0,
        team.id.0,
        team.owner.0,
        team.circle.0,
    )
    .execute(tx.conn())
    .await?;
    let ids: Vec<Uuid> = team.members.iter().map(|membership| membership.id.0).collect();
    let people: Vec<Uuid> = team.members.iter().map(|membership| membership.person.0).collect();
    let from: Vec<NaiveDate> = team.members.iter().map(|membership| membership.valid_from).collect();
    let until: Vec<Option<NaiveDate>> =
        team.members.iter().map(|membership| membership.valid_until).collect();
    sqlx::query!(
        "with gone as (
             delete from team_member
             where tenant_id = $1 and team_id = $2 and membership_id <> all ($3)
         )
         insert into team_member (tenant_id, team_id, membership_id, person_id, valid_from, valid_until)
         select $1, $2, m.id, m.person, m.valid_from, m.valid_until
         from unnest($3::uuid[], $4::uuid[], $5::date[], $6::date[]) as m (id, person, valid_from, valid_until)
         on conflict on constraint team_member_pk do update
             set person_id = excluded.person_id, valid_from = excluded.valid_from, valid_until = excluded.valid_until",
        tenant.0,
        team.id.0,
        &ids,
        &people,
        &from,
        &until as &[Option<NaiveDate>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
