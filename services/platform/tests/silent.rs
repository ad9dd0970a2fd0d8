//! The database goes silent between a query's reading and its being written down, or while events are applied: nothing of
//! what was read leaves, nothing is lost, and nobody waits for ever.

use std::time::{Duration, Instant};

use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::testing::{World, reason, request_of};
use kith_proto::teams::v1::{self as pb};
use tokio::sync::Barrier;
use tonic::Code;

use crate::common::proxy::Proxy;
use crate::common::{Action, SERVICE, count, id, until};

/// As long as the writer waits for the database, and the machine's own slowness.
const LONGEST: Duration = Duration::from_secs(16);

/// Several people have read something; before the first row about it is written the connections go silent. All are refused
/// as not available now, within one statement's time, those too who wait for another to write theirs. Once new
/// connections work, so do queries. Red where the writer's time has no end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_down_is_not_answered_and_refused_in_time() {
    const READERS: usize = 3;
    let world = World::new();
    let config = world.config(&SERVICE).await;
    let proxy = Proxy::before(&config.database.host, config.database.port).await;
    let mut through = config.clone();
    through.database.host = "127.0.0.1".into();
    through.database.port = proxy.port;
    let host = world.host_with(&SERVICE, through).await;
    let (tenant, note) = (world.tenant(&host, false).await, id(&world));
    let all_have_read = Barrier::new(READERS);
    let look = async |silence: bool| {
        let work = async |tx: &mut Tx, ()| {
            let anyone = Standing::new().with("anyone", true);
            tx.require(Action::ReadNote, Subject::of("note", note), &anyone)?;
            let read: i64 = sqlx::query_scalar("select count(*) from note").fetch_one(tx.conn()).await?;
            if silence && all_have_read.wait().await.is_leader() {
                proxy.lose();
            }
            Ok(read.to_string())
        };
        let request = request_of(tenant, world.person(), pb::GetPromiseTextRequest::default());
        let render = |text| pb::GetPromiseTextResponse { text, ..Default::default() };
        let started = Instant::now();
        let answer = tokio::time::timeout(LONGEST, host.query(request, |_, _| Some(()), work, render)).await;
        (answer.expect("an answer in time").map(|answer| answer.into_inner().text), started.elapsed())
    };
    look(false).await.0.expect("as ever");

    let (one, two, three) = tokio::join!(look(true), look(true), look(true));
    for (answer, _) in [&one, &two, &three] {
        let refused = answer.as_ref().expect_err("not without its row");
        assert_eq!(reason(refused), (Code::Unavailable, "UNAVAILABLE".into()));
    }
    let longest = [one.1, two.1, three.1].into_iter().max().expect("three");
    println!("{READERS} reads whose rows could not be written were refused after at most {longest:?}");

    // In a server the door gives up what still waits; here the network does.
    proxy.cut();
    until("queries are answered again", LONGEST, async || look(false).await.0.is_ok()).await;
    let mut admin = world.admin(&host).await;
    let rows = count(&mut admin, "select count(*) from platform.audit where action = 'ReadNote'").await;
    assert_eq!(rows, 2, "one for each that was answered");
}

/// Events wait in the inbox while the connections go silent: applying gives up within one statement's time, and goes on over new
/// ones. Red where that time has no end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_gives_a_silent_connection_up_and_goes_on() {
    let world = World::new();
    let config = world.config(&SERVICE).await;
    let proxy = Proxy::before(&config.database.host, config.database.port).await;
    let mut through = config.clone();
    through.database.host = "127.0.0.1".into();
    through.database.port = proxy.port;
    let host = world.host_with(&SERVICE, through).await;
    let (tenant, note) = (world.tenant(&host, false).await, id(&world));
    host.inbox().apply_ready().await.expect("as ever");
    let mut admin = world.admin(&host).await;
    sqlx::query(
        "with cursor as (insert into platform.inbox_cursor values ($1, 'teams.team', $2, 0)),
         arrived as (
             insert into platform.inbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload,
                 received_at)
             values ($1, $2, 'teams.team', $2, 1, 'teams.team.started.v1', '', '2026-01-01') returning *)
         insert into platform.inbox_todo (tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, state,
             attempts, next_attempt_at, since)
         select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, 'ready', 0, received_at, received_at
         from arrived",
    )
    .bind(tenant.0)
    .bind(note)
    .execute(&mut admin)
    .await
    .expect("an event");

    proxy.lose();
    let started = Instant::now();
    let applied =
        tokio::time::timeout(LONGEST, host.inbox().apply_ready()).await.expect("it gives up in time");
    applied.expect_err("nothing can be applied");
    println!("applying over a silent connection was given up after {:?}", started.elapsed());
    proxy.cut();
    until("events are applied again", LONGEST, async || {
        host.inbox().apply_ready().await.is_ok_and(|count| count == 1)
    })
    .await;
    assert_eq!(count(&mut admin, "select count(*) from note").await, 1);
}
