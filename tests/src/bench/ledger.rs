//! The ledger: postings in batches beside plain bulk INSERTs of the same rows, and the trial balance of a million postings
//! beside one GROUP BY.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use kith_proto::appointments::v1::{Settlement, VisitAgreed, VisitKind, VisitSnapshot, VisitState};
use kith_proto::finance::v1::{GetTrialBalanceRequest, GetTrialBalanceResponse};
use prost::Message as _;
use prost_types::Timestamp;
use sqlx::Row as _;
use std::collections::BTreeMap;

use super::report::Row;
use super::scene::Scene;
use super::slots::Pace;
use crate::chaos::databases::number;
use kith_platform::id::{TenantId, Uuid};

pub const LIMIT: Duration = Duration::from_mins(3);
/// What posting a visit writes.
const WRITTEN: [&str; 4] = ["transfer", "entry", "settlement", "settlement_share"];
/// What waits in the inbox, below zero: it grows to nothing.
const WAITING: &str = "select -count(*) from platform.inbox_todo";
const BALANCE: &str = "/kith.finance.v1.LedgerService/GetTrialBalance";
/// How many entries the trial balance is over.
const POSTINGS: i64 = 1_000_000;
const ACCOUNTS: i64 = 900;

/// Rows a second while finance works off agreed visits that all arrived at once.
pub async fn postings(scene: &Scene, pace: Pace) -> Row {
    let mut row = Row::rates("postings in batches", "rows/s", 0.3, 0.6);
    let count = if pace.quick { 4_000 } else { 20_000 };
    let mut finance = scene.stack.admin("finance").await;
    let rows = WRITTEN.map(|table| format!("(select count(*) from {table})")).join(" + ");
    let rows = format!("select {rows}");
    for _ in 0..pace.rounds {
        let before = number(&mut finance, &rows).await.expect("a number");
        scene.count_all().await;
        arrive(scene, &[scene.tenant], count).await;
        // The clock starts with the first batch that is through, so that how often it is looked does not count; and it is looked at
        // what waits, which is quick: counting what is posted would take one of two processors from those who post.
        scene.until("finance", WAITING, 1 - count, LIMIT).await;
        let begin = Instant::now();
        let waiting = -number(&mut finance, WAITING).await.expect("a number");
        scene.until("finance", WAITING, 0, LIMIT).await;
        let took = begin.elapsed();
        let after = number(&mut finance, &rows).await.expect("a number");
        assert!(waiting > 0 && after > before, "there was something to post");
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let ours = (after - before) as f64 / count as f64 * waiting as f64 / took.as_secs_f64();
        let limit = bulk(scene, after - before).await;
        row.round(ours, limit);
    }
    row.note(format!("{count} agreed visits in the inbox at once; rows of transfer, entry, settlement and share, as they are"));
    row.note("applied (ours also reads what governs each visit, checks every transfer at commit and marks each event);");
    row.note("limit: the same rows by one INSERT a table into tables of the same columns, checks and indexes, one commit");
    row
}

/// Puts agreed visits of these tenants in turn into finance's inbox, as they would have arrived.
pub async fn arrive(scene: &Scene, tenants: &[TenantId], count: i64) {
    let mut appointments = scene.stack.admin("appointments").await;
    let pattern = sqlx::query(
        "select v.series_id, v.team_id, v.giver_person_id, t.circle_id from visit v join known_team t using (tenant_id, team_id)
         where v.state = 'agreed' and v.settlement = 'money' and v.kind <> 'trial' order by v.id limit 1",
    )
    .fetch_one(&mut appointments)
    .await
    .expect("a visit of the month");
    let text = |column: &str| pattern.get::<Uuid, _>(column).to_string();
    let at = |seconds: i64| Some(Timestamp { seconds, nanos: 0 });
    let (mut events, mut visits, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let visit = scene.people.uuid();
        let state = VisitSnapshot {
            visit_id: visit.to_string(),
            series_id: text("series_id"),
            team_id: text("team_id"),
            circle_id: text("circle_id"),
            giver_person_id: text("giver_person_id"),
            kind: VisitKind::Support.into(),
            occurrence_local: "2026-03-30T10:00:00".to_owned(),
            time_zone: "Europe/London".to_owned(),
            plan_start_time: at(1_774_861_200),
            plan_end_time: at(1_774_864_800),
            state: VisitState::Agreed.into(),
            agreed_start_time: at(1_774_861_200),
            agreed_end_time: at(1_774_864_800),
            settlement: Settlement::Money.into(),
            settlement_no: 1,
        };
        events.push(scene.people.uuid());
        visits.push(visit);
        payloads.push(VisitAgreed { state: Some(state) }.encode_to_vec());
    }
    let of: Vec<Uuid> = tenants.iter().cycle().take(events.len()).map(|tenant| tenant.0).collect();
    let mut finance = scene.stack.admin("finance").await;
    sqlx::query(
        "with event as (
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[]) as e (tenant_id, event_id, visit_id, payload)
         ), cursors as (
             insert into platform.inbox_cursor (tenant_id, aggregate_type, aggregate_id, last_no)
             select tenant_id, 'appointments.visit', visit_id, 0 from event
         ), arrived as (
             insert into platform.inbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload,
                 received_at)
             select tenant_id, event_id, 'appointments.visit', visit_id, 1, 'appointments.visit.agreed.v1', payload, now()
             from event returning *
         )
         insert into platform.inbox_todo (tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, state,
             attempts, next_attempt_at, since)
         select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, 'ready', 0, received_at, received_at
         from arrived",
    )
    .bind(&of)
    .bind(&events)
    .bind(&visits)
    .bind(&payloads)
    .execute(&mut finance)
    .await
    .expect("the events");
}

/// The newest rows that posting wrote, so many of all tables together, written again by plain INSERTs.
async fn bulk(scene: &Scene, rows: i64) -> f64 {
    let mut sql =
        String::from("create schema if not exists bench; set session_replication_role = replica; begin;\n");
    for table in WRITTEN {
        write!(
            sql,
            "drop table if exists bench.{table}; create table bench.{table} (like {table} including all);
             create temporary table newest_{table} as select * from {table} order by ctid desc limit {rows} / 9 * {};\n",
            if table == "entry" { 3 } else { 1 }
        )
        .ok();
    }
    sql.push_str("commit;");
    let mut finance = scene.stack.admin("finance").await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut finance).await.expect("tables");
    let begin = Instant::now();
    let inserts =
        WRITTEN.map(|table| format!("insert into bench.{table} select * from newest_{table};")).join("\n");
    let inserts = format!("begin; {inserts} commit;");
    sqlx::raw_sql(sqlx::AssertSqlSafe(inserts)).execute(&mut finance).await.expect("rows");
    let took = begin.elapsed().as_secs_f64();
    let counts = WRITTEN.map(|table| format!("(select count(*) from bench.{table})")).join(" + ");
    let written = number(&mut finance, &format!("select {counts}")).await.expect("a number");
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = written as f64 / took;
    rate
}

/// The time of the RPC ÷ that of a GROUP BY over all entries.
pub async fn trial_balance(scene: &Scene, pace: Pace) -> Row {
    let mut row = Row::times("trial balance after 1,000,000 postings", "ms", 1.0, 0.1);
    fill(scene).await;
    let caller = scene.caller("finance", BALANCE, scene.treasurer).await;
    let request = GetTrialBalanceRequest { page_size: 1000, ..GetTrialBalanceRequest::default() };
    let mut finance = scene.stack.admin("finance").await;
    let group = format!(
        "select a.name, sum(e.amount)::bigint from entry e join account a on a.tenant_id = e.tenant_id and a.id = e.account_id
         where e.tenant_id = '{}' group by a.name",
        scene.tenant
    );
    let plain = format!(
        "select account_id, sum(amount)::bigint from entry where tenant_id = '{}' group by account_id",
        scene.tenant
    );
    let answer = caller.call(0, request.encode_to_vec()).await.expect("a trial balance");
    let answer = GetTrialBalanceResponse::decode(answer.as_slice()).expect("the answer of the contract");
    let kept: BTreeMap<String, i64> = answer
        .accounts
        .into_iter()
        .map(|account| (account.account, account.balance.unwrap_or_default().minor_units))
        .filter(|(_, balance)| *balance != 0)
        .collect();
    let summed: Vec<(String, i64)> =
        sqlx::query_as(sqlx::AssertSqlSafe(group)).fetch_all(&mut finance).await.expect("the sums");
    let summed: BTreeMap<String, i64> = summed.into_iter().filter(|(_, sum)| *sum != 0).collect();
    assert_eq!(kept, summed, "every balance is the sum of its entries");
    for _ in 0..pace.rounds {
        let begin = Instant::now();
        caller.call(0, request.encode_to_vec()).await.expect("a trial balance");
        let ours = begin.elapsed().as_secs_f64() * 1000.0;
        let begin = Instant::now();
        sqlx::raw_sql(sqlx::AssertSqlSafe(plain.clone())).fetch_all(&mut finance).await.expect("the sums");
        row.round(ours, begin.elapsed().as_secs_f64() * 1000.0);
    }
    row.note(format!(
        "{} accounts; limit: SELECT account_id, sum(amount) ... GROUP BY account_id, warm",
        kept.len()
    ));
    row
}

/// Adds postings until there are so many, with the balances that they come to.
async fn fill(scene: &Scene) {
    let tenant = scene.tenant;
    let there = scene.databases.number("finance", "select count(*) from entry").await;
    let transfers = (POSTINGS - there).max(0) / 4 + 1;
    let sql = format!(
        "set session_replication_role = replica;
         begin;
         create temporary table new_account as
             select gen_random_uuid() as id, n from generate_series(0, {ACCOUNTS} - 1) n;
         insert into account (tenant_id, id, name, kind, currency, balance)
             select '{tenant}', id, 'payer:' || gen_random_uuid(), 'payer', 'GBP', 0 from new_account;
         create temporary table new_transfer as
             select gen_random_uuid() as id, n from generate_series(1, {transfers}) n;
         insert into transfer (tenant_id, id, input_hash, code, visit_id, created_at)
             select '{tenant}', id, sha256(id::text::bytea), 'visit', gen_random_uuid(), now() from new_transfer;
         insert into entry (tenant_id, transfer_id, leg, account_id, currency, amount)
             select '{tenant}', t.id, leg.place, a.id, 'GBP', leg.amount
             from new_transfer t
                 cross join lateral (values (1, 700), (2, 300), (3, -600), (4, -400)) as leg (place, amount)
                 join new_account a on a.n = (t.n * 7 + leg.place * 211) % {ACCOUNTS};
         update account a set balance = s.sum
             from (select account_id, sum(amount)::bigint as sum from entry group by account_id) s
             where a.id = s.account_id;
         commit;
         set session_replication_role = origin;
         analyze entry; analyze account; analyze transfer;"
    );
    scene.databases.run("finance", &sql).await;
}
