//! What is kept of who acts for whom.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use super::words;
use crate::domain::representative::{Basis, Representative};

/// Keeps a representation as it is now. One that ended keeps whether it was ever confirmed.
pub async fn save(tx: &mut Tx, one: &Representative) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into known_representative as k (tenant_id, id, person_id, representative_person_id, basis,
             health_and_welfare, confirmed, valid_from, valid_until)
         values ($1, $2, $3, $4, $5, $6, coalesce($7, false), $8, $9)
         on conflict on constraint known_representative_pk do update set confirmed = coalesce($7, k.confirmed),
             valid_from = $8, valid_until = $9",
        tenant.0,
        one.id.0,
        one.person.0,
        one.acting.0,
        words::basis_word(one.basis),
        one.health_and_welfare,
        one.confirmed,
        one.valid_from,
        one.valid_until,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// On which basis somebody acts for a person on a day, in matters of health and welfare.
pub async fn basis(tx: &mut Tx, person: PersonId, acting: PersonId, day: NaiveDate) -> Result<Option<Basis>> {
    let tenant = tx.tenant();
    let found = sqlx::query!(
        "select id, basis from known_representative
         where tenant_id = $1 and person_id = $2 and representative_person_id = $3 and confirmed
             and health_and_welfare and valid_from <= $4 and (valid_until is null or $4 < valid_until)
         order by valid_from, id limit 1",
        tenant.0,
        person.0,
        acting.0,
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    found.map(|row| words::basis(&row.basis, row.id)).transpose()
}
