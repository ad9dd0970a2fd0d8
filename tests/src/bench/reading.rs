//! Rows of calls that change nothing: from memory, one indexed read, and a read of personal data that is written down.

use kith_proto::appointments::v1::{GetVisitRequest, GetVisitResponse};
use kith_proto::evaluation::v1::GetContinuityResponse;
use kith_proto::teams::v1::{GetPromiseTextRequest, GetPromiseTextResponse};
use prost::Message as _;

use super::echo::Echo;
use super::memory::{self, Memory};
use super::pgbench::Pgbench;
use super::report::Row;
use super::scene::{Scene, VISIT_ID_OF_N, visit_id};
use super::slots::{Pace, harmonic, rate};

/// Clients that call at once.
pub const CLIENTS: usize = 8;

/// Everything that a call passes and nothing behind it ÷ nothing at all.
pub async fn from_memory(scene: &Scene, pace: Pace) -> Row {
    let mut row = Row::rates("RPC from memory", "calls/s", 0.5, 0.85);
    let begin = std::time::Instant::now();
    let service = Memory::start(scene.stack.config("evaluation"), scene.stack.folder());
    let caller =
        super::caller::Caller::connect(&service.address, memory::PATH, Some(&scene.token(scene.owner())))
            .await;
    let echo = Echo::start(&memory::answer().encode_to_vec());
    let bare = echo.caller().await;
    // It serves before it has fetched the keys that tokens are signed with.
    while caller.call(0, memory::question(0).encode_to_vec()).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(begin.elapsed().as_secs() < 30, "the service that answers from memory lets nobody in");
    }
    for team in [0, 1, 999] {
        let answer = caller.call(0, memory::question(team).encode_to_vec()).await.expect("an answer");
        assert_eq!(GetContinuityResponse::decode(answer.as_slice()).as_ref(), Ok(&memory::answer()));
        assert_eq!(bare.call(0, memory::question(team).encode_to_vec()).await.expect("an answer"), answer);
    }
    for _ in 0..pace.rounds {
        let (ours, limit) = (caller.clone(), bare.clone());
        let ours = rate(CLIENTS, pace.slot, move |client| {
            let caller = ours.clone();
            async move {
                caller.call(client, memory::question(client).encode_to_vec()).await.expect("an answer");
            }
        });
        let ours = ours.await;
        let limit = rate(CLIENTS, pace.slot, move |client| {
            let caller = limit.clone();
            async move {
                caller.call(client, memory::question(client).encode_to_vec()).await.expect("an answer");
            }
        });
        row.round(ours, limit.await);
    }
    row.note(format!(
        "{CLIENTS} clients over 4 connections; limit: bare tonic echo in a process of its own, same bytes"
    ));
    row.note(
        "token, tenant, span, metrics, permit, a task of its own, Cedar; answered by a service of the bench",
    );
    row
}

/// A text that is read by its day ÷ an echo and the same SELECT together.
pub async fn one_indexed_read(scene: &Scene, pace: Pace) -> Row {
    let mut row = Row::rates("RPC with one indexed read", "calls/s", 0.5, 0.85);
    let path = "/kith.teams.v1.TeamsService/GetPromiseText";
    let caller = scene.caller("teams", path, scene.owner()).await;
    let request = GetPromiseTextRequest { date: "2026-03-15".to_owned() }.encode_to_vec();
    let answer = caller.call(0, request.clone()).await.expect("an answer");
    let read = GetPromiseTextResponse::decode(answer.as_slice()).expect("the answer of the contract");
    let mut teams = scene.stack.admin("teams").await;
    let select = "select version, body from promise_text where valid_from <= '2026-03-15' order by valid_from desc limit 1";
    let kept: (String, String) = sqlx::query_as(select).fetch_one(&mut teams).await.expect("the text");
    assert_eq!((read.text_version, read.text), kept, "what is answered is what is kept");
    let echo = Echo::start(&answer);
    let bare = echo.caller().await;
    let pgbench = Pgbench::new(&scene.databases, "teams", scene.stack.folder().to_owned());
    let script = pgbench.script("read", &format!("{select};\n"));
    for _ in 0..pace.rounds {
        let ours = calls(&caller, &request, pace).await;
        let echoed = calls(&bare, &request, pace).await;
        let selected = pgbench.rate(&script, CLIENTS, pace.seconds()).await;
        row.round(ours, harmonic(echoed, selected));
    }
    row.note(format!("GetPromiseText, {CLIENTS} clients; limit: 1/(1/echo + 1/pgbench SELECT)"));
    row
}

async fn calls(caller: &super::caller::Caller, request: &[u8], pace: Pace) -> f64 {
    let (caller, request) = (caller.clone(), request.to_vec());
    rate(CLIENTS, pace.slot, move |client| {
        let (caller, request) = (caller.clone(), request.clone());
        async move {
            caller.call(client, request).await.expect("an answer");
        }
    })
    .await
}

/// A visit, read by its Owner and written down ÷ a SELECT and an INSERT with its commit.
pub async fn audited_read(scene: &mut Scene, pace: Pace) -> Row {
    let mut row = Row::rates("audited read of personal data", "calls/s", 0.5, 1.0);
    let count = if pace.quick { 2_000 } else { 10_000 };
    let (visits, _) = scene.plan(count).await;
    let owner = scene.owner();
    let own: Vec<_> = visits.iter().filter(|visit| visit.owner == owner).map(|visit| visit.id).collect();
    let caller = scene.caller("appointments", "/kith.appointments.v1.VisitsService/GetVisit", owner).await;
    let rows = "select count(*) from platform.audit where action = 'GetVisit'";
    let before = scene.databases.number("appointments", rows).await;
    for id in own.iter().take(20) {
        let request = GetVisitRequest { id: id.to_string() };
        let answer = caller.call(0, request.encode_to_vec()).await.expect("an answer");
        let read = GetVisitResponse::decode(answer.as_slice()).expect("the answer of the contract").visit;
        assert_eq!(read.expect("a visit").id, id.to_string());
    }
    let after = scene.databases.number("appointments", rows).await;
    assert!(after - before >= 20, "every read is written down: {before}, {after}");
    let first: usize = own.first().and_then(|id| id.to_string()[24..].parse().ok()).unwrap_or_default();
    let (pgbench, script) = select_and_insert(scene, first, count).await;
    for _ in 0..pace.rounds {
        let (ours, ids) = (caller.clone(), std::sync::Arc::new(own.clone()));
        let next = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let ours = rate(CLIENTS, pace.slot, move |client| {
            let (caller, ids, next) = (ours.clone(), ids.clone(), next.clone());
            async move {
                let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) * 7919 % ids.len();
                let request = GetVisitRequest { id: ids[place].to_string() };
                caller.call(client, request.encode_to_vec()).await.expect("an answer");
            }
        })
        .await;
        let limit = pgbench.rate(&script, CLIENTS, pace.seconds()).await;
        row.round(ours, limit);
    }
    row.note(format!("GetVisit by its Owner among {count} visits, {CLIENTS} clients; limit: pgbench, the SELECT of the visit and"));
    row.note("an INSERT of both audit rows (Owner and giver, and that they wait for a seal) with its commit, without begin, policy or row security");
    row
}

async fn select_and_insert(scene: &Scene, first: usize, count: usize) -> (Pgbench, std::path::PathBuf) {
    scene
        .databases
        .run(
            "appointments",
            "create schema if not exists bench; drop table if exists bench.audit, bench.audit_open;
             create table bench.audit (like platform.audit including all);
             create table bench.audit_open (like platform.audit_open including all)",
        )
        .await;
    let pgbench = Pgbench::new(&scene.databases, "appointments", scene.stack.folder().to_owned());
    let (tenant, person, visit) = (scene.tenant, scene.owner(), visit_id(first));
    let script = pgbench.script(
        "audited",
        &format!(
            "\\set n random({first}, {})
select * from visit where tenant_id = '{tenant}' and id = {VISIT_ID_OF_N};
with open as (insert into bench.audit_open (tenant_id, id) select '{tenant}', gen_random_uuid() from generate_series(1, 2))
insert into bench.audit (tenant_id, id, actor_id, action, subject_type, subject_id, person_id, basis, allowed, recorded_at)
select '{tenant}', gen_random_uuid(), '{person}', 'GetVisit', 'visit', '{visit}', '{person}', 'owner', true, now()
from generate_series(1, 2);
",
            first + count - 1
        ),
    );
    (pgbench, script)
}
