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

/// The columns of rows, each with an id.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub ids: Vec<Uuid>,
    pub actions: Vec<String>,
    pub subject_types: Vec<String>,
    pub subject_ids: Vec<Uuid>,
    pub person_ids: Vec<Option<Uuid>>,
    pub bases: Vec<String>,
    pub allowed: Vec<bool>,
}

impl Columns {
    pub fn of(rows: &[Row], ids: &Ids, now: Now) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.ids.push(ids.uuid(now));
            columns.actions.push(row.action.to_owned());
            columns.subject_types.push(row.subject_type.to_owned());
            columns.subject_ids.push(row.subject_id);
            columns.person_ids.push(row.person_id);
            columns.bases.push(row.basis.clone());
            columns.allowed.push(row.allowed);
        }
        columns
    }
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
    let columns = Columns::of(rows, ids, now);
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
        &columns.ids,
        &columns.actions,
        &columns.subject_types,
        &columns.subject_ids,
        &columns.person_ids as &[Option<Uuid>],
        &columns.bases,
        &columns.allowed,
    )
    .execute(conn)
    .await?;
    Ok(())
}
