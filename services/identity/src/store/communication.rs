//! How people like to be reached, and by which consent somebody may read it.

use chrono::NaiveDate;
use kith_platform::consent::Basis;
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

/// The consent in force on a day by which one person sees a part of another's, whatever for.
pub async fn consent_between(
    tx: &mut Tx,
    person: PersonId,
    part: &str,
    reader: PersonId,
    day: NaiveDate,
) -> Result<Option<Basis>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select id, version from consent
         where tenant_id = $1 and person_id = $2 and part = $3 and grantee_kind = 'person' and grantee_id = $4
             and state = 'given' and valid_from <= $5 and valid_until > $5
         order by given_at desc, id limit 1",
        tenant.0,
        person.0,
        part,
        reader.0,
        day,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Basis { consent_id: row.id, version: row.version }))
}

/// Whether somebody acts for a person in health and welfare on a day, on a basis that was seen.
pub async fn acts_for(tx: &mut Tx, acting: PersonId, person: PersonId, day: NaiveDate) -> Result<bool> {
    let tenant = tx.tenant();
    let acts = sqlx::query_scalar!(
        r#"select exists (select from representative
               where tenant_id = $1 and person_id = $2 and representative_person_id = $3 and ended_at is null
                   and 'health_and_welfare' = any(scopes) and confirmed_at is not null
                   and valid_from <= $4 and (valid_until is null or valid_until > $4)) as "acts!""#,
        tenant.0,
        person.0,
        acting.0,
        day,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(acts)
}
