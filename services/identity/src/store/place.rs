//! Closing somebody's place in a tenant. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId};

use super::global::Global;
use super::{forget, words};
use crate::domain::session::End;

/// Takes the place away from whichever account has it, ends its sessions there and closes an invitation that waits. The
/// account stays, with its other places, unless this was the last one of an account that an erasure elsewhere would have
/// taken with it. What is closed already stays so.
pub async fn close(global: &Global, tenant: TenantId, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    let mut work = global.begin().await?;
    forget::readers(&mut work, tenant, person).await?;
    // What was said of two places goes with either of them.
    let account = sqlx::query_scalar!(
        "delete from signin.sign_in_place where tenant_id = $1 and person_id = $2 returning account_id",
        tenant.0,
        person.0
    )
    .fetch_optional(work.conn())
    .await?;
    sqlx::query!(
        "update signin.refresh_family set ended_at = $3, ended_reason = $4
         where tenant_id = $1 and person_id = $2 and ended_at is null",
        tenant.0,
        person.0,
        now,
        words::end_word(End::Left),
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "update signin.invitation set expires_at = $3, send_to = null
         where tenant_id = $1 and person_id = $2 and taken_at is null and expires_at > $3",
        tenant.0,
        person.0,
        now,
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "delete from signin.confirmation where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "delete from signin.mail where tenant_id = $1 and (person_id = $2 or account_id = $3)",
        tenant.0,
        person.0,
        account
    )
    .execute(work.conn())
    .await?;
    if let Some(account) = account {
        forget::account_without_place(&mut work, account).await?;
    }
    work.commit().await
}
