//! What an inbox costs when much waits in it.

use kith_platform::id::TenantId;
use kith_platform::testing::World;
use sqlx::PgConnection;

use crate::common::SERVICE;

/// Puts events of as many aggregates into the inbox.
async fn put(admin: &mut PgConnection, tenant: TenantId, is_done: bool, count: i64) {
    sqlx::query(
        "with event as (select gen_random_uuid() as event_id, gen_random_uuid() as note_id from generate_series(1, $3)),
         cursors as (
             insert into platform.inbox_cursor (tenant_id, aggregate_type, aggregate_id, last_no)
             select $1, 'teams.team', note_id, 0 from event),
         arrived as (
             insert into platform.inbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload,
                 received_at)
             select $1, event_id, 'teams.team', note_id, 1, 'teams.team.started.v1', '', now() from event returning *)
         insert into platform.inbox_todo (tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, state,
             attempts, next_attempt_at, since)
         select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, 'ready', 0, received_at, received_at
         from arrived where not $2",
    )
    .bind(tenant.0)
    .bind(is_done)
    .bind(count)
    .execute(admin)
    .await
    .expect("events");
}

/// How many pages are touched to take a batch of 200.
async fn pages_of_a_batch(admin: &mut PgConnection, tenant: TenantId) -> u64 {
    let taking = format!("explain (analyze, buffers) select * from platform.take('{tenant}', now(), 200)");
    let lines: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(taking)).fetch_all(admin).await.expect("a plan");
    let is_whole = |line: &&String| line.trim_start().starts_with("Buffers: shared");
    let words = lines.iter().find(is_whole).expect("pages").split_whitespace();
    let counts = words.filter_map(|word| word.strip_prefix("hit=").or_else(|| word.strip_prefix("read=")));
    counts.map(|count| count.parse::<u64>().expect("a number")).sum()
}

/// Working off a backlog is as long as the backlog, not as its square: a batch touches no more pages where ten times as much
/// waits behind it, though PostgreSQL counted this inbox when nothing waited. Red where all that waits is read and sorted
/// for each batch.
#[tokio::test]
async fn what_waits_behind_a_batch_is_not_read_for_it() {
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let [tenant, other] = [world.tenant(&host, false).await, world.tenant(&host, false).await];
    let mut admin = world.admin(&host).await;
    put(&mut admin, tenant, true, 4_000).await;
    sqlx::raw_sql("analyze platform.inbox, platform.inbox_todo, platform.inbox_cursor")
        .execute(&mut admin)
        .await
        .expect("counted");
    put(&mut admin, other, false, 4_000).await;
    put(&mut admin, tenant, false, 400).await;
    let of_few = pages_of_a_batch(&mut admin, tenant).await;
    put(&mut admin, tenant, false, 3_600).await;
    let of_many = pages_of_a_batch(&mut admin, tenant).await;
    println!("a batch of 200 touches {of_few} pages of 400 that wait, {of_many} of 4,000");
    assert!(of_few > 200 && of_many < of_few * 3 / 2);
}
