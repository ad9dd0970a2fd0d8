//! What identity told about people and organisation roles, and the setting that says how far back a live tenant reaches.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::PersonId;

/// Notes whether a person is in the tenant: since they were asked in, until they leave.
pub async fn note_person(tx: &mut Tx, person: PersonId, is_here: bool) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "with gone as (delete from person where tenant_id = $1 and person_id = $2 and not $3::boolean)
         insert into person (tenant_id, person_id) select $1, $2 where $3::boolean on conflict do nothing",
        tenant.0,
        person.0,
        is_here
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a person is in the tenant.
pub async fn has_person(tx: &mut Tx, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (select from person where tenant_id = $1 and person_id = $2) as "found!""#,
        tenant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// Writes down all organisation roles of a person.
pub async fn put(tx: &mut Tx, person: PersonId, roles: &[String]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into organisation_role (tenant_id, person_id, roles) values ($1, $2, $3)
         on conflict on constraint organisation_role_pk do update set roles = $3",
        tenant.0,
        person.0,
        roles
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a person is an administrator.
pub async fn is_administrator(tx: &mut Tx, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (select from organisation_role
             where tenant_id = $1 and person_id = $2 and 'administrator' = any(roles)) as "found!""#,
        tenant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// How many days back a live tenant accepts what is dated.
pub async fn history_days(tx: &mut Tx, day: NaiveDate) -> Result<i64> {
    let days = sqlx::query_scalar!(
        "select value from platform.setting where name = 'history_days' and valid_from <= $1
         order by valid_from desc limit 1",
        day
    )
    .fetch_optional(tx.conn())
    .await?;
    days.ok_or_else(|| Error::Inconsistent {
        table: "platform.setting",
        row: "history_days".into(),
        problem: "none is in force".into(),
    })
}
