//! What each service has last said about the freeze of a tenant.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;

use crate::domain::fence::Fence;

struct FenceRow {
    service: String,
    epoch: i64,
    fenced_at: DateTime<Utc>,
    sent_types: Vec<String>,
    sent_events: Vec<i64>,
    applied_types: Vec<String>,
    applied_events: Vec<i64>,
    unpublished: i64,
    waiting: i64,
    dead: i64,
}

/// Writes down what a service says; when it first said so in this freeze stays.
pub async fn put(tx: &mut Tx, fence: &Fence) -> Result<()> {
    let tenant = tx.tenant();
    let (sent_types, sent_events) = split(&fence.sent);
    let (applied_types, applied_events) = split(&fence.applied);
    sqlx::query!(
        "insert into tenant_fence_report as r (tenant_id, service, epoch, fenced_at, sent_types, sent_events,
             applied_types, applied_events, unpublished, waiting, dead)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict on constraint tenant_fence_report_pk do update set epoch = $3,
             fenced_at = case when r.epoch = $3 then r.fenced_at else $4 end, sent_types = $5, sent_events = $6,
             applied_types = $7, applied_events = $8, unpublished = $9, waiting = $10, dead = $11",
        tenant.0,
        fence.service,
        fence.epoch,
        fence.fenced_at,
        &sent_types,
        &sent_events,
        &applied_types,
        &applied_events,
        fence.unpublished,
        fence.waiting,
        fence.dead,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn split(counts: &BTreeMap<String, i64>) -> (Vec<String>, Vec<i64>) {
    (counts.keys().cloned().collect(), counts.values().copied().collect())
}

/// What all have said about the freeze of that epoch.
pub async fn list(tx: &mut Tx, epoch: i64) -> Result<Vec<Fence>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        FenceRow,
        "select service, epoch, fenced_at, sent_types, sent_events, applied_types, applied_events, unpublished,
             waiting, dead
         from tenant_fence_report where tenant_id = $1 and epoch = $2 order by service",
        tenant.0,
        epoch
    )
    .fetch_all(tx.conn())
    .await?;
    let fence = |row: FenceRow| Fence {
        service: row.service,
        epoch: row.epoch,
        fenced_at: row.fenced_at,
        sent: row.sent_types.into_iter().zip(row.sent_events).collect(),
        applied: row.applied_types.into_iter().zip(row.applied_events).collect(),
        unpublished: row.unpublished,
        waiting: row.waiting,
        dead: row.dead,
    };
    Ok(rows.into_iter().map(fence).collect())
}
