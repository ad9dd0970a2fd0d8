//! Transactions that apply events: what is ready comes with their beginning, and is marked as done with their end, so that
//! each is one message. The functions of PostgreSQL that they call keep their plans; what is in the messages are ids, a
//! moment and a number.

use chrono::SecondsFormat;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Db, Mode, Now, Tx};
use crate::context::Actor;
use crate::error::Result;
use crate::id::{TenantId, Uuid};

/// An event whose cursor is locked.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its place in the order of arrival.
    pub seq: i64,
    pub event_id: Uuid,
    pub event_type: String,
    pub aggregate_type: String,
    pub aggregate_id: Uuid,
    pub event_no: i64,
    pub payload: Vec<u8>,
    pub traceparent: Option<String>,
    /// Stands for everything before it.
    pub snapshot: bool,
    /// The newest of its aggregate that was applied.
    pub last_no: i64,
    /// How many wait in the inbox, this one among them, ready or not; no further than one more than were asked for.
    pub waiting: i64,
}

impl Db {
    /// Begins a tenant's transaction by locking the cursors of aggregates whose next event is ready; answers these events.
    pub(crate) async fn begin_applying(
        &self,
        tenant: TenantId,
        limit: i64,
        now: Now,
    ) -> Result<(Tx, Vec<Ready>)> {
        let actor = Actor::Service { tenant };
        let taking = taking(tenant, limit, now);
        let (tx, _, rows) = self.begin_with(tenant, actor, Mode::Apply, None, &taking).await?;
        Ok((tx, rows.map(ready).collect::<Result<_>>()?))
    }
}

impl Tx {
    /// Locks and answers what has become ready since.
    pub(crate) async fn take(&mut self, limit: i64, now: Now) -> Result<Vec<Ready>> {
        let taking = taking(self.tenant, limit, now);
        let rows = sqlx::raw_sql(AssertSqlSafe(taking)).fetch_all(self.open.conn()).await?;
        rows.into_iter().map(ready).collect()
    }

    /// Marks events as done before others are taken.
    pub(crate) async fn mark_done(&mut self, done: &[i64], now: Now) -> Result<()> {
        let marking = marking(self.tenant, done, now);
        sqlx::raw_sql(AssertSqlSafe(marking)).execute(self.open.conn()).await?;
        Ok(())
    }

    /// Marks events as done and commits everything; answers what it caused.
    pub(crate) async fn commit_done(mut self, done: &[i64], now: Now) -> Result<String> {
        let caused = self.flush().await?;
        self.open.finish(format!("{}; commit", marking(self.tenant, done, now))).await?;
        Ok(caused)
    }
}

fn moment(now: Now) -> String {
    now.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn taking(tenant: TenantId, limit: i64, now: Now) -> String {
    format!("select * from platform.take('{tenant}', '{}', {limit})", moment(now))
}

fn marking(tenant: TenantId, done: &[i64], now: Now) -> String {
    let done = done.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    format!("select platform.mark_done('{tenant}', '{}', '{{{done}}}')", moment(now))
}

fn ready(row: PgRow) -> Result<Ready> {
    Ok(Ready {
        seq: row.try_get(0)?,
        event_id: row.try_get(1)?,
        event_type: row.try_get(2)?,
        aggregate_type: row.try_get(3)?,
        aggregate_id: row.try_get(4)?,
        event_no: row.try_get(5)?,
        payload: row.try_get(6)?,
        traceparent: row.try_get(7)?,
        snapshot: row.try_get(8)?,
        last_no: row.try_get(9)?,
        waiting: row.try_get(10)?,
    })
}
