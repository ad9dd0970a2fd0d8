//! Forgets what has ended: answers kept for repeats, events published and applied long ago. The newest event of each
//! aggregate is kept for ever, because it is the snapshot that a late joiner gets.

use std::time::Duration;

use chrono::Days;
use tokio_util::sync::CancellationToken;

use crate::connections::{LONGEST_WORK, within};
use crate::db::Db;
use crate::error::Result;

const SWEEP: Duration = Duration::from_mins(10);
/// Rows forgotten in one statement, so that no lock is held for long.
const AT_ONCE: i64 = 10_000;

/// What one sweep has forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Saved answers.
    pub answers: u64,
    /// Published events.
    pub published: u64,
    /// Applied events.
    pub applied: u64,
}

/// Sweeps now and then, until told to stop.
pub(crate) async fn run(db: &Db, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        match once(db).await {
            Ok(swept) => {
                tracing::debug!(swept.answers, swept.published, swept.applied, "what has ended is forgotten");
            }
            Err(error) => tracing::warn!(error.kind = %error, "nothing was swept, and will be"),
        }
    }
}

/// Forgets everything that has ended by now.
pub async fn once(db: &Db) -> Result<Swept> {
    let mut swept = Swept::default();
    loop {
        let round = Swept {
            answers: within(LONGEST_WORK, answers(db)).await?,
            published: within(LONGEST_WORK, published(db)).await?,
            applied: within(LONGEST_WORK, applied(db)).await?,
        };
        swept.answers += round.answers;
        swept.published += round.published;
        swept.applied += round.applied;
        let most = round.answers.max(round.published).max(round.applied);
        if most < AT_ONCE.unsigned_abs() {
            return Ok(swept);
        }
    }
}

async fn answers(db: &Db) -> Result<u64> {
    let mut conn = db.relay().await?;
    let forgotten = sqlx::query!(
        "delete from platform.saved_answer a using (
             select tenant_id, actor_id, request_id from platform.saved_answer where expires_at < $1 limit $2
         ) ended
         where a.tenant_id = ended.tenant_id and a.actor_id = ended.actor_id and a.request_id = ended.request_id",
        db.shared.clock.now(),
        AT_ONCE,
    )
    .execute(&mut *conn)
    .await?;
    Ok(forgotten.rows_affected())
}

async fn published(db: &Db) -> Result<u64> {
    let before = db.shared.clock.now() - Days::new(db.setting("outbox_days").await?.unsigned_abs());
    let mut conn = db.relay().await?;
    let forgotten = sqlx::query!(
        "delete from platform.outbox o using (
             select p.tenant_id, p.event_id from platform.outbox p
                 join platform.outbox_head h using (tenant_id, aggregate_type, aggregate_id)
             where p.created_at < $1 and p.published_at < $1 and p.event_no < h.last_no limit $2
         ) ended
         where o.tenant_id = ended.tenant_id and o.event_id = ended.event_id",
        before,
        AT_ONCE,
    )
    .execute(&mut *conn)
    .await?;
    Ok(forgotten.rows_affected())
}

async fn applied(db: &Db) -> Result<u64> {
    let before = db.shared.clock.now() - Days::new(db.setting("inbox_days").await?.unsigned_abs());
    let mut conn = db.relay().await?;
    let forgotten = sqlx::query!(
        "delete from platform.inbox i using (
             select tenant_id, event_id from platform.inbox a
             where received_at < $1
                 and not exists (select from platform.inbox_todo t where t.tenant_id = a.tenant_id and t.seq = a.seq)
             limit $2
         ) ended
         where i.tenant_id = ended.tenant_id and i.event_id = ended.event_id",
        before,
        AT_ONCE,
    )
    .execute(&mut *conn)
    .await?;
    Ok(forgotten.rows_affected())
}
