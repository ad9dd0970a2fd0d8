//! Seats held in Circles, as told by governance.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::CircleId;
use crate::domain::circle::{Circle, Seat};

/// Reads a Circle; one that is not known has no members.
pub async fn load(tx: &mut Tx, id: CircleId) -> Result<Circle> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select person_id, valid_from from circle_member where tenant_id = $1 and circle_id = $2",
        tenant.0,
        id.0
    )
    .fetch_all(tx.conn())
    .await?;
    let seats =
        rows.into_iter().map(|row| Seat { person: PersonId(row.person_id), valid_from: row.valid_from });
    Ok(Circle { id, seats: seats.collect() })
}

/// Writes a Circle as it is now.
pub async fn put(tx: &mut Tx, circle: &Circle) -> Result<()> {
    let tenant = tx.tenant();
    let people: Vec<Uuid> = circle.seats.iter().map(|seat| seat.person.0).collect();
    let from: Vec<NaiveDate> = circle.seats.iter().map(|seat| seat.valid_from).collect();
    sqlx::query!(
        "with gone as (
             delete from circle_member where tenant_id = $1 and circle_id = $2 and person_id <> all ($3)
         )
         insert into circle_member (tenant_id, circle_id, person_id, valid_from)
         select $1, $2, seat.person, seat.valid_from from unnest($3::uuid[], $4::date[]) as seat (person, valid_from)
         on conflict on constraint circle_member_pk do update set valid_from = excluded.valid_from",
        tenant.0,
        circle.id.0,
        &people,
        &from,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
