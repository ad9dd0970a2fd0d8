//! The inbox by call, without a broker: once, in order, and one bad event stops nothing but its own aggregate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use kith_platform::Host;
use kith_platform::broker::Message;
use kith_platform::id::{TenantId, Uuid};
use kith_platform::testing::{NOTE_WHAT_IS_DONE, World};
use sqlx::PgConnection;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::common::{Ask, SERVICE, applied, count, id, message, until};

struct Stage {
    world: World,
    host: Host,
    tenant: TenantId,
    admin: PgConnection,
}

/// What stands in the inbox about an event.
#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Standing {
    state: String,
    attempts: i32,
    awaiting: Option<String>,
    next_attempt_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, false).await;
        let mut admin = world.admin(&host).await;
        sqlx::raw_sql(NOTE_WHAT_IS_DONE).execute(&mut admin).await.expect("noted from now on");
        Self { world, host, tenant, admin }
    }

    fn message(&self, note: Uuid, event_no: i64, ask: Ask) -> Message {
        message(&self.world, self.tenant, note, event_no, ask)
    }

    async fn receive(&self, messages: &[Message]) {
        self.world.receive(&self.host, messages).await;
    }

    async fn apply(&self) -> usize {
        self.host.inbox().apply_ready().await.expect("applied")
    }

    async fn applied(&mut self, note: Uuid) -> Option<String> {
        applied(&mut self.admin, self.tenant, note).await
    }

    async fn standing(&mut self, event: Uuid) -> Standing {
        sqlx::query_as(
            "select state, attempts, awaiting, next_attempt_at, last_error from platform.inbox_state where event_id = $1",
        )
        .bind(event)
        .fetch_one(&mut self.admin)
        .await
        .expect("the event")
    }

    fn shuffle(&self, messages: &mut [Message]) {
        for last in (1..messages.len()).rev() {
            let random = u32::from_be_bytes(self.world.ids.bytes());
            messages.swap(last, usize::try_from(random).expect("small") % (last + 1));
        }
    }
}

fn numbers(range: std::ops::RangeInclusive<i64>) -> String {
    range.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// Proves D2: whatever is delivered again (in the same batch, later, after it was applied) is absorbed.
#[tokio::test]
async fn duplicates_are_absorbed() {
    let mut stage = Stage::new().await;
    let notes: Vec<Uuid> = (0..20).map(|_| id(&stage.world)).collect();
    let once: Vec<Message> = (1..=10)
        .flat_map(|number| notes.iter().map(move |note| (*note, number)))
        .map(|(note, number)| stage.message(note, number, Ask::Nothing))
        .collect();
    let mut deliveries: Vec<Message> = once.iter().chain(&once).cloned().collect();
    stage.shuffle(&mut deliveries);
    for batch in deliveries.chunks(37) {
        stage.receive(batch).await;
    }
    stage.receive(&once).await;
    for note in &notes {
        assert_eq!(stage.applied(*note).await, Some(numbers(1..=10)));
    }
    let rows = count(&mut stage.admin, "select count(*) from platform.inbox").await;
    println!(
        "D2: delivered {}, events {rows}, duplicates absorbed {}, duplicate effects 0",
        deliveries.len() + once.len(),
        deliveries.len() + once.len() - once.len()
    );
    assert_eq!(rows, 200);
}

/// Proves D2 for what is older than the inbox remembers: at or below the cursor an event is a duplicate, whatever its id.
#[tokio::test]
async fn an_event_at_or_below_the_cursor_has_no_effect() {
    let mut stage = Stage::new().await;
    let note = id(&stage.world);
    for number in 1..=3 {
        let message = stage.message(note, number, Ask::Nothing);
        stage.receive(&[message]).await;
    }
    // The inbox forgets what is long done; the cursor stays.
    sqlx::raw_sql("delete from platform.inbox").execute(&mut stage.admin).await.expect("forgotten");
    let again: Vec<Message> = (1..=4).map(|number| stage.message(note, number, Ask::Nothing)).collect();
    stage.receive(&again).await;
    assert_eq!(stage.applied(note).await, Some(numbers(1..=4)), "1 to 3 once, 4 for the first time");
    let done =
        count(&mut stage.admin, "select count(*) from platform.inbox_state where state = 'done'").await;
    assert_eq!(done, 4, "the old ones are done with");
}

/// Proves D4: within an aggregate the numbers are applied in order, in whatever order they come.
#[tokio::test]
async fn numbers_wait_for_those_before_them() {
    let mut stage = Stage::new().await;
    let note = id(&stage.world);
    let [one, two, three] = [1, 2, 3].map(|number| stage.message(note, number, Ask::Nothing));
    stage.receive(&[three]).await;
    stage.receive(std::slice::from_ref(&two)).await;
    assert_eq!(stage.applied(note).await, None, "2 and 3 wait for 1");
    let waiting = stage.standing(two.event_id).await;
    assert_eq!((waiting.state.as_str(), waiting.attempts), ("ready", 0));
    stage.receive(&[one]).await;
    assert_eq!(stage.applied(note).await, Some(numbers(1..=3)));

    let notes: Vec<Uuid> = (0..10).map(|_| id(&stage.world)).collect();
    let mut shuffled: Vec<Message> = notes
        .iter()
        .flat_map(|note| (1..=20).map(move |number| (*note, number)))
        .map(|(note, number)| stage.message(note, number, Ask::Nothing))
        .collect();
    stage.shuffle(&mut shuffled);
    for batch in shuffled.chunks(11) {
        stage.receive(batch).await;
    }
    for note in &notes {
        assert_eq!(stage.applied(*note).await, Some(numbers(1..=20)));
    }
    let left =
        count(&mut stage.admin, "select count(*) from platform.inbox_state where state <> 'done'").await;
    println!("D4: events 203 shuffled, order breaches 0, parked at the end {left}");
    assert_eq!(left, 0);
}

/// Counts what is logged as an error: the alarms.
#[derive(Clone, Default)]
struct Alarms(Arc<AtomicU32>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Alarms {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Proves that a forked history (the same number twice, under two ids) is kept out with an alarm, be it in one batch or
/// in two (D8's alarm).
#[tokio::test]
async fn a_forked_number_is_kept_out_with_an_alarm() {
    let mut stage = Stage::new().await;
    let alarms = Alarms::default();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(alarms.clone()));
    let (note, twin) = (id(&stage.world), id(&stage.world));
    let real = stage.message(note, 1, Ask::Nothing);
    let fork = stage.message(note, 1, Ask::Nothing);
    stage.receive(std::slice::from_ref(&real)).await;
    assert_eq!(alarms.0.load(Ordering::SeqCst), 0);
    stage.receive(std::slice::from_ref(&fork)).await;
    assert_eq!(alarms.0.load(Ordering::SeqCst), 1, "an alarm");
    assert_eq!(stage.applied(note).await.as_deref(), Some("1"));
    let kept = count(&mut stage.admin, "select count(*) from platform.inbox").await;
    assert_eq!(kept, 1, "the fork is not stored");

    let both = [stage.message(twin, 1, Ask::Nothing), stage.message(twin, 1, Ask::Nothing)];
    stage.receive(&both).await;
    assert_eq!(alarms.0.load(Ordering::SeqCst), 2, "another alarm, once");
    assert_eq!(stage.applied(twin).await.as_deref(), Some("1"));

    let next = stage.message(note, 2, Ask::Nothing);
    stage.receive(&[next]).await;
    assert_eq!(stage.applied(note).await.as_deref(), Some("1 2"), "the real history goes on");
}

/// Proves D11: a failing event is tried eight times, each time later, and is dead then; what comes after it in its
/// aggregate waits, everything else goes on.
#[tokio::test]
async fn a_poison_event_is_given_up_on_after_eight_attempts_and_stops_its_aggregate_only() {
    let mut stage = Stage::new().await;
    let (bad, good, never) = (id(&stage.world), id(&stage.world), id(&stage.world));
    let poison = stage.message(bad, 1, Ask::FailUnless(never));
    let after = stage.message(bad, 2, Ask::Nothing);
    let others: Vec<Message> = (1..=5).map(|number| stage.message(good, number, Ask::Nothing)).collect();
    let mut batch = vec![others[0].clone(), poison.clone(), after.clone()];
    batch.extend(others[1..].iter().cloned());
    stage.receive(&batch).await;
    assert_eq!(stage.applied(good).await, Some(numbers(1..=5)), "the others went on at once");
    assert_eq!(stage.applied(bad).await, None, "what the failing handler wrote is gone");

    for attempt in 1..=8 {
        let standing = stage.standing(poison.event_id).await;
        assert_eq!(standing.attempts, attempt);
        assert_eq!(
            standing.last_error.as_deref(),
            Some("internal failure"),
            "the kind, not the cause's text"
        );
        assert_eq!(standing.state, if attempt == 8 { "dead" } else { "ready" });
        let waits = (standing.next_attempt_at.expect("it waits") - stage.world.clock.now()).as_seconds_f64();
        let planned = f64::from(1 << attempt);
        assert!((planned * 0.79..=planned * 1.21).contains(&waits), "{waits} s after attempt {attempt}");
        assert_eq!(stage.apply().await, 0, "not before its time");
        assert_eq!(stage.standing(poison.event_id).await, standing);
        stage.world.clock.advance(chrono::Duration::seconds(i64::from(1 << attempt) * 5 / 4));
        stage.apply().await;
    }
    assert_eq!(stage.standing(poison.event_id).await.attempts, 8, "the dead are left in peace");
    assert_eq!(stage.standing(after.event_id).await.state, "ready", "the next of its aggregate waits");
    assert_eq!(stage.applied(bad).await, None);
    let new = stage.message(good, 6, Ask::Nothing);
    stage.receive(&[new]).await;
    assert_eq!(stage.applied(good).await, Some(numbers(1..=6)));

    // What an operator's replay does.
    let cure = stage.message(never, 1, Ask::Nothing);
    stage.receive(&[cure]).await;
    sqlx::query("update platform.inbox_todo set state = 'ready', attempts = 0 where event_id = $1")
        .bind(poison.event_id)
        .execute(&mut stage.admin)
        .await
        .expect("replayed");
    stage.world.clock.advance(chrono::Duration::hours(1));
    while stage.apply().await > 0 {}
    assert_eq!(stage.applied(bad).await.as_deref(), Some("1 2"));
    println!("D11: poison events 1, dead after 8 attempts, other aggregates done 100 %, done after replay");
}

/// Proves D11 for a handler that panics: it is an attempt like any other and takes nothing down.
#[tokio::test]
async fn a_handler_that_panics_stops_its_aggregate_only() {
    let mut stage = Stage::new().await;
    let (bad, good) = (id(&stage.world), id(&stage.world));
    let batch = [stage.message(bad, 1, Ask::Panic), stage.message(good, 1, Ask::Nothing)];
    stage.receive(&batch).await;
    assert_eq!(stage.applied(good).await.as_deref(), Some("1"));
    let standing = stage.standing(batch[0].event_id).await;
    assert_eq!((standing.state.as_str(), standing.attempts), ("ready", 1));
}

/// Proves that what fails for something that will pass is tried again within seconds, however often it has failed, is never
/// given up on, and has all its attempts left for what will not pass.
#[tokio::test]
async fn what_will_pass_is_never_given_up_on() {
    let mut stage = Stage::new().await;
    let busy = stage.message(id(&stage.world), 1, Ask::Busy);
    stage.receive(std::slice::from_ref(&busy)).await;
    let mut longest = 0.0_f64;
    for _ in 0..30 {
        let standing = stage.standing(busy.event_id).await;
        assert_eq!((standing.state.as_str(), standing.attempts), ("ready", 0));
        let waits = (standing.next_attempt_at.expect("it waits") - stage.world.clock.now()).as_seconds_f64();
        assert!((0.2..=2.0).contains(&waits), "{waits} s");
        longest = longest.max(waits);
        assert_eq!(stage.apply().await, 0, "not before its time");
        stage.world.clock.advance(chrono::Duration::seconds(5));
        stage.apply().await;
    }
    println!("transient failures 30, longest pause {longest:.2} s, attempts counted 0");
}

/// Proves that an event which lacks another aggregate's fact parks without counting attempts, and goes on in the very
/// transaction that brings the fact.
#[tokio::test]
async fn a_parked_event_is_woken_by_what_it_awaits() {
    let mut stage = Stage::new().await;
    let (waits, awaited) = (id(&stage.world), id(&stage.world));
    let parked = stage.message(waits, 1, Ask::Await(awaited));
    let next = stage.message(waits, 2, Ask::Nothing);
    stage.receive(&[parked.clone(), next]).await;
    assert_eq!(stage.applied(waits).await, None);
    let standing = stage.standing(parked.event_id).await;
    assert_eq!(standing.awaiting, Some(format!("teams.team/{awaited}")));
    assert_eq!((standing.state.as_str(), standing.attempts, standing.last_error), ("ready", 0, None));
    // The clock stands still: nothing but the fact wakes it.
    assert_eq!(stage.apply().await, 0);
    let fact = stage.message(awaited, 1, Ask::Nothing);
    stage.receive(&[fact]).await;
    assert_eq!(stage.applied(waits).await.as_deref(), Some("1 2"));
    let together: (i64, i64) = sqlx::query_as("select count(*), count(distinct transaction) from noted.done")
        .fetch_one(&mut stage.admin)
        .await
        .expect("the transactions");
    assert_eq!(together, (3, 1), "woken in the transaction that brought the fact");
    let awaiting =
        count(&mut stage.admin, "select count(*) from platform.inbox_todo where awaiting is not null").await;
    assert_eq!(awaiting, 0);
}

/// Proves that a parked event looks for itself after five seconds, should the wake be missed, and that nothing counts as
/// parked once it is done.
#[tokio::test]
async fn a_parked_event_also_looks_for_itself() {
    let mut stage = Stage::new().await;
    let (waits, awaited) = (id(&stage.world), id(&stage.world));
    let parked = stage.message(waits, 1, Ask::Await(awaited));
    stage.receive(std::slice::from_ref(&parked)).await;
    // The fact comes by another way than an event.
    sqlx::query("insert into note (tenant_id, id, body, version, applied) values ($1, $2, '', 1, '')")
        .bind(stage.tenant.0)
        .bind(awaited)
        .execute(&mut stage.admin)
        .await
        .expect("a note");
    assert_eq!(stage.apply().await, 0, "not yet");
    stage.world.clock.advance(chrono::Duration::seconds(5));
    assert_eq!(stage.apply().await, 1);
    assert_eq!(stage.applied(waits).await.as_deref(), Some("1"));
    let standing = stage.standing(parked.event_id).await;
    assert_eq!((standing.state.as_str(), standing.attempts, standing.awaiting), ("done", 0, None));
}

/// Proves that up to 500 events of a tenant are applied in order in one transaction.
#[tokio::test]
async fn five_hundred_events_go_into_one_transaction() {
    let mut stage = Stage::new().await;
    let notes: Vec<Uuid> = (0..50).map(|_| id(&stage.world)).collect();
    let messages: Vec<Message> = (1..=11)
        .flat_map(|number| notes.iter().map(move |note| (*note, number)))
        .map(|(note, number)| stage.message(note, number, Ask::Nothing))
        .collect();
    stage.receive(&messages).await;
    for note in &notes {
        assert_eq!(stage.applied(*note).await, Some(numbers(1..=11)));
    }
    let sizes: Vec<i64> =
        sqlx::query_scalar("select count(*) from noted.done group by transaction order by count(*) desc")
            .fetch_all(&mut stage.admin)
            .await
            .expect("the transactions");
    assert_eq!(sizes, [500, 50]);
}

/// Proves that one event's failure undoes a whole batch and that the batch is then done one by one: each in a
/// transaction of its own, and everything but the failing one.
#[tokio::test]
async fn a_batch_with_a_failure_is_done_one_by_one() {
    let mut stage = Stage::new().await;
    let notes: Vec<Uuid> = (0..30).map(|_| id(&stage.world)).collect();
    let mut messages: Vec<Message> = notes.iter().map(|note| stage.message(*note, 1, Ask::Nothing)).collect();
    let bad = id(&stage.world);
    messages.insert(17, stage.message(bad, 1, Ask::FailUnless(Uuid::from_u128(1))));
    stage.receive(&messages).await;
    for note in &notes {
        assert_eq!(
            stage.applied(*note).await.as_deref(),
            Some("1"),
            "once, though the batch was begun before"
        );
    }
    assert_eq!(stage.applied(bad).await, None);
    let transactions = count(&mut stage.admin, "select count(distinct transaction) from noted.done").await;
    assert_eq!(transactions, 30);
}

/// Proves D1 and D2 for handlers: what a handler tells others is written in its own transaction, once, or not at all.
#[tokio::test]
async fn what_a_handler_tells_is_written_with_what_it_did() {
    let mut stage = Stage::new().await;
    let (note, introduction, bad) = (id(&stage.world), id(&stage.world), id(&stage.world));
    // The failure undoes the first try of the telling one too.
    let tells = stage.message(note, 1, Ask::Tell(introduction));
    let fails = stage.message(bad, 1, Ask::FailUnless(Uuid::from_u128(1)));
    stage.receive(&[tells.clone(), fails]).await;
    stage.receive(&[tells]).await;
    let written = stage.world.written(&stage.host).await;
    assert_eq!(written.len(), 1, "told once");
    assert_eq!(
        (written[0].event_type.as_str(), written[0].aggregate_id, written[0].event_no, written[0].tenant_id),
        ("matching.introduction.made.v1", introduction, 1, stage.tenant)
    );
    let same = count(
        &mut stage.admin,
        "select count(*) from platform.outbox o, noted.done d, note n
         where d.transaction::xid = o.xmin and n.xmin = o.xmin and n.id = d.aggregate_id",
    )
    .await;
    assert_eq!(same, 1, "effect, done mark and told event are of one transaction");
}

/// Proves T2 and T4 for events: those of several tenants come in one batch, about the same id, and each is applied in its own.
#[tokio::test]
async fn events_of_two_tenants_in_one_batch_stay_apart() {
    let mut stage = Stage::new().await;
    let other = stage.world.tenant(&stage.host, false).await;
    let note = id(&stage.world);
    let batch = [
        stage.message(note, 1, Ask::Nothing),
        message(&stage.world, other, note, 2, Ask::Nothing),
        message(&stage.world, other, note, 1, Ask::Tell(note)),
        stage.message(note, 2, Ask::FailUnless(Uuid::from_u128(1))),
    ];
    stage.receive(&batch).await;
    assert_eq!(stage.applied(note).await.as_deref(), Some("1"), "its second fails");
    assert_eq!(applied(&mut stage.admin, other, note).await.as_deref(), Some("1 2"), "the other's does not");
    let written = stage.world.written(&stage.host).await;
    assert_eq!(written.iter().map(|event| event.tenant_id).collect::<Vec<_>>(), [other]);
    let rows: i64 = sqlx::query_scalar("select count(*) from platform.inbox where tenant_id = $1")
        .bind(other.0)
        .fetch_one(&mut stage.admin)
        .await
        .expect("a number");
    assert_eq!(rows, 2);
}

/// Proves D2 and D4 with two replicas that apply from one database at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_apply_each_event_once() {
    let mut stage = Stage::new().await;
    let replica = stage.world.host_with(&SERVICE, stage.host.config().clone()).await;
    let notes: Vec<Uuid> = (0..25).map(|_| id(&stage.world)).collect();
    let messages: Vec<Message> = (1..=40)
        .flat_map(|number| notes.iter().map(move |note| (*note, number)))
        .map(|(note, number)| stage.message(note, number, Ask::Nothing))
        .collect();
    let appliers: Vec<_> = [stage.host.clone(), stage.host.clone(), replica.clone(), replica]
        .into_iter()
        .map(|host| {
            tokio::spawn(async move {
                let mut rounds = 0_u32;
                loop {
                    host.inbox().apply_ready().await.expect("applied");
                    rounds += 1;
                    tokio::task::yield_now().await;
                    if rounds > 100_000 {
                        return;
                    }
                }
            })
        })
        .collect();
    for batch in messages.chunks(20) {
        stage.receive(batch).await;
    }
    until("all events are done", Duration::from_secs(30), async || {
        count(&mut stage.admin, "select count(*) from platform.inbox_state where state <> 'done'").await == 0
    })
    .await;
    for applier in appliers {
        applier.abort();
    }
    let mut wrong = 0;
    for note in &notes {
        wrong += u32::from(stage.applied(*note).await != Some(numbers(1..=40)));
    }
    println!(
        "D2, D4: two replicas, events {}, aggregates with a double or an order breach {wrong}",
        messages.len()
    );
    assert_eq!(wrong, 0);
}
