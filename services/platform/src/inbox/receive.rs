//! From the broker into the inbox: stored, safe, then acknowledged. What is stored is applied meanwhile.
//!
//! Storing does not wait for the disk, so that applying begins at once: its own commit, which does, takes with it everything that was
//! committed before. What is acknowledged waits for that commit or, where none comes soon, for one of its own.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use super::{Inbox, POLL};
use crate::broker::{Batch, Message, Receiver};
use crate::connections::{LONGEST_WORK, Open, within};
use crate::error::Result;
use crate::id::{TenantId, Uuid};
use crate::pace::Pace;

/// How long an acknowledgement waits for a commit of the applier: as one event takes. More of them take longer, and meanwhile the
/// next are received.
const SOON: Duration = Duration::from_millis(5);
/// Waits until everything that was committed before is as safe as the database's own setting makes it. The message itself says
/// nothing to anybody.
const MAKE_SAFE: &str = "begin; set local synchronous_commit to default;
    select pg_logical_emit_message(true, 'kith.inbox', ''); commit";

impl Inbox {
    /// Receives until told to stop; the connection is rebuilt after any failure.
    pub(crate) async fn receive(&self, stop: &CancellationToken) {
        let mut pause = POLL;
        while !stop.is_cancelled() {
            let worked = tokio::select! {
                () = stop.cancelled() => return,
                worked = self.receive_on_one_connection(&mut pause) => worked,
            };
            if let Err(error) = worked {
                tracing::warn!(error.kind = %error, pause.ms = pause.as_millis(), "receiving stopped and will resume");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    async fn receive_on_one_connection(&self, pause: &mut Duration) -> Result<()> {
        let receiver = Receiver::open(&self.address, &self.subscriptions.aggregates()).await?;
        let mut receiver = receiver.gathering(self.subscriptions.gathering());
        self.bound.store(true, Ordering::Relaxed);
        let (mut turns, mut session) = (Pace::default(), None);
        loop {
            turns.turn().await;
            let batch = receiver.next().await?;
            turns.carried(batch.messages.len());
            crate::crash::point("K5");
            self.take_in(&batch, &mut session).await?;
            if !batch.asked.is_empty() {
                self.wrote.notify_one();
            }
            crate::crash::point("K6");
            batch.ack().await?;
            *pause = POLL;
        }
    }

    /// Makes a batch safe, however long the database is away: the broker counts each time that it gets a message back, and
    /// after some tens makes it a dead letter, which an outage must not do to good events. Only what the database will not
    /// have, ever, is given back.
    async fn take_in(&self, batch: &Batch, session: &mut Option<Open>) -> Result<()> {
        let mut pause = POLL;
        loop {
            match within(LONGEST_WORK, self.try_to_take_in(batch, session)).await {
                Err(error) if !error.is_of_the_data() => {
                    tracing::warn!(error.kind = %error, pause.ms = pause.as_millis(), "what was received cannot be stored yet");
                }
                ended => return ended,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Keeps its connection from one batch to the next; one on which something failed is closed.
    async fn try_to_take_in(&self, batch: &Batch, session: &mut Option<Open>) -> Result<()> {
        let mut open = if let Some(open) = session.take() {
            open
        } else {
            let mut open = Open::from_connection(self.db.relay().await?);
            sqlx::raw_sql("set synchronous_commit = off").execute(open.conn()).await?;
            open
        };
        self.store(open.conn(), &batch.messages).await?;
        let events = batch.messages.iter().filter(|message| !crate::watermark::is_one(message));
        let tenants: BTreeSet<TenantId> = events.map(|event| event.tenant_id).collect();
        if !tenants.is_empty() {
            // Every commit that begins from here on has these events before it.
            let applied = self.commits.next(SOON);
            self.stored.add(tenants);
            if !applied.await {
                sqlx::raw_sql(MAKE_SAFE).execute(open.conn()).await?;
            }
        }
        *session = Some(open);
        // After the events: what was told to be complete came before it.
        crate::resend::complete(&self.db, &batch.told).await?;
        crate::resend::keep(&self.db, &batch.asked).await
    }

    /// Stores events that have not been stored before. The same number with another id is a forked history: it is
    /// kept out, loudly.
    pub(crate) async fn store(&self, conn: &mut PgConnection, received: &[Message]) -> Result<()> {
        let (marks, messages): (Vec<&Message>, Vec<&Message>) =
            received.iter().partition(|message| crate::watermark::is_one(message));
        let now = self.db.shared.clock.now();
        let tenants: Vec<Uuid> = messages.iter().map(|message| message.tenant_id.0).collect();
        let ids: Vec<Uuid> = messages.iter().map(|message| message.event_id).collect();
        let aggregate_types: Vec<String> =
            messages.iter().map(|message| message.aggregate_type.clone()).collect();
        let aggregate_ids: Vec<Uuid> = messages.iter().map(|message| message.aggregate_id).collect();
        let numbers: Vec<i64> = messages.iter().map(|message| message.event_no).collect();
        let types: Vec<String> = messages.iter().map(|message| message.event_type.clone()).collect();
        let payloads: Vec<Vec<u8>> = messages.iter().map(|message| message.payload.clone()).collect();
        let traces: Vec<Option<String>> =
            messages.iter().map(|message| message.traceparent.clone()).collect();
        let snapshots: Vec<bool> = messages.iter().map(|message| message.snapshot_for.is_some()).collect();
        let forked = sqlx::query_scalar!(
            r#"with message as (
                 select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::text[],
                     $7::bytea[], $8::text[], $10::bool[]) with ordinality
                     as m (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload,
                         traceparent, snapshot, place)
             ), again as (
                 update platform.inbox i set snapshot = true, received_at = $9
                 from message m where m.snapshot and i.tenant_id = m.tenant_id and i.event_id = m.event_id
                 returning i.*
             ), cursor as (
                 insert into platform.inbox_cursor (tenant_id, aggregate_type, aggregate_id, last_no)
                 select distinct tenant_id, aggregate_type, aggregate_id, 0 from message
                 on conflict on constraint inbox_cursor_pk do nothing
             ), stored as (
                 insert into platform.inbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type,
                     payload, traceparent, snapshot, received_at)
                 select tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload, traceparent,
                     bool_or(snapshot) over (partition by tenant_id, event_id), $9
                 from message order by place
                 on conflict do nothing
                 returning *
             ), todo as (
                 insert into platform.inbox_todo (tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot,
                     state, attempts, next_attempt_at, since)
                 select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, 'ready', 0, $9, $9
                 from (select * from again union all select * from stored) as event
                 on conflict on constraint inbox_todo_pk do update set snapshot = true, state = 'ready', attempts = 0,
                     awaiting = null, next_attempt_at = $9, since = $9
             )
             select m.event_id as "event_id!" from message m join platform.inbox i
                 on i.tenant_id = m.tenant_id and i.aggregate_type = m.aggregate_type
                     and i.aggregate_id = m.aggregate_id and i.event_no = m.event_no
                     and i.event_id <> m.event_id
             union
             select m.event_id from message m join message first
                 on first.tenant_id = m.tenant_id and first.aggregate_type = m.aggregate_type
                     and first.aggregate_id = m.aggregate_id and first.event_no = m.event_no
                     and first.event_id <> m.event_id and first.place < m.place"#,
            &tenants,
            &ids,
            &aggregate_types,
            &aggregate_ids,
            &numbers,
            &types,
            &payloads,
            &traces as &[Option<String>],
            now,
            &snapshots,
        )
        .fetch_all(&mut *conn)
        .await?;
        for event_id in forked {
            tracing::error!(event.id = %event_id, "a forked history: two events have the same number; the second is left out");
        }
        crate::watermark::keep(conn, &marks, now).await
    }
}
