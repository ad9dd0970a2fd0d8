//! From the agreed visit to its posting and its line on an invoice: as many a second as go through for good, and how long
//! one takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kith_platform::id::PersonId;
use kith_proto::finance::v1::{IssueInvoicesRequest, IssueInvoicesResponse};
use prost::Message as _;
use sqlx::PgConnection;

use super::agreeing::Owners;
use super::pgbench::Pgbench;
use super::report::Row;
use super::scene::{Planned, Scene, VISIT_ID_OF_N};
use super::slots::{Pace, median, work_off};
use crate::chaos::queues;

const CLIENTS: usize = 8;
const LOOK: Duration = Duration::from_micros(500);
/// How many visits are agreed in one act.
const TOGETHER: usize = 20;
const LIMIT: Duration = Duration::from_mins(2);
const ISSUE: &str = "/kith.finance.v1.DocumentsService/IssueInvoices";
const POSTED: &str =
    "select count(*) from settlement s join transfer t on t.tenant_id = s.tenant_id and t.id = s.transfer_id";
/// Settled shares that stand on no invoice.
const OPEN: &str = "select count(*) from settlement_share s
    where not exists (select from invoice_line l where l.tenant_id = s.tenant_id and l.visit_id = s.visit_id
        and l.settlement_no = s.settlement_no and l.payer_id = s.payer_id)";

/// Visits a second from the first that is agreed until the last stands on its invoice.
pub async fn sustained(scene: &mut Scene, pace: Pace) -> Row {
    let mut row = Row::rates("agreed, posted, invoiced", "visits/s", 0.25, 0.6);
    let count = if pace.quick { 1_000 } else { 4_000 };
    let owners = Owners::of(scene).await;
    let (pgbench, script) = three_rows(scene).await;
    for _ in 0..pace.rounds {
        let (visits, months) = scene.plan(count).await;
        let before = scene.databases.number("finance", POSTED).await;
        let begin = Instant::now();
        agree_all(scene, &owners, visits).await;
        let wanted = before + i64::try_from(count).expect("few");
        scene.until("finance", POSTED, wanted, LIMIT).await;
        invoice(scene, &months).await;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let ours = count as f64 / begin.elapsed().as_secs_f64();
        assert_eq!(scene.databases.number("finance", POSTED).await, wanted, "each is posted once");
        assert_eq!(scene.databases.number("finance", OPEN).await, 0, "every share stands on an invoice");
        let limit = pgbench.rate(&script, CLIENTS, pace.seconds()).await;
        row.round(ours, limit);
    }
    let drifted = "select count(*) from (select a.id from account a left join entry e on e.tenant_id = a.tenant_id
        and e.account_id = a.id group by a.id, a.balance having a.balance <> coalesce(sum(e.amount), 0)) as wrong";
    assert_eq!(
        scene.databases.number("finance", drifted).await,
        0,
        "every balance is the sum of its entries"
    );
    row.note(format!("{count} visits, agreed {TOGETHER} at a time by {CLIENTS} clients; limit: pgbench, {CLIENTS} clients, visit, event and audit row in one transaction"));
    row
}

/// From the answer of the agreement until it is posted, the middle one ÷ two single commits and one confirmed publish.
pub async fn latency(scene: &mut Scene, pace: Pace) -> Row {
    let mut row = Row::times("commit to posted, p50", "ms", 5.0, 1.5);
    let (owners, each) = (Owners::of(scene).await, if pace.quick { 10 } else { 40 });
    let url = std::env::var("KITH_BROKER_URL").expect("the guardian says where the broker is");
    let (pgbench, script) = three_rows(scene).await;
    let single = pgbench.script("single", &single_commit(scene));
    drop(script);
    let mut finance = scene.stack.admin("finance").await;
    for round in 0..pace.rounds {
        let (visits, _) = scene.plan(each).await;
        let mut took = Vec::with_capacity(each);
        for visit in visits {
            let request_id = scene.people.uuid();
            owners.agree(0, request_id, visit).await;
            let answered = Instant::now();
            until_posted(scene, &mut finance, visit).await;
            took.push(answered.elapsed().as_secs_f64() * 1000.0);
        }
        let commits = pgbench.rate(&single, 1, pace.seconds()).await;
        let publishes =
            queues::publish_in_a_window(&url, &format!("bench-one-{round}"), 500, 1, pace.slot).await;
        row.round(median(&took), 1000.0 * (2.0 / commits + 1.0 / publishes));
    }
    row.note("limit: two commits of one row each by one client, and one publish with its confirm");
    row
}

/// Looks again after half a millisecond: what is timed takes several, and looking takes from it.
async fn until_posted(scene: &Scene, finance: &mut PgConnection, visit: Planned) {
    let sql = "select exists (select from settlement where tenant_id = $1 and visit_id = $2)";
    let begin = Instant::now();
    loop {
        let posted = sqlx::query_scalar(sql).bind(scene.tenant.0).bind(visit.id);
        if posted.fetch_one(&mut *finance).await.expect("an answer") {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "{} is not posted after {LIMIT:?}", visit.id);
        // The runtime's own clock ticks in milliseconds.
        std::thread::sleep(LOOK);
    }
}

/// Each Owner agrees theirs, a week's or so at a time.
async fn agree_all(scene: &Scene, owners: &Owners, visits: Vec<Planned>) {
    let (owners, ids) = (owners.clone(), scene.people.ids());
    let mut of_owner: BTreeMap<PersonId, Vec<Planned>> = BTreeMap::new();
    for visit in visits {
        of_owner.entry(visit.owner).or_default().push(visit);
    }
    let lists: Vec<Vec<Planned>> =
        of_owner.values().flat_map(|visits| visits.chunks(TOGETHER).map(<[Planned]>::to_vec)).collect();
    work_off(CLIENTS, LIMIT, lists, move |client, list| {
        let (owners, ids) = (owners.clone(), ids.clone());
        async move {
            owners.agree_several(client, ids(), list).await;
        }
    })
    .await;
}

async fn invoice(scene: &Scene, months: &[String]) {
    let caller = scene.caller("finance", ISSUE, scene.treasurer).await;
    for month in months {
        let request = IssueInvoicesRequest {
            request_id: scene.people.uuid().to_string(),
            circle_id: scene.circle.to_string(),
            month: month.clone(),
        };
        let answer = caller.call(0, request.encode_to_vec()).await.expect("invoices");
        IssueInvoicesResponse::decode(answer.as_slice()).expect("the answer of the contract");
    }
}

fn single_commit(scene: &Scene) -> String {
    format!(
        "insert into bench.line_audit (tenant_id, id, actor_id, action, subject_type, subject_id, basis, allowed,
            recorded_at)
        values ('{0}', gen_random_uuid(), '{0}', 'AgreeVisit', 'visit', gen_random_uuid(), 'owner', true, now());\n",
        scene.tenant
    )
}

/// A visit, an event and an audit row, each inserted, in one transaction.
async fn three_rows(scene: &Scene) -> (Pgbench, std::path::PathBuf) {
    let tenant = scene.tenant;
    scene
        .databases
        .run(
            "appointments",
            "create schema if not exists bench;
             drop table if exists bench.line_visit, bench.line_outbox, bench.line_audit;
             create table bench.line_visit (like visit including all);
             create table bench.line_outbox (like platform.outbox including all);
             create table bench.line_audit (like platform.audit including all)",
        )
        .await;
    let pgbench = Pgbench::new(&scene.databases, "appointments", scene.stack.folder().to_owned());
    let script = pgbench.script(
        "three-rows",
        &format!(
            "\\set n random(1, 999999999999)
begin;
insert into bench.line_visit (tenant_id, id, series_id, team_id, giver_person_id, kind, occurrence_local, starts_local,
        time_zone, wall_minutes, plan_starts_at, plan_ends_at, state, actual_accepted, settlement_no,
        cancellation_unconfirmed, brought_in, version)
    values ('{tenant}', gen_random_uuid(), gen_random_uuid(), '{tenant}', '{tenant}', 'support', '2026-04-01 10:00',
        '2026-04-01 10:00', 'Europe/London', 60, '2026-04-01 09:00Z', '2026-04-01 10:00Z', 'planned', false, 0, false,
        false, 1);
insert into bench.line_outbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload, created_at)
    values ('{tenant}', gen_random_uuid(), 'appointments.visit', {VISIT_ID_OF_N}, :n, 'appointments.visit.agreed.v1',
        decode(repeat('61', 320), 'hex'), now());
{}commit;
",
            single_commit(scene)
        ),
    );
    (pgbench, script)
}
