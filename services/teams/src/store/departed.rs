//! People who have left the tenant, as identity told it.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

/// Keeps that somebody has left. Whoever is about to count on them ([`left_at`]) ends first.
pub async fn remember(tx: &mut Tx, person: PersonId, left_at: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 1))", person.to_string())
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "insert into departed_person (tenant_id, person_id, left_at) values ($1, $2, $3)
         on conflict on constraint departed_person_pk do nothing",
        tenant.0,
        person.0,
        left_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// When somebody left, if they did. Until this transaction ends nobody learns that they do.
pub async fn left_at(tx: &mut Tx, person: PersonId) -> Result<Option<DateTime<Utc>>> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock_shared(hashtextextended($1, 1))", person.to_string())
        .execute(tx.conn())
        .await?;
    let left_at = sqlx::query_scalar!(
        "select left_at from departed_person where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(left_at)
}
