//! Audit rows: who did or saw what, on which basis. Ids only.

use sqlx::PgConnection;

use crate::context::Actor;
use crate::db::Now;
use crate::error::Result;
use crate::id::{Ids, TenantId, Uuid};

/// One decision of the policy, or one more person whom what was decided on shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub action: &'static str,
    pub subject_type: &'static str,
    pub subject_id: Uuid,
    pub person_id: Option<Uuid>,
    pub basis: String,
    pub allowed: bool,
}

/// Writes all rows in one statement.
pub(crate) async fn write(
    conn: &mut PgConnection,
    tenant: TenantId,
    actor: Actor,
    rows: &[Row],
    ids: &Ids,
    now: Now,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for row in rows {
        columns.0.push(ids.uuid(now));
        columns.1.push(row.action.to_owned());
        columns.2.push(row.subject_type.to_owned());
        columns.3.push(row.subject_id);
        columns.4.push(row.person_id);
        columns.5.push(row.basis.clone());
        columns.6.push(row.allowed);
    }
    sqlx::query!(
        "insert into platform.audit (tenant_id, id, actor_id, action, subject_type, subject_id, person_id, basis,
             allowed, traceparent, recorded_at)
         select $1, row.id, $2, row.action, row.subject_type, row.subject_id, row.person_id, row.basis, row.allowed,
             $3, $4
         from unnest($5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::text[], $11::bool[])
             as row (id, action, subject_type, subject_id, person_id, basis, allowed)",
        tenant.0,
        actor.id(),
        crate::telemetry::traceparent(),
        now,
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
        &columns.4 as &[Option<Uuid>],
        &columns.5,
        &columns.6,
    )
    .execute(conn)
    .await?;
    Ok(())
}
