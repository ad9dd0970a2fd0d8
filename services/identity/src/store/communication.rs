//! How people like to be reached.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use super::words;
use crate::domain::communication::Communication;

/// What somebody said.
pub async fn load(tx: &mut Tx, person: PersonId) -> Result<Option<Communication>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select preferred_channel, needs, updated_at from communication where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let preferred = words::channel(&row.preferred_channel, person.0)?;
        Ok(Communication { person, preferred, needs: row.needs, updated_at: Some(row.updated_at) })
    })
    .transpose()
}

/// Keeps what somebody says.
pub async fn save(tx: &mut Tx, said: &Communication) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into communication (tenant_id, person_id, preferred_channel, needs, updated_at)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint communication_pk do update set preferred_channel = $3, needs = $4, updated_at = $5",
        tenant.0,
        said.person.0,
        words::channel_word(said.preferred),
        said.needs,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
