//! Transactions, connections and tenants under cancellation.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kith_platform::Host;
use kith_platform::context::Actor;
use kith_platform::db::{Db, Mode, Tx};
use kith_platform::error::Error;
use kith_platform::id::{TenantId, Uuid};
use kith_platform::testing::{World, reason, request_of};
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_proto::teams::v1::{self as pb};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, PgConnection};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::common::proxy::Proxy;
use crate::common::{Notes, SERVICE, count, dropped_after, id, until};

/// A host whose database has that many connections for calls.
async fn host_with_connections(world: &World, connections: u32) -> Host {
    let mut config = world.config(&SERVICE).await;
    config.database.max_connections = connections;
    world.host_with(&SERVICE, config).await
}

fn write_request(world: &World, tenant: TenantId, note: Uuid) -> pb::StartTeamRequest {
    pb::StartTeamRequest {
        request_id: id(world).to_string(),
        id: note.to_string(),
        outward_code: tenant.to_string(),
        ..Default::default()
    }
}

/// Less than that, the same in every run.
fn less_than(world: &World, limit: u64) -> u64 {
    u64::from_be_bytes(world.ids.bytes()) % limit
}

/// Connections that are inside a transaction, or that still work on what a dropped call left to them.
async fn not_at_rest(conn: &mut PgConnection) -> i64 {
    count(
        conn,
        "select count(*) from pg_stat_activity where datname = current_database()
             and application_name in ('notes_app', 'notes_relay') and state is distinct from 'idle'",
    )
    .await
}

/// When a call is dropped.
enum Doom {
    Step(u64),
    Deadline(Duration),
    Abort(Duration),
}

/// Proves D13: calls that are dropped at any moment leave no connection inside a transaction, lose no acknowledged
/// write and mix no tenants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_calls_lose_nothing_and_leave_no_transaction_open() {
    const LANES: u64 = 6;
    const EACH: u64 = 120;
    let world = World::new();
    let host = host_with_connections(&world, 2).await;
    let notes = Notes::new(host.clone());
    let mut tenants = Vec::new();
    for _ in 0..4 {
        tenants.push(world.tenant(&host, false).await);
    }
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        let mut plan = Vec::new();
        for step in 0..EACH {
            let tenant = tenants[usize::try_from(less_than(&world, 4)).expect("small")];
            let note = id(&world);
            // Two calls in three are doomed: dropped at a certain step, by a deadline of up to 3 ms, or by an abort.
            let doom = match step % 6 {
                1 | 4 => Some(Doom::Step(1 + less_than(&world, 8))),
                2 => Some(Doom::Deadline(Duration::from_micros(less_than(&world, 3_000)))),
                5 => Some(Doom::Abort(Duration::from_micros(less_than(&world, 20_000)))),
                _ => None,
            };
            plan.push((
                tenant,
                note,
                request_of(tenant, world.person(), write_request(&world, tenant, note)),
                doom,
            ));
        }
        let notes = notes.clone();
        lanes.push(tokio::spawn(async move {
            let (mut acknowledged, mut dropped) = (Vec::new(), 0_u64);
            for (tenant, note, request, doom) in plan {
                let answer = match doom {
                    None => Some(notes.start_team(request).await),
                    Some(Doom::Step(polls)) => dropped_after(polls, notes.start_team(request)).await,
                    Some(Doom::Deadline(after)) => {
                        tokio::time::timeout(after, notes.start_team(request)).await.ok()
                    }
                    Some(Doom::Abort(after)) => {
                        let notes = notes.clone();
                        let call = tokio::spawn(async move { notes.start_team(request).await });
                        let abort = call.abort_handle();
                        tokio::spawn(async move {
                            tokio::time::sleep(after).await;
                            abort.abort();
                        });
                        call.await.ok()
                    }
                };
                match answer {
                    Some(answer) => {
                        answer.expect("what is not dropped succeeds");
                        acknowledged.push((tenant, note));
                    }
                    None => dropped += 1,
                }
            }
            (acknowledged, dropped)
        }));
    }
    let (mut acknowledged, mut dropped) = (Vec::new(), 0);
    for lane in lanes {
        let (more, gone) = lane.await.expect("the lane ends");
        acknowledged.extend(more);
        dropped += gone;
    }

    let mut admin = world.admin(&host).await;
    until("no connection is inside a transaction", Duration::from_secs(10), async || {
        not_at_rest(&mut admin).await == 0
    })
    .await;
    let kept: Vec<(Uuid, Uuid, String)> = sqlx::query_as("select tenant_id, id, body from note")
        .fetch_all(&mut admin)
        .await
        .expect("the notes");
    let foreign = kept.iter().filter(|(tenant, _, body)| tenant.to_string() != *body).count();
    let kept: BTreeSet<(Uuid, Uuid)> = kept.into_iter().map(|(tenant, note, _)| (tenant, note)).collect();
    let missing = acknowledged.iter().filter(|(tenant, note)| !kept.contains(&(tenant.0, *note))).count();
    let torn = count(
        &mut admin,
        "select count(*) from note n
             full join platform.outbox o on o.tenant_id = n.tenant_id and o.aggregate_id = n.id
         where n.id is null or o.event_id is null",
    )
    .await;
    let saved = count(&mut admin, "select count(*) from platform.saved_answer").await;
    println!(
        "D13: attempted {}, dropped {dropped}, acknowledged {}, applied {}, missing {missing}, foreign rows {foreign}, \
         notes without their event or the other way round {torn}, idle in transaction 0",
        LANES * EACH,
        acknowledged.len(),
        kept.len(),
    );
    assert!(dropped >= 150, "too few calls were dropped to prove anything: {dropped}");
    assert_eq!((missing, foreign, torn), (0, 0, 0));
    assert_eq!(usize::try_from(saved), Ok(kept.len()), "each note has its saved answer");
    // Both connections still work, and whatever was dropped can simply be repeated.
    for _ in 0..4 {
        let note = id(&world);
        let request = request_of(tenants[0], world.person(), write_request(&world, tenants[0], note));
        notes.start_team(request).await.expect("the pool works");
    }
}

/// An administrator's way to the same database through a proxy: no row security, so that nothing but the transaction
/// decides whether a row is kept.
async fn through_proxy(world: &World, host: &Host) -> (Proxy, PgConnectOptions, PgConnection) {
    let admin = world.admin(host).await;
    let url = std::env::var("KITH_DATABASE_URL").expect("a server");
    let options: PgConnectOptions = url.parse().expect("a PostgreSQL URL");
    let proxy = Proxy::before(options.get_host(), options.get_port()).await;
    let options = options.host("127.0.0.1").port(proxy.port).database(&host.config().database.name);
    (proxy, options.disable_statement_logging(), admin)
}

/// Shows that D13's check can fail: with `Pool::begin` of sqlx 0.9.0, a call dropped while BEGIN is under way leaves the
/// connection inside a transaction, and a later write that was acknowledged is gone
/// (<https://github.com/launchbadge/sqlx/issues/4385>). When this test fails, the fixed release has come.
#[tokio::test]
async fn the_trap_is_real_with_a_bare_pool() {
    let world = World::new();
    let host = host_with_connections(&world, 2).await;
    let (proxy, options, mut admin) = through_proxy(&world, &host).await;
    let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = pool.connect_with(options).await.expect("a pool");
    proxy.delay(Duration::from_millis(200));
    #[expect(clippy::disallowed_methods, reason = "this is the trap")]
    let begun = tokio::time::timeout(Duration::from_millis(50), pool.begin()).await;
    assert!(begun.is_err(), "the call was dropped while BEGIN was under way");
    proxy.open();
    sqlx::query(
        "insert into note (tenant_id, id, body, version, applied) values ($1, $1, 'acknowledged', 1, '')",
    )
    .bind(Uuid::from_u128(1))
    .execute(&pool)
    .await
    .expect("the write is acknowledged");
    assert_eq!(count(&mut admin, "select count(*) from note").await, 0, "and yet it is not there");
    let still = count(
        &mut admin,
        "select count(*) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'",
    );
    assert_eq!(still.await, 1, "the connection came back inside a transaction");
}

/// Proves D13 at its sharpest: the same drop at the same moment, through the platform, does no harm.
#[tokio::test]
async fn the_same_drop_through_the_platform_does_no_harm() {
    let world = World::new();
    let host = host_with_connections(&world, 2).await;
    let tenant = world.tenant(&host, false).await;
    let (proxy, _, mut admin) = through_proxy(&world, &host).await;
    let mut config = host.config().clone();
    config.database.host = "127.0.0.1".into();
    config.database.port = proxy.port;
    let app = config.database_as("notes", "app").expect("a way in");
    let relay = config.database_as("notes", "relay").expect("a way in");
    let db = Db::open(app, relay, 1, host.shared().clone());
    let actor = Actor::Service { tenant };
    db.begin(tenant, actor, Mode::Write).await.expect("a transaction").commit().await.expect("a commit");

    for dropped_after in [50, 250] {
        proxy.delay(Duration::from_millis(200));
        // At 50 ms the beginning is under way; at 250 ms it is done and the write is under way.
        let note = id(&world);
        let work = async {
            let mut tx = db.begin(tenant, actor, Mode::Write).await?;
            put(&mut tx, note).await?;
            tx.commit().await
        };
        assert!(tokio::time::timeout(Duration::from_millis(dropped_after), work).await.is_err(), "dropped");
        proxy.open();
        let note = id(&world);
        let mut tx = db.begin(tenant, actor, Mode::Write).await.expect("a transaction");
        put(&mut tx, note).await.expect("a write");
        tx.commit().await.expect("acknowledged");
        let kept: bool = sqlx::query_scalar("select exists (select from note where id = $1)")
            .bind(note)
            .fetch_one(&mut admin)
            .await
            .expect("an answer");
        assert!(kept, "what was acknowledged is there");
    }
    assert_eq!(
        count(&mut admin, "select count(*) from note").await,
        2,
        "what was dropped before its commit is not"
    );
    until("no connection is inside a transaction", Duration::from_secs(10), async || {
        not_at_rest(&mut admin).await == 0
    })
    .await;
}

async fn put(tx: &mut Tx, note: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query("insert into note (tenant_id, id, body, version, applied) values ($1, $2, $3, 1, '')")
        .bind(tenant.0)
        .bind(note)
        .bind(tenant.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Proves T4: no request sees another tenant's rows, whatever was dropped on the same connections before it. Its
/// statement names no tenant, so that nothing but the connection's tenant decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenant_never_leaks_over_the_pool() {
    const TENANTS: u64 = 50;
    const LANES: u64 = 5;
    const EACH: u64 = 2_000;
    let world = World::new();
    let host = host_with_connections(&world, 2).await;
    let notes = Notes::new(host.clone());
    let mut tenants = Vec::new();
    for _ in 0..TENANTS {
        let tenant = world.tenant(&host, false).await;
        for _ in 0..3 {
            let request = write_request(&world, tenant, id(&world));
            notes.start_team(request_of(tenant, world.person(), request)).await.expect("a note");
        }
        tenants.push(tenant);
    }
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        let mut plan = Vec::new();
        for _ in 0..EACH {
            let tenant = tenants[usize::try_from(less_than(&world, TENANTS)).expect("small")];
            // Half of the calls are doomed; those at their first step are dropped on any machine, however quick.
            let doom = (less_than(&world, 2) == 0).then(|| 1 + less_than(&world, 3));
            plan.push((tenant, request_of(tenant, world.person(), pb::ListTeamsRequest::default()), doom));
        }
        let notes = notes.clone();
        lanes.push(tokio::spawn(async move {
            let (mut answered, mut mixed, mut dropped) = (0_u64, 0_usize, 0_u64);
            for (tenant, request, doom) in plan {
                let call = notes.list_teams(request);
                let answer = match doom {
                    None => call.await,
                    Some(polls) => {
                        let Some(answer) = dropped_after(polls, call).await else {
                            dropped += 1;
                            continue;
                        };
                        answer
                    }
                };
                let rows = answer.expect("an answer").into_inner().teams;
                assert_eq!(rows.len(), 3, "a tenant sees all of its own");
                mixed += rows.iter().filter(|row| row.circle_id != tenant.to_string()).count();
                answered += 1;
            }
            (answered, mixed, dropped)
        }));
    }
    let mut sums = (0, 0, 0);
    for lane in lanes {
        let (answered, mixed, dropped) = lane.await.expect("the lane ends");
        sums = (sums.0 + answered, sums.1 + mixed, sums.2 + dropped);
    }
    let (answered, mixed, dropped) = sums;
    println!(
        "T4: requests {}, answered {answered}, dropped {dropped}, tenants {TENANTS}, connections 2, mixed rows {mixed}",
        LANES * EACH
    );
    assert_eq!(mixed, 0);
    assert!(dropped >= 1_500, "too few were dropped to prove anything: {dropped}");
    let mut admin = world.admin(&host).await;
    assert_eq!(
        count(&mut admin, "select count(*) from note").await,
        i64::try_from(TENANTS * 3).expect("small"),
        "the rows of all tenants are in one table"
    );
}

/// Proves that one transaction has exactly one tenant (T2, T4).
#[tokio::test]
async fn a_second_tenant_in_one_transaction_raises() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let (one, two) = (world.tenant(&host, false).await, world.tenant(&host, false).await);
    let mut tx =
        host.db().begin(one, Actor::Service { tenant: one }, Mode::Write).await.expect("a transaction");
    let second = sqlx::query("select platform.begin($1, $2, 'write', '2026-11-21', null)")
        .bind(two.0)
        .bind(Uuid::nil())
        .execute(tx.conn())
        .await
        .expect_err("raises");
    assert_eq!(
        second.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
        Some("KT003")
    );
}

/// Proves D13's second fence: a connection that comes back with a tenant still set is refused, closed and replaced; it
/// never works for another tenant.
#[tokio::test]
async fn a_connection_that_comes_back_with_a_tenant_is_refused_and_closed() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let (one, two) = (world.tenant(&host, false).await, world.tenant(&host, false).await);
    let app = host.config().database_as("notes", "app").expect("a way in");
    let relay = host.config().database_as("notes", "relay").expect("a way in");
    let db = Db::open(app, relay, 1, host.shared().clone());
    let mut tx = db.begin(one, Actor::Service { tenant: one }, Mode::Write).await.expect("a transaction");
    let spoilt = backend(&mut tx).await;
    sqlx::query("select set_config('app.tenant', $1, false)")
        .bind(one.to_string())
        .execute(tx.conn())
        .await
        .expect("set for the whole session");
    tx.commit().await.expect("a commit");

    let refused = db.begin(two, Actor::Service { tenant: two }, Mode::Write).await.expect_err("refused");
    assert!(matches!(&refused, Error::Database(cause)
        if cause.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("KT003")));
    let mut tx = db.begin(two, Actor::Service { tenant: two }, Mode::Write).await.expect("a new connection");
    assert_ne!(backend(&mut tx).await, spoilt, "the spoilt connection is gone");
}

async fn backend(tx: &mut Tx) -> i32 {
    sqlx::query_scalar("select pg_backend_pid()").fetch_one(tx.conn()).await.expect("a number")
}

/// A tenant that is frozen here, or not known here yet, refuses changes in a way that a caller may repeat; one that is
/// suspended or lives elsewhere says so. Reading goes on.
#[tokio::test]
async fn a_frozen_or_unknown_tenant_refuses_changes_for_now() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let notes = Notes::new(host.clone());
    let tenant = world.tenant(&host, false).await;
    let note = id(&world);
    let person = world.person();
    notes.start_team(request_of(tenant, person, write_request(&world, tenant, note))).await.expect("a note");
    let moved = (Code::FailedPrecondition, "TENANT_RELEASED".to_owned());
    let stopped = (Code::FailedPrecondition, "TENANT_SUSPENDED".to_owned());
    let frozen = (Code::Unavailable, "TENANT_FROZEN".to_owned());
    for (state, refused) in
        [("frozen", Some(frozen)), ("suspended", Some(stopped)), ("released", Some(moved)), ("live", None)]
    {
        let freeze = async |tx: &mut Tx| tx.remember_tenant(state, "Europe/London", 2).await;
        host.within(tenant, Actor::Service { tenant }, Mode::Apply, freeze)
            .await
            .expect("the state is known");
        let request = write_request(&world, tenant, id(&world));
        let answer = notes.start_team(request_of(tenant, person, request)).await;
        match refused {
            None => drop(answer.expect("accepted again")),
            Some(refused) => {
                let status = answer.expect_err("refused");
                let may_repeat = status.get_error_details().retry_info().is_some();
                assert_eq!((reason(&status), may_repeat), (refused, state == "frozen"), "{state}");
            }
        }
        let read = pb::GetTeamRequest { id: note.to_string() };
        notes.get_team(request_of(tenant, person, read)).await.expect("reading goes on");
    }

    let unknown = TenantId(id(&world));
    let request = write_request(&world, unknown, id(&world));
    let answer = notes.start_team(request_of(unknown, person, request)).await.expect_err("refused");
    refused_for_now(&answer, "NOT_CAUGHT_UP");
    let mut admin = world.admin(&host).await;
    assert_eq!(
        count(&mut admin, "select count(*) from note").await,
        2,
        "nothing of what was refused was written"
    );
}

fn refused_for_now(status: &Status, why: &str) {
    assert_eq!(reason(status), (Code::Unavailable, why.to_owned()));
    assert!(status.get_error_details().retry_info().is_some(), "it says that it may be repeated");
}

/// A freeze waits for the writes that are under way, and who asks to write meanwhile waits for it and is refused: the
/// lock that writers share is taken alone before the state is written, and read before it.
#[tokio::test]
async fn a_freeze_waits_for_writes_under_way_and_none_begins_after_it() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let actor = Actor::Service { tenant };
    let mut admin = world.admin(&host).await;
    let under_way = host.db().begin(tenant, actor, Mode::Write).await.expect("a write");

    let freezing = {
        let host = host.clone();
        tokio::spawn(async move {
            let freeze = async |tx: &mut Tx| tx.remember_tenant("frozen", "Europe/London", 2).await;
            host.within(tenant, actor, Mode::Apply, freeze).await.map(|_| ())
        })
    };
    until_waiting(&mut admin, 1).await;
    assert!(!freezing.is_finished(), "it does not overtake a write");
    let late = {
        let host = host.clone();
        tokio::spawn(async move { host.db().begin(tenant, actor, Mode::Write).await.map(|_| ()) })
    };
    until_waiting(&mut admin, 2).await;
    under_way.commit().await.expect("the write that was under way lands");
    freezing.await.expect("no panic").expect("frozen");
    let refused = late.await.expect("no panic").expect_err("it came after the fence");
    assert_eq!(reason(&refused.into()), (Code::Unavailable, "TENANT_FROZEN".to_owned()));
    // What others had sent is applied all the same.
    host.db().begin(tenant, actor, Mode::Apply).await.expect("applied").commit().await.expect("kept");
}

/// Until so many wait for the lock of a tenant in this database.
async fn until_waiting(admin: &mut PgConnection, many: i64) {
    let end = Instant::now() + Duration::from_secs(4);
    let query = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                 and database = (select oid from pg_database where datname = current_database())";
    while count(admin, query).await != many {
        assert!(Instant::now() < end, "nobody waits");
        tokio::task::yield_now().await;
    }
}
