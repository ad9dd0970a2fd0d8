//! Teams with their members, hats and Promises.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::hat::Holding;
use crate::domain::membership::Membership;
use crate::domain::team::{OutwardCode, Promise, Team, Text};
use crate::domain::{CircleId, HoldingId, MembershipId, Refused, TeamId};

struct TeamRow {
    id: Uuid,
    owner_person_id: Uuid,
    circle_id: Uuid,
    outward_code: String,
    created_at: DateTime<Utc>,
    version: i64,
}

/// Reads a Team.
pub async fn load(tx: &mut Tx, id: TeamId) -> Result<Option<Team>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        TeamRow,
        "select id, owner_person_id, circle_id, outward_code, created_at, version
         from team where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Reads a Team and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: TeamId) -> Result<Option<Team>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        TeamRow,
        "select id, owner_person_id, circle_id, outward_code, created_at, version
         from team where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Lists the Teams that a person owns or belongs to, oldest first; one more than the page holds.
pub async fn list_of_person(
    tx: &mut Tx,
    person: PersonId,
    owned_only: bool,
    today: NaiveDate,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Team>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        TeamRow,
        "select id, owner_person_id, circle_id, outward_code, created_at, version from team t
         where tenant_id = $1
             and (owner_person_id = $2 or not $7 and exists (
                 select from membership m
                 where m.tenant_id = $1 and m.team_id = t.id and m.person_id = $2 and m.state in ('member', 'left')
                     and m.valid_from <= $3 and (m.valid_until is null or m.valid_until > $3)))
             and ($4::timestamptz is null or (created_at, id) > ($4, $5))
         order by created_at, id limit $6",
        tenant.0,
        person.0,
        today,
        after_time,
        after_id,
        page.limit(),
        owned_only,
    )
    .fetch_all(tx.conn())
    .await?;
    complete(tx, rows).await
}

/// The Teams in which somebody has a place, wears a hat or was asked, in the order in which they are locked.
pub async fn touching(tx: &mut Tx, person: PersonId) -> Result<Vec<TeamId>> {
    let tenant = tx.tenant();
    let teams = sqlx::query_scalar!(
        r#"select team_id as "team_id!" from (
             select team_id from membership where tenant_id = $1 and person_id = $2
             union select team_id from hat_holding where tenant_id = $1 and person_id = $2
         ) touching order by team_id"#,
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(teams.into_iter().map(TeamId).collect())
}

/// Adds members, hats and Promises to rows of `team`, with one query each however many Teams there are.
async fn complete(tx: &mut Tx, rows: Vec<TeamRow>) -> Result<Vec<Team>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut teams = Vec::with_capacity(rows.len());
    for row in rows {
        let outward_code = OutwardCode::parse(&row.outward_code).ok_or_else(|| Error::Inconsistent {
            table: "team",
            row: row.id.to_string(),
            problem: "its outward code has no such form".into(),
        })?;
        teams.push(Team {
            id: TeamId(row.id),
            owner: PersonId(row.owner_person_id),
            circle: CircleId(row.circle_id),
            outward_code,
            members: Vec::new(),
            hats: Vec::new(),
            promises: Vec::new(),
            created_at: row.created_at,
            version: row.version,
        });
    }
    if teams.is_empty() {
        return Ok(teams);
    }
    let members = sqlx::query!(
        "select team_id, id, person_id, kind, state, valid_from, valid_until from membership
         where tenant_id = $1 and team_id = any($2) order by asked_at, id",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let hats = sqlx::query!(
        "select team_id, id, hat, person_id, state, valid_from, valid_until, wearer_consents, owner_consents
         from hat_holding where tenant_id = $1 and team_id = any($2) order by asked_at, id",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let promises = sqlx::query!(
        "select team_id, text_version, valid_from from promise
         where tenant_id = $1 and team_id = any($2) order by valid_from",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    for team in &mut teams {
        for row in members.iter().filter(|row| row.team_id == team.id.0) {
            team.members.push(Membership {
                id: MembershipId(row.id),
                person: PersonId(row.person_id),
                kind: words::kind(&row.kind, row.id)?,
                state: words::membership_state(&row.state, row.id)?,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
            });
        }
        for row in hats.iter().filter(|row| row.team_id == team.id.0) {
            team.hats.push(Holding {
                id: HoldingId(row.id),
                hat: words::hat(&row.hat, row.id)?,
                person: PersonId(row.person_id),
                state: words::holding_state(&row.state, row.id)?,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                wearer_consents: row.wearer_consents,
                owner_consents: row.owner_consents,
            });
        }
        for row in promises.iter().filter(|row| row.team_id == team.id.0) {
            team.promises
                .push(Promise { text_version: row.text_version.clone(), valid_from: row.valid_from });
        }
    }
    Ok(teams)
}

/// Writes a new Team. An id that another Team took at the same moment is refused.
pub async fn insert(tx: &mut Tx, team: &Team) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into team
             (tenant_id, id, owner_person_id, circle_id, outward_code, created_at, recorded_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        team.id.0,
        team.owner.0,
        team.circle.0,
        team.outward_code.as_str(),
        team.created_at,
        now,
        team.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "team_pk", || Common::IdExists))?;
    Ok(())
}

/// Raises a Team's version; somebody else's change in between is refused.
async fn touch(tx: &mut Tx, team: &mut Team) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "update team set version = version + 1 where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        team.id.0,
        team.version
    )
    .execute(tx.conn())
    .await?;
    changed_one(&changed)?;
    team.version += 1;
    Ok(())
}

/// Writes a membership as it is now.
pub async fn put_membership(tx: &mut Tx, team: &mut Team, membership: &Membership) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into membership
             (tenant_id, id, team_id, person_id, kind, state, valid_from, valid_until, asked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict on constraint membership_pk do update set state = $6, valid_until = $8",
        tenant.0,
        membership.id.0,
        team.id.0,
        membership.person.0,
        words::kind_word(membership.kind),
        words::membership_word(membership.state),
        membership.valid_from,
        membership.valid_until,
        now,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "membership_once", || Refused::AlreadyAsked))?;
    touch(tx, team).await
}

/// Writes a holding as it is now.
pub async fn put_holding(tx: &mut Tx, team: &mut Team, holding: &Holding) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into hat_holding (tenant_id, id, team_id, hat, person_id, state, valid_from, valid_until,
             wearer_consents, owner_consents, asked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict on constraint hat_holding_pk do update
             set state = $6, wearer_consents = $9, owner_consents = $10",
        tenant.0,
        holding.id.0,
        team.id.0,
        words::hat_word(holding.hat),
        holding.person.0,
        words::holding_word(holding.state),
        holding.valid_from,
        holding.valid_until,
        holding.wearer_consents,
        holding.owner_consents,
        now,
    )
    .execute(tx.conn())
    .await?;
    touch(tx, team).await
}

/// Adds a signed Promise.
pub async fn add_promise(
    tx: &mut Tx,
    team: &mut Team,
    promise: &Promise,
    signed_at: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into promise (tenant_id, team_id, valid_from, text_version, signed_at) values ($1, $2, $3, $4, $5)",
        tenant.0,
        team.id.0,
        promise.valid_from,
        promise.text_version,
        signed_at,
    )
    .execute(tx.conn())
    .await?;
    touch(tx, team).await
}

/// Whose place it is.
pub async fn person_of_membership(tx: &mut Tx, team: TeamId, id: MembershipId) -> Result<Option<PersonId>> {
    let tenant = tx.tenant();
    let person = sqlx::query_scalar!(
        "select person_id from membership where tenant_id = $1 and team_id = $2 and id = $3",
        tenant.0,
        team.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(person.map(PersonId))
}

/// Whose hat it is.
pub async fn person_of_holding(tx: &mut Tx, team: TeamId, id: HoldingId) -> Result<Option<PersonId>> {
    let tenant = tx.tenant();
    let person = sqlx::query_scalar!(
        "select person_id from hat_holding where tenant_id = $1 and team_id = $2 and id = $3",
        tenant.0,
        team.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(person.map(PersonId))
}

/// The text of the Promise in force on a day.
pub async fn promise_text(tx: &mut Tx, day: NaiveDate) -> Result<Option<Text>> {
    let text = sqlx::query_as!(
        Text,
        "select version, body from promise_text where valid_from <= $1 order by valid_from desc limit 1",
        day
    )
    .fetch_optional(tx.conn_of_no_tenant())
    .await?;
    Ok(text)
}
