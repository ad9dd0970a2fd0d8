//! Who was asked in a round: those who belonged on the day it was opened. Never who answered.

use std::collections::BTreeSet;

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::RoundId;

/// Keeps who is asked in a new round.
pub async fn keep(tx: &mut Tx, round: RoundId, asked: &BTreeSet<PersonId>) -> Result<()> {
    let tenant = tx.tenant();
    let people: Vec<Uuid> = asked.iter().map(|person| person.0).collect();
    sqlx::query!(
        "insert into respondent (tenant_id, round_id, person_id) select $1, $2, person from unnest($3::uuid[]) person",
        tenant.0,
        round.0,
        &people,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether somebody was asked.
pub async fn was_asked(tx: &mut Tx, round: RoundId, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (
             select from respondent where tenant_id = $1 and round_id = $2 and person_id = $3) as "found!""#,
        tenant.0,
        round.0,
        person.0,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}
