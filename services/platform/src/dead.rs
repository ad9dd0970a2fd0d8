//! Events that were given up on: what an operator sees of them, and the two ways on. Ids, types and kinds of failure
//! only; each decision is written down with its reason.

use chrono::{DateTime, Utc};

use crate::audit;
use crate::context::Actor;
use crate::db::{Db, Mode};
use crate::error::{Error, Result};
use crate::id::{TenantId, Uuid};

/// An event that was given up on.
#[derive(Clone, Debug)]
pub struct Dead {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub event_id: Uuid,
    /// `<service>.<aggregate>.<past_tense>.v1`.
    pub event_type: String,
    /// About which aggregate; its later events wait.
    pub aggregate_id: Uuid,
    /// The kind of the last failure.
    pub last_error: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
}

/// What is to be done with a dead event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try it again, as if it had just arrived.
    Replay,
    /// Go on without it: what it says is not applied here.
    Skip,
}

/// Lists dead events, oldest first, over all tenants.
pub async fn list(db: &Db) -> Result<Vec<Dead>> {
    let mut conn = db.relay().await?;
    let rows = sqlx::query!(
        "select t.tenant_id, t.event_id, i.event_type, t.aggregate_id, t.last_error, t.attempts, i.received_at
         from platform.inbox_todo t join platform.inbox i on i.tenant_id = t.tenant_id and i.event_id = t.event_id
         where t.state = 'dead' order by t.since limit 1000"
    )
    .fetch_all(&mut *conn)
    .await?;
    let dead = rows.into_iter().map(|row| Dead {
        tenant: TenantId(row.tenant_id),
        event_id: row.event_id,
        event_type: row.event_type,
        aggregate_id: row.aggregate_id,
        last_error: row.last_error.unwrap_or_default(),
        attempts: row.attempts,
        received_at: row.received_at,
    });
    Ok(dead.collect())
}

/// Replays or skips a dead event. The reason goes into the audit: say why, without names.
pub async fn decide(db: &Db, event_id: Uuid, decision: Decision, reason: &str) -> Result<()> {
    let dead = list(db).await?.into_iter().find(|dead| dead.event_id == event_id);
    let dead = dead.ok_or(Error::NotFound("dead event"))?;
    let actor = Actor::Service { tenant: dead.tenant };
    let mut tx = db.begin(dead.tenant, actor, Mode::Apply).await?;
    let (tenant, now) = (tx.tenant(), tx.now());
    let action = match decision {
        Decision::Replay => {
            sqlx::query!(
                "update platform.inbox_todo set state = 'ready', attempts = 0, next_attempt_at = $3
                 where tenant_id = $1 and event_id = $2 and state = 'dead'",
                tenant.0,
                event_id,
                now
            )
            .execute(tx.conn())
            .await?;
            "ReplayEvent"
        }
        Decision::Skip => {
            sqlx::query!(
                "with skipped as (
                     delete from platform.inbox_todo where tenant_id = $1 and event_id = $2 and state = 'dead'
                     returning aggregate_type, aggregate_id, event_no
                 )
                 update platform.inbox_cursor c set last_no = greatest(c.last_no, s.event_no) from skipped s
                 where c.tenant_id = $1 and c.aggregate_type = s.aggregate_type and c.aggregate_id = s.aggregate_id",
                tenant.0,
                event_id
            )
            .execute(tx.conn())
            .await?;
            "SkipEvent"
        }
    };
    let basis: String = format!("operator: {reason}").chars().take(200).collect();
    tx.note(vec![audit::Row {
        action,
        subject_type: "event",
        subject_id: event_id,
        person_id: None,
        basis,
        allowed: true,
    }]);
    tx.commit().await?;
    Ok(())
}
