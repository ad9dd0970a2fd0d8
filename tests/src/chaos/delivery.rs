//! D2 and D4: the harness takes the relays' place and delivers every event twice, shuffled, and some of them late.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use kith_platform::broker::{Message, Publisher};
use kith_platform::id::{TenantId, Uuid};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::databases::Databases;
use super::random::Random;
use super::report::Faults;
use super::stage::{Load, Stage};
use crate::services;

/// The lock that makes a relay the leader of its database, as `platform/src/outbox.rs` has it.
const LEADER_LOCK: i64 = 0x6B69_7468;
/// How many of a hundred deliveries are late.
const LATE: u64 = 20;
const LATEST_MS: i64 = 5_000;

/// In the place of one service's relay.
struct Relay {
    publisher: Publisher,
    conn: PgConnection,
    /// Holds the relays' lock as long as it lives.
    _lock: PgConnection,
    taken: HashSet<Uuid>,
    /// Deliveries under way of each event.
    left: BTreeMap<Uuid, (Uuid, usize)>,
    due: Vec<(Instant, Message)>,
}

/// Delivers everything twice, shuffled, a fifth of it late.
pub async fn twice_shuffled_and_late(stage: &mut Stage, load: &mut Load) -> Faults {
    let (mut faults, mut random) = (Faults::default(), stage.random.fork("delivery"));
    let mut relays = Vec::new();
    for service in services() {
        let address = stage.stack.config(service.name).broker_as(service.name).expect("the broker's address");
        relays.push(Relay::instead(&stage.databases, service.name, Publisher::new(address)).await);
    }
    let (mut deliveries, mut waiting_most, mut looked) = (0, 0, Instant::now());
    loop {
        let running = load.is_running(&stage.stack);
        let mut idle = true;
        for relay in &mut relays {
            faults.count += relay.plan(&mut random).await;
            deliveries += relay.deliver(&mut random).await;
            idle &= relay.due.is_empty();
        }
        if looked.elapsed() > Duration::from_millis(500) {
            looked = Instant::now();
            let sql = "select count(*) from platform.inbox_todo where state = 'ready'";
            waiting_most = waiting_most.max(stage.databases.number("finance", sql).await);
        }
        if !running && idle {
            break;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    let events: usize = relays.iter().map(|relay| relay.taken.len()).sum();
    drop(relays);
    faults.notes.push(format!(
        "{events} events, {deliveries} deliveries, {} of them late by up to {} s, all shuffled; most events waiting in finance: \
         {waiting_most}",
        faults.count,
        LATEST_MS / 1000
    ));
    faults
}

impl Relay {
    /// Takes the lock from the service's own relay.
    async fn instead(databases: &Databases, service: &str, publisher: Publisher) -> Self {
        let mut lock = databases.connect(service).await.expect("a connection as administrator");
        let mut conn = databases.connect(service).await.expect("a connection as administrator");
        let own: i32 =
            sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut lock).await.expect("its own");
        let end = format!(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and classid = 0
                 and objid = {LEADER_LOCK} and objsubid = 1 and pid <> {own}
                 and database = (select oid from pg_database where datname = current_database())"
        );
        {
            let taking = AssertSqlSafe(format!("select pg_advisory_lock({LEADER_LOCK})"));
            let mut waiting = std::pin::pin!(sqlx::raw_sql(taking).execute(&mut lock));
            // Who waits gets the lock before anybody else can ask; who began to wait late, after another round.
            while tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err() {
                sqlx::raw_sql(AssertSqlSafe(end.clone()))
                    .execute(&mut conn)
                    .await
                    .expect("the relay's connection ends");
            }
        }
        Self { publisher, conn, _lock: lock, taken: HashSet::new(), left: BTreeMap::new(), due: Vec::new() }
    }

    /// Gives each new event two deliveries; answers how many of them are late.
    async fn plan(&mut self, random: &mut Random) -> usize {
        let rows = sqlx::query(
            "select tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload, traceparent, created_at
             from platform.outbox where published_at is null order by seq limit 500",
        )
        .fetch_all(&mut self.conn)
        .await
        .expect("the outbox");
        let mut late = 0;
        for row in rows {
            let event_id: Uuid = row.get("event_id");
            if !self.taken.insert(event_id) {
                continue;
            }
            let tenant: Uuid = row.get("tenant_id");
            let message = Message {
                tenant_id: TenantId(tenant),
                event_id,
                aggregate_type: row.get("aggregate_type"),
                aggregate_id: row.get("aggregate_id"),
                event_no: row.get("event_no"),
                event_type: row.get("event_type"),
                payload: row.get("payload"),
                traceparent: row.get("traceparent"),
                time: row.get("created_at"),
                snapshot_for: None,
            };
            self.left.insert(event_id, (tenant, 2));
            for _ in 0..2 {
                let is_late = random.percent(LATE);
                late += usize::from(is_late);
                let wait = random.between(0, if is_late { LATEST_MS } else { 60 });
                self.due.push((Instant::now() + Duration::from_millis(wait.unsigned_abs()), message.clone()));
            }
        }
        late
    }

    /// Publishes what is due, in no order; marks an event once both its deliveries are confirmed.
    async fn deliver(&mut self, random: &mut Random) -> usize {
        let now = Instant::now();
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.due).into_iter().partition(|(at, _)| *at <= now);
        self.due = later;
        random.shuffle(&mut due);
        let messages: Vec<Message> = due.into_iter().map(|(_, message)| message).collect();
        if messages.is_empty() {
            return 0;
        }
        let (confirmed, _) = self.publisher.publish(&messages).await;
        let mut published = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            if !confirmed.contains(&index) {
                self.due.push((now, message.clone()));
            } else if let Some((_, left)) = self.left.get_mut(&message.event_id) {
                *left -= 1;
                if *left == 0 {
                    self.left.remove(&message.event_id);
                    published.push(message.event_id);
                }
            }
        }
        sqlx::query("update platform.outbox set published_at = clock_timestamp() where event_id = any($1)")
            .bind(&published)
            .execute(&mut self.conn)
            .await
            .expect("the outbox is marked");
        confirmed.len()
    }
}
