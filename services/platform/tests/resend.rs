//! Snapshots on request: by call, and by two services over a real broker, one of which joins late. What is swept away is
//! not missed.

use std::time::Duration;

use kith_platform::auth::{KeySet, TokenKey};
use kith_platform::broker::Message;
use kith_platform::id::Uuid;
use kith_platform::inbox::Subscriptions;
use kith_platform::lifecycle::Life;
use kith_platform::sweep::{self, Swept};
use kith_platform::testing::{World, request_of};
use kith_platform::watch::{Waiting, waiting};
use kith_platform::{Host, Service};
use kith_proto::teams::v1 as pb;
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::common::{Ask, Notes, SERVICE, applied, count, id, joined, message, until};

fn snapshot(message: &Message) -> Message {
    Message { snapshot_for: Some("notes".into()), ..message.clone() }
}

/// Proves that a snapshot stands for everything before it: it does not wait for missing numbers, what waited behind them
/// goes on, what comes late has no effect, and the same snapshot again is applied again.
#[tokio::test]
async fn a_snapshot_stands_for_everything_before_it() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let mut admin = world.admin(&host).await;
    let note = id(&world);
    let events: Vec<Message> =
        (1..=6).map(|number| message(&world, tenant, note, number, Ask::Nothing)).collect();
    world.receive(&host, &[events[4].clone(), events[2].clone()]).await;
    assert_eq!(applied(&mut admin, tenant, note).await, None, "3 and 5 wait for those before");
    world.receive(&host, &[snapshot(&events[3])]).await;
    assert_eq!(applied(&mut admin, tenant, note).await.as_deref(), Some("4 5"));
    world.receive(&host, &[events[0].clone(), events[1].clone(), events[5].clone()]).await;
    assert_eq!(applied(&mut admin, tenant, note).await.as_deref(), Some("4 5 6"));
    world.receive(&host, &[snapshot(&events[3])]).await;
    assert_eq!(
        applied(&mut admin, tenant, note).await.as_deref(),
        Some("4 5 6"),
        "an older one changes nothing"
    );
    world.receive(&host, &[snapshot(&events[5])]).await;
    assert_eq!(applied(&mut admin, tenant, note).await.as_deref(), Some("4 5 6 6"), "the newest replaces");
    let undone = count(&mut admin, "select count(*) from platform.inbox_state where state <> 'done'").await;
    assert_eq!(undone, 0, "nothing is left waiting");
}

/// An event that comes late, behind a snapshot that already stands for it: both are taken at once, and the older one is not
/// applied after the newer.
#[tokio::test]
async fn what_comes_late_beside_its_snapshot_is_not_applied_after_it() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let mut admin = world.admin(&host).await;
    let note = id(&world);
    let events: Vec<Message> =
        (1..=5).map(|number| message(&world, tenant, note, number, Ask::Nothing)).collect();
    world.receive(&host, &[snapshot(&events[3]), events[0].clone()]).await;
    assert_eq!(applied(&mut admin, tenant, note).await.as_deref(), Some("4"));
    let (fifth, other) = (&events[4], message(&world, tenant, id(&world), 1, Ask::Nothing));
    world.receive(&host, &[snapshot(fifth), other, events[1].clone()]).await;
    assert_eq!(applied(&mut admin, tenant, note).await.as_deref(), Some("4 5"));
    let undone = count(&mut admin, "select count(*) from platform.inbox_state where state <> 'done'").await;
    assert_eq!(undone, 0, "nothing is left waiting");
}

/// Proves that a snapshot in the same batch as its event is one event, and that a dead event is covered by a later one.
#[tokio::test]
async fn a_snapshot_covers_a_dead_event() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let mut admin = world.admin(&host).await;
    let (note, never) = (id(&world), id(&world));
    let poison = message(&world, tenant, note, 1, Ask::FailUnless(never));
    world.receive(&host, &[poison]).await;
    for _ in 0..8 {
        world.clock.advance(chrono::Duration::hours(1));
        while host.inbox().apply_ready().await.expect("applied") > 0 {}
    }
    assert_eq!(count(&mut admin, "select count(*) from platform.inbox_state where state = 'dead'").await, 1);
    let second = message(&world, tenant, note, 2, Ask::Nothing);
    world.receive(&host, &[second.clone(), snapshot(&second)]).await;
    assert_eq!(applied(&mut admin, tenant, note).await.as_deref(), Some("2"), "once, past the dead one");
    assert_eq!(count(&mut admin, "select count(*) from platform.inbox_state where state = 'dead'").await, 0);
}

/// Proves that the sweep forgets what is old, keeps the newest event of each aggregate and what is not applied, and that
/// the backlog counts the same afterwards.
#[tokio::test]
async fn the_sweep_forgets_what_is_old_and_the_counts_stay() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let mut admin = world.admin(&host).await;
    let notes = Notes::new(host.clone());
    let note = write(&world, &notes, tenant).await;
    for _ in 0..2 {
        let told = crate::common::told(note, Ask::Nothing);
        let work = async |tx: &mut kith_platform::db::Tx| {
            tx.publish(note, &told);
            Ok(())
        };
        let actor = kith_platform::context::Actor::Service { tenant };
        host.within(tenant, actor, kith_platform::db::Mode::Apply, work).await.expect("told");
    }
    let written = world.written(&host).await;
    assert_eq!(written.len(), 3);
    world.receive(&host, &written).await;
    let waits = message(&world, tenant, id(&world), 2, Ask::Nothing);
    world.receive(&host, &[waits]).await;
    sqlx::query("update platform.outbox set published_at = created_at")
        .execute(&mut admin)
        .await
        .expect("published");
    assert_eq!(sweep::once(host.db()).await.expect("swept"), Swept::default(), "nothing is old yet");
    world.clock.advance(chrono::Duration::days(22));
    let swept = sweep::once(host.db()).await.expect("swept");
    println!("swept: {swept:?}");
    assert_eq!(swept, Swept { answers: 1, published: 2, applied: 3 });
    assert_eq!(count(&mut admin, "select max(event_no) from platform.outbox").await, 3, "the newest stays");
    assert_eq!(count(&mut admin, "select count(*) from platform.inbox").await, 1, "what waits stays");
    // What was swept comes again: it is known by its number.
    world.receive(&host, &written).await;
    assert_eq!(applied(&mut admin, tenant, note).await.as_deref(), Some("1 2 3"));
}

async fn write(world: &World, notes: &Notes, tenant: kith_platform::id::TenantId) -> Uuid {
    let note = id(world);
    let request = pb::StartTeamRequest {
        request_id: id(world).to_string(),
        id: note.to_string(),
        outward_code: "a note".into(),
        ..Default::default()
    };
    notes.start_team(request_of(tenant, world.person(), request)).await.expect("written");
    note
}

/// The notes by the name under which they tell of themselves; it only tells.
static TELLER: Service = Service { name: "teams", subscriptions: Subscriptions::new, ..SERVICE };
/// The notes again, as one who listens to it.
static LISTENER: Service = Service { name: "listener", ..SERVICE };

/// A service that runs, with what is needed to look at it.
struct Runs {
    life: Life,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    address: String,
}

impl Runs {
    async fn start(service: &'static Service, host: &Host, folder: &std::path::Path) -> Self {
        // Keys as kept from an earlier start, since readiness asks for them too; nobody answers for fresh ones.
        let set = KeySet { keys: vec![TokenKey::new("k1", [7; 32]).jwk()] };
        sqlx::query("insert into platform.key_set (jwks, fetched_at) values ($1, '2026-11-21') on conflict do nothing")
            .bind(serde_json::to_string(&set).expect("JSON"))
            .execute(&mut World::new().admin(host).await)
            .await
            .expect("kept");
        let mut config = host.config().clone();
        config.auth.keys = "http://127.0.0.1:9".into();
        config.server.ready_file = folder.join(service.name);
        config.server.listen = ([127, 0, 0, 1], 0).into();
        let (life, file) = (Life::new(), config.server.ready_file.clone());
        let task = tokio::spawn(kith_platform::run(service, config, life.clone()));
        until("it serves", Duration::from_secs(20), async || file.exists()).await;
        let address = format!("http://{}", std::fs::read_to_string(file).expect("its address"));
        Self { life, task, address }
    }

    async fn stop(self) {
        self.life.hard.cancel();
        self.life.soft.cancel();
        self.task.await.expect("it ends").expect("without failure");
    }

    async fn is_ready(&self) -> bool {
        let endpoint = tonic::transport::Endpoint::from_shared(self.address.clone()).expect("an address");
        let mut client = HealthClient::new(endpoint.connect().await.expect("it answers"));
        let answer = client.check(HealthCheckRequest { service: String::new() }).await.expect("its health");
        answer.into_inner().status() == ServingStatus::Serving
    }
}

/// Proves that who joins late is not ready before the snapshots are in, has the whole state then, and goes on with the
/// events after it. Twelve hundred notes are three pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_late_has_everything_before_it_is_ready() {
    const NOTES: i64 = 1_200;
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new();
    let teller = world.host(&TELLER).await;
    let mut of_teller = world.admin(&teller).await;
    let tenant = world.tenant(&teller, false).await;
    let notes = Notes::new(teller.clone());
    for _ in 0..NOTES {
        write(&world, &notes, tenant).await;
    }
    let telling = Runs::start(&TELLER, &teller, folder.path()).await;
    until("all is published", Duration::from_secs(30), async || {
        count(&mut of_teller, "select count(*) from platform.outbox where published_at is null").await == 0
    })
    .await;
    until("who listens to nobody is ready", Duration::from_secs(5), async || telling.is_ready().await).await;
    telling.stop().await;

    // Its queue was not there: nothing published so far can reach it but as a snapshot, and nobody answers yet.
    let listener = world.host(&LISTENER).await;
    let mut of_listener = world.admin(&listener).await;
    world.know_tenant(&listener, tenant, false).await;
    let late = Runs::start(&LISTENER, &listener, folder.path()).await;
    until("it has asked", Duration::from_secs(10), async || {
        count(&mut of_listener, "select count(*) from platform.subscription").await == 1
    })
    .await;
    assert!(!late.is_ready().await, "not before it has everything");
    let telling = Runs::start(&TELLER, &teller, folder.path()).await;
    until("it is ready", Duration::from_secs(30), async || late.is_ready().await).await;
    let whole = count(&mut of_listener, "select count(*) from note where applied = '1'").await;
    let snapshots = count(&mut of_listener, "select count(*) from platform.inbox where snapshot").await;
    println!("joined late: {whole} of {NOTES} notes by {snapshots} snapshots when it became ready");
    assert_eq!((whole, snapshots), (NOTES, NOTES));
    assert_eq!(count(&mut of_teller, "select count(*) from platform.resend").await, 0, "worked off");

    let next = write(&world, &notes, tenant).await;
    until("what comes after is applied", Duration::from_secs(10), async || {
        applied(&mut of_listener, tenant, next).await.as_deref() == Some("1")
    })
    .await;
    late.stop().await;
    telling.stop().await;
    for host in [&teller, &listener] {
        let address = host.config().broker_as(host.name()).expect("an address");
        address.delete_queues().await.expect("deleted");
    }
}

/// Proves that a number which got lost on the way is asked for, of that aggregate alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_number_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new();
    let (teller, listener) = (world.host(&TELLER).await, world.host(&LISTENER).await);
    let mut of_listener = world.admin(&listener).await;
    let tenant = world.tenant(&teller, false).await;
    world.know_tenant(&listener, tenant, false).await;
    sqlx::query("insert into platform.setting values ('waiting_alarm_seconds', '2026-01-01', 0, 'a test')")
        .execute(&mut of_listener)
        .await
        .expect("at once");
    let notes = Notes::new(teller.clone());
    let (note, other) = (write(&world, &notes, tenant).await, write(&world, &notes, tenant).await);
    // The third of a note is here; the first and the second are not, and never come.
    world.receive(&listener, &[message(&world, tenant, note, 3, Ask::Nothing)]).await;
    let mut of_teller = world.admin(&teller).await;
    sqlx::query("update platform.outbox set published_at = created_at, event_no = 2 where aggregate_id = $1")
        .bind(note)
        .execute(&mut of_teller)
        .await
        .expect("the second");
    sqlx::query("update platform.outbox_head set last_no = 2 where aggregate_id = $1")
        .bind(note)
        .execute(&mut of_teller)
        .await
        .expect("the second");
    // Joined before, so that only the gap is asked for.
    joined(&mut of_listener).await;
    sqlx::query("update platform.outbox set published_at = created_at where aggregate_id = $1")
        .bind(other)
        .execute(&mut of_teller)
        .await
        .expect("published before");
    let telling = Runs::start(&TELLER, &teller, folder.path()).await;
    let listening = Runs::start(&LISTENER, &listener, folder.path()).await;
    until("the gap is closed", Duration::from_secs(20), async || {
        applied(&mut of_listener, tenant, note).await.as_deref() == Some("2 3")
    })
    .await;
    assert_eq!(applied(&mut of_listener, tenant, other).await, None, "nothing else is sent again");
    listening.stop().await;
    telling.stop().await;
    for host in [&teller, &listener] {
        let address = host.config().broker_as(host.name()).expect("an address");
        address.delete_queues().await.expect("deleted");
    }
}

/// Proves that an event which has waited for another aggregate's fact for a minute is counted, and not before.
#[tokio::test]
async fn an_event_that_waits_too_long_is_told() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let (note, never) = (id(&world), id(&world));
    world.receive(&host, &[message(&world, tenant, note, 1, Ask::Await(never))]).await;
    let a_minute_ago = || world.clock.now() - chrono::Duration::seconds(60);
    assert_eq!(waiting(host.db(), a_minute_ago()).await.expect("counted"), Waiting::default());
    world.clock.advance(chrono::Duration::seconds(61));
    let told = waiting(host.db(), a_minute_ago()).await.expect("counted");
    assert_eq!(told, Waiting { parked: 1, gaps: 0, dead: 0 });
    world.receive(&host, &[message(&world, tenant, never, 1, Ask::Nothing)]).await;
    assert_eq!(waiting(host.db(), a_minute_ago()).await.expect("counted"), Waiting::default(), "it goes on");
}
