//! Audit rows: who did or saw what, on which basis. Ids only.

mod group;

use crate::context::Actor;
use crate::db::{Conn, Now};
use crate::error::Result;
use crate::id::{Ids, TenantId, Uuid};

pub(crate) use group::Group;

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
        columns.add(rows, ids, now);
        columns
    }

    fn add(&mut self, rows: &[Row], ids: &Ids, now: Now) {
        for row in rows {
            self.ids.push(ids.uuid(now));
            self.actions.push(row.action.to_owned());
            self.subject_types.push(row.subject_type.to_owned());
            self.subject_ids.push(row.subject_id);
            self.person_ids.push(row.person_id);
            self.bases.push(row.basis.clone());
            self.allowed.push(row.allowed);
        }
    }
}

/// What one call has to write down.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub actor: Actor,
    pub now: Now,
    pub rows: Vec<Row>,
    pub traceparent: Option<String>,
}

impl Noted {
    /// Within the span of the call.
    pub fn new(actor: Actor, now: Now, rows: Vec<Row>) -> Self {
        Self { actor, now, rows, traceparent: crate::telemetry::traceparent() }
    }
}

/// Writes all rows of some calls of one tenant in one statement.
pub(crate) async fn write(conn: Conn<'_>, tenant: TenantId, noted: &[&Noted], ids: &Ids) -> Result<()> {
    let mut columns = Columns::default();
    let (mut actors, mut traces, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for one in noted {
        columns.add(&one.rows, ids, one.now);
        for _ in &one.rows {
            actors.push(one.actor.id());
            traces.push(one.traceparent.clone());
            times.push(one.now);
        }
    }
    if columns.ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "with open as (
             insert into platform.audit_open (tenant_id, id) select $1, unnest($2::uuid[])
         )
         insert into platform.audit (tenant_id, id, actor_id, action, subject_type, subject_id, person_id, basis,
             allowed, traceparent, recorded_at)
         select $1, row.id, row.actor_id, row.action, row.subject_type, row.subject_id, row.person_id, row.basis,
             row.allowed, row.traceparent, row.recorded_at
         from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::bool[],
                 $10::text[], $11::timestamptz[])
             as row (id, actor_id, action, subject_type, subject_id, person_id, basis, allowed, traceparent, recorded_at)",
        tenant.0,
        &columns.ids,
        &actors,
        &columns.actions,
        &columns.subject_types,
        &columns.subject_ids,
        &columns.person_ids as &[Option<Uuid>],
        &columns.bases,
        &columns.allowed,
        &traces as &[Option<String>],
        &times,
    )
    .execute(conn)
    .await?;
    Ok(())
}
