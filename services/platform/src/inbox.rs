//! The inbox: store, then acknowledge and apply, once, in order per aggregate. Retries live in SQL.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::broker::Address;
use crate::connections::{LONGEST_STATEMENT, LONGEST_WORK, within};
use crate::db::{Db, Now, Ready, Tx};
use crate::error::{Error, Result};
use crate::id::{TenantId, Uuid};
use crate::pace::Pace;

mod arrived;
mod commits;
mod listen;
mod receive;

use arrived::Arrived;
use commits::Commits;
use listen::Handler;
pub use listen::{Outcome, Received, Subscriptions};

/// Events of one transaction: a commit and some statements cost the same for one as for all of them.
const BATCH: i64 = 500;
/// How many batches of one tenant are applied before the others have their turn.
const BATCHES_IN_A_ROW: usize = 8;
const POLL: Duration = Duration::from_millis(100);
/// How often the applier looks for what became due by itself; what arrives wakes it at once.
const DUE_POLL: Duration = Duration::from_millis(500);
const MAX_ATTEMPTS: i32 = 8;
/// A parked event is woken by what it awaits; should that wake be missed, it looks for itself after this time.
const LOOK_AGAIN_AFTER: chrono::Duration = chrono::Duration::seconds(5);
const LONGEST_BACKOFF_SECONDS: f64 = 900.0;
/// After what will pass by itself, such as a database that restarts.
const TRANSIENT_BACKOFF_SECONDS: f64 = 0.5;

/// An event whose cursor is locked.
struct Taken {
    seq: i64,
    aggregate_type: String,
    event: Received,
    traceparent: Option<String>,
    /// At or below the cursor: applied before, or covered by a snapshot. A snapshot at the cursor is applied again.
    seen: bool,
    /// Stands for everything before it.
    snapshot: bool,
}

impl From<Ready> for Taken {
    fn from(ready: Ready) -> Self {
        // Under the lock: another replica may have moved the cursor on after the inbox row was read.
        let again = ready.snapshot && ready.event_no == ready.last_no;
        let event = Received {
            event_id: ready.event_id,
            event_type: ready.event_type,
            aggregate_id: ready.aggregate_id,
            event_no: ready.event_no,
            payload: ready.payload,
        };
        let seen = event.event_no <= ready.last_no && !again;
        let (aggregate_type, snapshot) = (ready.aggregate_type, ready.snapshot);
        Self { seq: ready.seq, aggregate_type, event, traceparent: ready.traceparent, seen, snapshot }
    }
}

/// What is left of a batch without the events that a snapshot earlier in it stands for: one that came late may lie behind it,
/// and what is older must not be applied after it. They are marked with the snapshot, if that is done.
fn without_covered(batch: impl Iterator<Item = Taken>) -> Vec<Taken> {
    let mut covered: HashMap<(String, Uuid), i64> = HashMap::new();
    let mut left = Vec::new();
    for taken in batch {
        let (number, aggregate) =
            (taken.event.event_no, (taken.aggregate_type.clone(), taken.event.aggregate_id));
        if covered.get(&aggregate).is_some_and(|newest| number < *newest) {
            continue;
        }
        if taken.snapshot {
            covered.insert(aggregate, number);
        }
        left.push(taken);
    }
    left
}

/// What a transaction did.
#[derive(Default)]
struct Worked {
    applied: usize,
    /// To be marked as done as it ends.
    done: Vec<i64>,
    /// Whether the tenant may have more that is ready.
    more: bool,
}

/// A service's inbox.
#[derive(Clone, Debug)]
pub struct Inbox {
    pub(crate) db: Db,
    pub(crate) address: Address,
    pub(crate) subscriptions: Subscriptions,
    /// Wakes the applier after events were stored.
    pub(crate) stored: Arc<Arrived>,
    /// What the applier commits.
    pub(crate) commits: Arc<Commits>,
    /// Wakes those who wait for events to be applied.
    pub(crate) applied: Arc<Notify>,
    /// Wakes the relay: handlers may write events of their own.
    pub(crate) wrote: Arc<Notify>,
    /// Whether the queue is known to be bound: from then on no event can miss it.
    pub(crate) bound: Arc<AtomicBool>,
}

impl Inbox {
    /// Whether the queue is bound.
    pub(crate) fn is_bound(&self) -> bool {
        self.bound.load(Ordering::Relaxed)
    }

    /// Applies until told to stop: what arrived here, and now and then what the database says is due.
    pub(crate) async fn apply(&self, stop: &CancellationToken) {
        let (mut pace, mut look_at) = (Pace::default(), Instant::now());
        while !stop.is_cancelled() {
            pace.turn().await;
            let looks = Instant::now() >= look_at;
            let applying =
                if looks { self.apply_ready().await } else { self.apply_of(self.stored.take()).await };
            match applying {
                Ok(applied) => pace.carried(applied),
                Err(error) => tracing::warn!(error.kind = %error, "applying stopped and will resume"),
            }
            if looks {
                look_at = Instant::now() + DUE_POLL;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.stored.some() => {}
                () = tokio::time::sleep_until(look_at) => {}
            }
        }
    }

    /// Applies everything that is ready, tenant by tenant; answers how many events were applied.
    pub async fn apply_ready(&self) -> Result<usize> {
        let mut tenants = self.stored.take();
        let mut conn = self.db.relay().await?;
        let looking = sqlx::query_scalar!(
            "select distinct t.tenant_id from platform.inbox_todo t cross join lateral (
                 select from platform.inbox_cursor c
                 where c.tenant_id = t.tenant_id and c.aggregate_type = t.aggregate_type
                     and c.aggregate_id = t.aggregate_id and (t.snapshot or t.event_no <= c.last_no + 1)
                 limit 1) as next
             where t.state = 'ready' and t.next_attempt_at <= $1",
            self.db.shared.clock.now()
        )
        .fetch_all(&mut *conn);
        let ready = within(LONGEST_STATEMENT, async { Ok(looking.await?) }).await?;
        drop(conn);
        tenants.extend(ready.into_iter().map(TenantId));
        self.apply_of(tenants).await
    }

    /// Applies what is ready of these tenants; answers how many events were applied.
    async fn apply_of(&self, tenants: BTreeSet<TenantId>) -> Result<usize> {
        let now = self.db.shared.clock.now();
        let (mut applied, mut failed) = (0, None);
        for tenant in tenants {
            // Each has several turns before the next one's.
            for turn in 1.. {
                let applying = within(LONGEST_WORK, self.apply_batch(tenant, BATCH, now));
                let Ok((count, more)) = applying.await else {
                    match self.apply_one_by_one(tenant, now).await {
                        Ok(count) => {
                            applied += count;
                            // What waited for these is looked for at once.
                            self.stored.add([tenant]);
                        }
                        // It keeps no other tenant waiting.
                        Err(error) => {
                            if let Some(earlier) = failed.replace(error) {
                                tracing::warn!(error.kind = %earlier, "applying a tenant's events stopped and will resume");
                            }
                        }
                    }
                    break;
                };
                applied += count;
                if !more {
                    break;
                }
                if turn == BATCHES_IN_A_ROW {
                    self.stored.add([tenant]);
                    break;
                }
            }
        }
        failed.map_or(Ok(applied), Err)
    }

    /// One transaction for up to `limit` events of one tenant: all or none. Answers how many there were, and whether there may
    /// be more.
    async fn apply_batch(&self, tenant: TenantId, limit: i64, now: Now) -> Result<(usize, bool)> {
        let (mut tx, ready) = self.db.begin_applying(tenant, limit, now).await?;
        if ready.is_empty() {
            tx.rollback().await?;
            return Ok((0, false));
        }
        let worked = self.apply_within(&mut tx, ready, limit, now).await;
        let Worked { applied, more, .. } = self.end(tx, worked, now).await?;
        Ok((applied, more))
    }

    async fn end(&self, tx: Tx, worked: Result<Worked>, now: Now) -> Result<Worked> {
        match worked {
            Ok(worked) => {
                crate::crash::point("K7");
                let commit = self.commits.begin();
                let caused = tx.commit_done(&worked.done, now).await?;
                self.commits.ended(commit);
                crate::crash::point("K8");
                if !caused.is_empty() {
                    self.wrote.notify_one();
                }
                self.applied.notify_waiters();
                Ok(worked)
            }
            Err(error) => {
                tx.rollback().await?;
                Err(error)
            }
        }
    }

    /// Applies what is ready, up to an event that has to be alone: that one comes first in the next transaction.
    async fn apply_within(&self, tx: &mut Tx, mut ready: Vec<Ready>, limit: i64, now: Now) -> Result<Worked> {
        let mut worked = Worked::default();
        while let Some(first) = ready.first() {
            // None beside these: nothing can have become ready by applying them.
            worked.more = usize::try_from(first.waiting).is_ok_and(|waiting| waiting > ready.len());
            let mut batch = without_covered(ready.into_iter().map(Taken::from));
            let is_alone = |taken: &Taken| self.subscriptions.is_alone(&taken.event.event_type);
            let alone = batch.iter().position(is_alone);
            if let Some(place) = alone {
                batch.truncate(if place == 0 && worked.applied == 0 { 1 } else { place });
                worked.more = true;
            }
            worked.done = self.apply_all(tx, &batch, now).await?;
            worked.applied += batch.len();
            // What was parked may wait for one of these.
            worked.more |= worked.done.len() < batch.len();
            let room = limit - i64::try_from(worked.applied).unwrap_or(limit);
            if !worked.more || alone.is_some() || room == 0 {
                return Ok(worked);
            }
            tx.mark_done(&worked.done, now).await?;
            worked.done = Vec::new();
            ready = tx.take(room, now).await?;
        }
        Ok(Worked { more: false, ..worked })
    }

    /// Applies events in order, those that one handler takes together in one go; answers those that are done.
    async fn apply_all(&self, tx: &mut Tx, batch: &[Taken], now: Now) -> Result<Vec<i64>> {
        let mut done = Vec::with_capacity(batch.len());
        let mut rest = batch;
        while !rest.is_empty() {
            let (run, later) = rest.split_at(self.length_of_run(rest));
            rest = later;
            match self.handle(tx, run).await? {
                Outcome::Done => done.extend(run.iter().map(|taken| taken.seq)),
                Outcome::Awaits(fact) => park(tx, run[0].seq, &fact, now).await?,
            }
        }
        Ok(done)
    }

    /// How many of the first events go to their handler together: each of another aggregate, so that none hides another.
    fn length_of_run(&self, events: &[Taken]) -> usize {
        let first = &events[0];
        if first.seen || !matches!(self.subscriptions.handler(&first.aggregate_type), Some(Handler::Many(_)))
        {
            return 1;
        }
        let mut aggregates = HashSet::new();
        let together = |taken: &&Taken| {
            !taken.seen
                && taken.aggregate_type == first.aggregate_type
                && aggregates.insert(taken.event.aggregate_id)
        };
        events.iter().take_while(together).count()
    }

    /// Hands a run to its handler. What was seen before needs none.
    async fn handle(&self, tx: &mut Tx, run: &[Taken]) -> Result<Outcome> {
        let Taken { aggregate_type, event, seen, .. } = &run[0];
        let span = tracing::info_span!("apply", event.r#type = %event.event_type, event.id = %event.event_id);
        for taken in run {
            crate::telemetry::follow(&span, taken.traceparent.as_deref());
        }
        let panicked = |_| Error::internal(anyhow::anyhow!("the handler panicked"));
        match self.subscriptions.handler(aggregate_type) {
            Some(Handler::One(handler)) if !seen => {
                let handled = AssertUnwindSafe(handler(tx, event)).catch_unwind().instrument(span).await;
                handled.map_err(panicked)?
            }
            Some(Handler::Many(handler)) if !seen => {
                let events: Vec<&Received> = run.iter().map(|taken| &taken.event).collect();
                let handled = AssertUnwindSafe(handler(tx, &events)).catch_unwind().instrument(span).await;
                handled.map_err(panicked)?.map(|()| Outcome::Done)
            }
            _ => Ok(Outcome::Done),
        }
    }

    /// After an error in a batch: each event in a transaction of its own, so that one bad event stops its aggregate
    /// only.
    async fn apply_one_by_one(&self, tenant: TenantId, now: Now) -> Result<usize> {
        let mut applied = 0;
        for _ in 0..BATCH {
            if !within(LONGEST_WORK, self.apply_next(tenant, now, &mut applied)).await? {
                break;
            }
        }
        Ok(applied)
    }

    /// Applies one event or puts it off; answers whether there was one.
    async fn apply_next(&self, tenant: TenantId, now: Now, applied: &mut usize) -> Result<bool> {
        let (mut tx, mut ready) = self.db.begin_applying(tenant, 1, now).await?;
        let Some(taken) = ready.pop().map(Taken::from) else {
            tx.rollback().await?;
            return Ok(false);
        };
        let worked = self.apply_all(&mut tx, std::slice::from_ref(&taken), now).await;
        let worked = worked.map(|done| Worked { applied: 1, done, more: true });
        match self.end(tx, worked, now).await {
            Ok(_) => *applied += 1,
            Err(error) => self.put_off(tenant, &taken, &error).await?,
        }
        Ok(true)
    }

    /// Notes a failed attempt: tried again later, dead after the last. What will pass by itself is no attempt: it is tried
    /// again within seconds, for ever, and leaves the event its attempts.
    async fn put_off(&self, tenant: TenantId, taken: &Taken, error: &Error) -> Result<()> {
        // As late as it is by now: what failed may have taken its time.
        let now = self.db.shared.clock.now();
        // What stands in the database must be as clean of data as a log: the kind, never the cause's text.
        let kind = error.to_string();
        let spread = i64::from(self.db.shared.ids.bytes::<1>()[0]) * 400 / 255 - 200;
        let mut conn = self.db.relay().await?;
        let state = sqlx::query_scalar!(
            "update platform.inbox_todo set last_error = $3,
                 attempts = case when $7 then attempts else attempts + 1 end,
                 state = case when attempts + 1 >= $4 and not $7 then 'dead' else state end,
                 next_attempt_at = $5::timestamptz
                     + make_interval(secs => (1 + $8::bigint / 1000.0)
                         * case when $7 then $9 else least(power(2, attempts + 1), $6) end)
             where tenant_id = $1 and seq = $2 and state = 'ready' returning state",
            tenant.0,
            taken.seq,
            kind,
            MAX_ATTEMPTS,
            now,
            LONGEST_BACKOFF_SECONDS,
            error.is_transient(),
            spread,
            TRANSIENT_BACKOFF_SECONDS,
        )
        .fetch_optional(&mut *conn)
        .await?;
        if state.as_deref() == Some("dead") {
            tracing::error!(event.id = %taken.event.event_id, event.r#type = %taken.event.event_type, "an event is given up on");
        }
        Ok(())
    }

    /// Whether all these events are applied here: `None` while one is under way. One that stands behind a dead event of
    /// its aggregate is as good as dead: it waits for an operator too. A snapshot stands behind nothing.
    pub(crate) async fn settled(&self, tenant: TenantId, event_ids: &[Uuid]) -> Result<Option<Settled>> {
        let mut conn = self.db.relay().await?;
        let rows = sqlx::query!(
            r#"select i.event_id, t.seq is not null as "waits!",
                   t.state = 'dead' or (not t.snapshot and exists (
                       select from platform.inbox_todo d
                       where d.tenant_id = t.tenant_id and d.aggregate_type = t.aggregate_type
                           and d.aggregate_id = t.aggregate_id and d.event_no < t.event_no and d.state = 'dead'
                   )) as stuck
               from platform.inbox i left join platform.inbox_todo t on t.tenant_id = i.tenant_id and t.seq = i.seq
               where i.tenant_id = $1 and i.event_id = any($2)"#,
            tenant.0,
            event_ids
        )
        .fetch_all(&mut *conn)
        .await?;
        if rows.iter().any(|row| row.stuck == Some(true)) {
            return Ok(Some(Settled::Dead));
        }
        let applied: HashSet<Uuid> = rows.iter().filter(|row| !row.waits).map(|row| row.event_id).collect();
        let done = event_ids.iter().all(|id| applied.contains(id));
        Ok(done.then_some(Settled::Applied))
    }
}

/// What became of events that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// All applied.
    Applied,
    /// One was given up on, or waits behind one that was.
    Dead,
}

/// Lets an event wait for a fact about another aggregate.
async fn park(tx: &mut Tx, seq: i64, fact: &str, now: Now) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update platform.inbox_todo set awaiting = $3, next_attempt_at = $4 where tenant_id = $1 and seq = $2",
        tenant.0,
        seq,
        fact,
        now + LOOK_AGAIN_AFTER,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
