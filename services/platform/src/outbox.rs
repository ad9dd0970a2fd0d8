//! The outbox: events leave in the transaction that made them, and reach the broker later, in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::broker::{Message, Publisher};
use crate::clock::Clock;
use crate::connections::{LONGEST_STATEMENT, LONGEST_WORK, within};
use crate::db::Db;
use crate::error::Result;
use crate::id::{TenantId, Uuid};
use crate::pace::Pace;

/// An event that waits for its transaction's commit.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub event_id: Uuid,
    pub aggregate_type: &'static str,
    pub aggregate_id: Uuid,
    pub event_type: &'static str,
    pub payload: Vec<u8>,
}

impl Pending {
    /// As the `kith-caused` metadata says it.
    pub fn caused(&self) -> String {
        format!("{};{};{}", self.event_type, self.aggregate_id, self.event_id)
    }
}

const BATCH: usize = 500;
/// After so many, what else a relay does has its turn.
const BATCHES_IN_A_ROW: usize = 8;
const POLL: Duration = Duration::from_millis(100);
/// The longest that snapshots wait for a turn without events.
const SNAPSHOTS_WAIT: Duration = Duration::from_millis(100);
/// How often a relay that does not lead looks whether it may.
const LEADERSHIP_POLL: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The lock that makes one relay the leader of its database; any number that nothing else uses.
const LEADER_LOCK: i64 = 0x6B69_7468;

/// Carries the outbox to the broker.
#[derive(Debug)]
pub(crate) struct Relay {
    pub db: Db,
    pub clock: Clock,
    pub publisher: Publisher,
    pub woken: Arc<Notify>,
}

impl Relay {
    /// Runs until told to stop. Failures of broker or database are waited out, never dropped.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut pause = POLL;
        while !stop.is_cancelled() {
            match self.lead(stop).await {
                Ok(()) => pause = POLL,
                Err(error) => {
                    tracing::warn!(error.kind = %error, pause.ms = pause.as_millis(), "the outbox waits");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Leads as long as the connection and the lock last.
    async fn lead(&self, stop: &CancellationToken) -> Result<()> {
        // Closed when dropped: the lock belongs to the session and must not go back into the pool with it.
        let mut session = crate::connections::Open::from_connection(self.db.relay().await?);
        let asking = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "leads!""#, LEADER_LOCK)
            .fetch_one(session.conn());
        let leads = within(LONGEST_STATEMENT, async { Ok(asking.await?) }).await?;
        if !leads {
            session.give_back();
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LEADERSHIP_POLL) => {}
            }
            return Ok(());
        }
        // A mark that is lost with the machine has its event published once more, which every inbox expects. So no mark waits
        // for the disk, nor do the commits of others behind it. Everything else that this session writes can be lost alike.
        sqlx::raw_sql("set synchronous_commit = off").execute(session.conn()).await?;
        let mut watermark = crate::watermark::Teller::new(self.publisher.service());
        let mut pace = Pace::default();
        let mut looked = Instant::now();
        while !stop.is_cancelled() {
            pace.turn().await;
            within(LONGEST_WORK, watermark.tell(session.conn(), &self.db.shared, &self.publisher)).await?;
            let Published { events, more } = self.publish_batches(session.conn()).await?;
            pace.carried(events);
            // Events go first; snapshots fill the time between, and have their turn where there is none.
            let mut resent = false;
            if !more && (events == 0 || looked.elapsed() > SNAPSHOTS_WAIT) {
                resent =
                    within(LONGEST_WORK, crate::resend::send_page(session.conn(), &self.publisher)).await?;
                looked = Instant::now();
            }
            if !more && !resent {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.woken.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        }
        Ok(())
    }

    /// Publishes unpublished events in order, a few batches at most: while one is on its way, the one before it is marked, each
    /// in one statement. Order among the events of an aggregate is restored by the receiver's inbox, by their numbers.
    async fn publish_batches(&self, conn: &mut PgConnection) -> Result<Published> {
        let (mut confirmed, mut events) = (Confirmed::default(), 0);
        for turn in 1.. {
            let messages = within(LONGEST_STATEMENT, self.unpublished(conn, &confirmed)).await?;
            let publishing = async {
                let (indices, failure) = self.publisher.publish(&messages).await;
                crate::crash::point("K4");
                (indices, failure)
            };
            let (marked, (indices, failure)) =
                tokio::join!(within(LONGEST_STATEMENT, self.mark(conn, &confirmed)), publishing);
            confirmed = Confirmed::of(&messages, &indices);
            events += messages.len();
            let more = messages.len() == BATCH;
            if marked.is_err() || failure.is_some() || !more || turn == BATCHES_IN_A_ROW {
                within(LONGEST_STATEMENT, self.mark(conn, &confirmed)).await?;
                marked?;
                return failure.map_or(Ok(Published { events, more }), Err);
            }
        }
        Ok(Published { events, more: false })
    }

    /// The first of the events that are neither published nor about to be marked so.
    async fn unpublished(&self, conn: &mut PgConnection, confirmed: &Confirmed) -> Result<Vec<Message>> {
        let rows = sqlx::query!(
            "select tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload, traceparent,
                 created_at
             from platform.outbox where published_at is null and event_id <> all($2) order by seq limit $1",
            i64::try_from(BATCH).unwrap_or(i64::MAX),
            &confirmed.events
        )
        .fetch_all(conn)
        .await?;
        let messages = rows.into_iter().map(|row| Message {
            tenant_id: TenantId(row.tenant_id),
            event_id: row.event_id,
            aggregate_type: row.aggregate_type,
            aggregate_id: row.aggregate_id,
            event_no: row.event_no,
            event_type: row.event_type,
            payload: row.payload,
            traceparent: row.traceparent,
            time: row.created_at,
            snapshot_for: None,
        });
        Ok(messages.collect())
    }

    /// Marks events that the broker confirmed.
    async fn mark(&self, conn: &mut PgConnection, confirmed: &Confirmed) -> Result<()> {
        if confirmed.events.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "update platform.outbox o set published_at = $3
             from unnest($1::uuid[], $2::uuid[]) as done (tenant_id, event_id)
             where o.tenant_id = done.tenant_id and o.event_id = done.event_id",
            &confirmed.tenants,
            &confirmed.events,
            self.clock.now(),
        )
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// What a turn published, and whether there may be more.
struct Published {
    events: usize,
    more: bool,
}

/// Events that the broker has confirmed, on their way to being marked.
#[derive(Debug, Default)]
struct Confirmed {
    tenants: Vec<Uuid>,
    events: Vec<Uuid>,
}

impl Confirmed {
    fn of(messages: &[Message], indices: &[usize]) -> Self {
        let tenants = indices.iter().map(|&index| messages[index].tenant_id.0).collect();
        let events = indices.iter().map(|&index| messages[index].event_id).collect();
        Self { tenants, events }
    }
}
