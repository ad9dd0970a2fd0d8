//! Which Teams somebody is of at present, and which hats they wear: who they are to a consent.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use super::words;

/// The Teams that somebody owns or is a member of on a day, each with whether they own it.
pub async fn teams_of(tx: &mut Tx, person: PersonId, day: NaiveDate) -> Result<Vec<(Uuid, bool)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select t.id, t.owner_person_id from team t
         where t.tenant_id = $1 and (t.owner_person_id = $2 or exists (
             select from membership m
             where m.tenant_id = $1 and m.team_id = t.id and m.person_id = $2 and m.state in ('member', 'left')
                 and m.valid_from <= $3 and (m.valid_until is null or m.valid_until > $3)))",
        tenant.0,
        person.0,
        day
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.owner_person_id == person.0)).collect())
}

/// The hats that somebody wears on a day, by their words, each with its Team.
pub async fn hats_of(tx: &mut Tx, person: PersonId, day: NaiveDate) -> Result<Vec<(&'static str, Uuid)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select id, hat, team_id from hat_holding
         where tenant_id = $1 and person_id = $2 and state = 'held' and valid_from <= $3 and valid_until > $3",
        tenant.0,
        person.0,
        day
    )
    .fetch_all(tx.conn())
    .await?;
    let mut hats = Vec::with_capacity(rows.len());
    for row in rows {
        hats.push((words::hat_word(words::hat(&row.hat, row.id)?), row.team_id));
    }
    Ok(hats)
}
