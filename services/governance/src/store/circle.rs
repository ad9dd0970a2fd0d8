//! Circles with their members and hats.

use chrono::{DateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::circle::{Circle, Holding, Member};
use crate::domain::{CircleId, HoldingId, Refused};

struct CircleRow {
    id: Uuid,
    display_name: String,
    aim: String,
    domain: String,
    created_at: DateTime<Utc>,
    version: i64,
}

/// Reads a Circle.
pub async fn load(tx: &mut Tx, id: CircleId) -> Result<Option<Circle>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        CircleRow,
        "select id, display_name, aim, domain, created_at, version from circle where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Reads a Circle and locks it until the transaction ends, so that nobody joins or leaves meanwhile.
pub async fn load_for_update(tx: &mut Tx, id: CircleId) -> Result<Option<Circle>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        CircleRow,
        "select id, display_name, aim, domain, created_at, version from circle
         where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// The Circles in which somebody has a place, whatever became of it.
pub async fn touching(tx: &mut Tx, person: PersonId) -> Result<Vec<CircleId>> {
    let tenant = tx.tenant();
    let ids = sqlx::query_scalar!(
        "select circle_id from circle_member where tenant_id = $1 and person_id = $2 order by circle_id",
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(CircleId).collect())
}

/// Lists the Circles of the tenant, oldest first; one more than the page holds.
pub async fn list(tx: &mut Tx, page: &Page<(DateTime<Utc>, Uuid)>) -> Result<Vec<Circle>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        CircleRow,
        "select id, display_name, aim, domain, created_at, version from circle
         where tenant_id = $1 and ($2::timestamptz is null or (created_at, id) > ($2, $3))
         order by created_at, id limit $4",
        tenant.0,
        after_time,
        after_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    complete(tx, rows).await
}

/// Adds members and hats to rows of `circle`, with one query each however many Circles there are.
async fn complete(tx: &mut Tx, rows: Vec<CircleRow>) -> Result<Vec<Circle>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut circles: Vec<Circle> = rows
        .into_iter()
        .map(|row| Circle {
            id: CircleId(row.id),
            display_name: row.display_name,
            aim: row.aim,
            domain: row.domain,
            members: Vec::new(),
            hats: Vec::new(),
            created_at: row.created_at,
            version: row.version,
        })
        .collect();
    if circles.is_empty() {
        return Ok(circles);
    }
    let members = sqlx::query!(
        "select circle_id, person_id, state, valid_from, valid_until from circle_member
         where tenant_id = $1 and circle_id = any($2) order by place",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let hats = sqlx::query!(
        "select circle_id, id, hat, person_id, state, valid_from, valid_until from circle_hat
         where tenant_id = $1 and circle_id = any($2) order by place",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    for circle in &mut circles {
        for row in members.iter().filter(|row| row.circle_id == circle.id.0) {
            circle.members.push(Member {
                person: PersonId(row.person_id),
                state: words::seat(&row.state, row.circle_id)?,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
            });
        }
        for row in hats.iter().filter(|row| row.circle_id == circle.id.0) {
            circle.hats.push(Holding {
                id: HoldingId(row.id),
                hat: words::hat(&row.hat, row.id)?,
                person: PersonId(row.person_id),
                state: words::seat(&row.state, row.id)?,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
            });
        }
    }
    Ok(circles)
}

/// Writes a new Circle. An id that another Circle took at the same moment is refused.
pub async fn insert(tx: &mut Tx, circle: &Circle, created_by: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into circle (tenant_id, id, display_name, aim, domain, created_by, created_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        circle.id.0,
        circle.display_name,
        circle.aim,
        circle.domain,
        created_by.0,
        circle.created_at,
        circle.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "circle_pk", || Common::IdExists))?;
    Ok(())
}

/// Raises a Circle's version; somebody else's change in between is refused.
async fn touch(tx: &mut Tx, circle: &mut Circle) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "update circle set version = version + 1 where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        circle.id.0,
        circle.version
    )
    .execute(tx.conn())
    .await?;
    changed_one(&changed)?;
    circle.version += 1;
    Ok(())
}

/// Writes a person's place in the Circle as it is now; a new one comes last.
pub async fn put_member(tx: &mut Tx, circle: &mut Circle, person: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    let Some(member) = circle.members.iter().find(|member| member.person == person) else {
        return Err(Refused::NotInvited.into());
    };
    sqlx::query!(
        "insert into circle_member (tenant_id, circle_id, person_id, place, state, valid_from, valid_until)
         select $1, $2, $3, count(*), $4, $5, $6 from circle_member where tenant_id = $1 and circle_id = $2
         on conflict on constraint circle_member_pk do update set state = $4, valid_from = $5, valid_until = $6",
        tenant.0,
        circle.id.0,
        person.0,
        words::seat_word(member.state),
        member.valid_from,
        member.valid_until,
    )
    .execute(tx.conn())
    .await?;
    touch(tx, circle).await
}

/// Writes a holding as it is now; a new one comes last.
pub async fn put_holding(tx: &mut Tx, circle: &mut Circle, holding: Holding) -> Result<()> {
    let tenant = tx.tenant();
    let written = sqlx::query!(
        "insert into circle_hat (tenant_id, id, circle_id, place, hat, person_id, state, valid_from, valid_until)
         select $1, $2, $3, count(*), $4, $5, $6, $7, $8 from circle_hat where tenant_id = $1 and circle_id = $3
         on conflict on constraint circle_hat_pk do update set state = $6, valid_until = $8
             where circle_hat.circle_id = $3",
        tenant.0,
        holding.id.0,
        circle.id.0,
        words::hat_word(holding.hat),
        holding.person.0,
        words::seat_word(holding.state),
        holding.valid_from,
        holding.valid_until,
    )
    .execute(tx.conn())
    .await?;
    if written.rows_affected() != 1 {
        // The id belongs to a hat of another Circle.
        return Err(Common::IdExists.into());
    }
    touch(tx, circle).await
}
