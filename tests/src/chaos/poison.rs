//! Events that cannot be applied, or go nowhere: D11 and D12.

use std::time::{Duration, Instant};

use kith_platform::broker::{Message, Publisher};
use kith_platform::id::{Ids, TenantId};

use super::faults::PATIENCE;
use super::queues;
use super::report::Faults;
use super::stage::{Load, Stage};

/// About every sixteenth visit is one that finance cannot apply.
const POISON: &str = "
    create function chaos_poison() returns trigger language plpgsql as $$
    begin
        if get_byte(uuid_send(new.visit_id), 15) % 16 = 3 then
            raise exception 'poison';
        end if;
        return new;
    end $$;
    create trigger chaos_poison before insert or update on visit for each row execute function chaos_poison()";
const ANTIDOTE: &str = "drop trigger chaos_poison on visit; drop function chaos_poison()";
/// The next attempt now: eight attempts with their back-off would take minutes.
const HURRY: &str =
    "update platform.inbox_todo set next_attempt_at = now() where state = 'ready' and attempts > 0";
const DEAD: &str = "select count(*) from platform.inbox_todo where state = 'dead'";
const FAILING: &str = "select count(*) from platform.inbox_todo where state = 'ready' and attempts > 0";
/// Not done though nothing of its aggregate is dead.
const HELD_UP: &str = "select count(*) from platform.inbox_todo i where i.state = 'ready'
    and i.since < now() - interval '5 seconds' and not exists (
        select from platform.inbox_todo d where d.state = 'dead' and d.tenant_id = i.tenant_id
            and d.aggregate_type = i.aggregate_type and d.aggregate_id = i.aggregate_id)";
/// No further event has died for so long: whoever waits for the dead stands still, and all others have gone on.
const SETTLED: Duration = Duration::from_secs(6);
const NONSENSE: usize = 10;
const UNBOUND: usize = 200;

/// D11: some visits' events fail in finance until they are dead, and what is no event goes to the dead letters. Their
/// aggregates wait, all others go on; then half are replayed, and half skipped and sent again.
pub async fn dead_events(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    stage.databases.run("finance", POISON).await;
    nonsense(stage, &mut faults).await;
    let begin = Instant::now();
    // Everything else goes on meanwhile, until the months give up or wait for what is behind the dead.
    let (mut dead_before, mut dead_since) = (0, Instant::now());
    while begin.elapsed() < PATIENCE {
        stage.databases.run("finance", HURRY).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let dead = stage.databases.number("finance", DEAD).await;
        if dead != dead_before {
            (dead_before, dead_since) = (dead, Instant::now());
        }
        let settled = dead > 0
            && dead_since.elapsed() > SETTLED
            && stage.databases.number("finance", FAILING).await == 0;
        if settled || (dead == 0 && !load.has_one_under_way()) {
            break;
        }
    }
    let all_dead = begin.elapsed();
    let dead = stage.databases.number("finance", DEAD).await;
    let (looked, mut wrong) = (Instant::now(), stage.databases.number("finance", HELD_UP).await);
    // A slow machine is only behind: what is held up stays so.
    while wrong > 0 && looked.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(250)).await;
        wrong = stage.databases.number("finance", HELD_UP).await;
    }
    if wrong > 0 {
        faults.problems.push(format!("D11: {wrong} events of other aggregates wait behind the dead"));
    }
    faults.count += usize::try_from(dead).unwrap_or_default();
    if dead == 0 {
        faults.problems.push("D11: nothing was given up on".to_owned());
    }
    stage.databases.run("finance", ANTIDOTE).await;
    stage.databases.run("finance", HURRY).await;
    let mended = Instant::now();
    let (replayed, skipped, healed) = mend(stage, &mut faults).await;
    let back = stage.databases.until_resumed(PATIENCE).await;
    faults.recovered(back.map(|_| mended.elapsed()));
    faults.notes.push(format!(
        "{dead} dead, nothing else waited; {replayed} replayed, {skipped} skipped and sent again, {healed} mended by a snapshot; the last was dead after \
         {:.1} s, mended in {:.1} s",
        all_dead.as_secs_f64(),
        mended.elapsed().as_secs_f64()
    ));
    faults
}

/// Replays every other dead event; skips the rest and asks for the newest of their aggregates.
async fn mend(stage: &Stage, faults: &mut Faults) -> (usize, usize, usize) {
    let (mut replayed, mut skipped, mut healed) = (0, 0, 0);
    let mut conn = stage.databases.connect("finance").await.expect("a connection as administrator");
    let dead: Vec<(String, String, String)> = sqlx::query_as(
        "select event_id::text, tenant_id::text, aggregate_id::text from platform.inbox_todo where state = 'dead' order by seq",
    )
    .fetch_all(&mut conn)
    .await
    .expect("the dead events");
    for (place, (event, tenant, aggregate)) in dead.iter().enumerate() {
        let way = if place % 2 == 0 { "replay" } else { "skip" };
        let done =
            stage.stack.operate("finance", &["events", "finance", way, event, "--reason", "chaos"]).output();
        let done = done.expect("kith is built");
        if !done.status.success() {
            // A snapshot that was asked for because of a gap may have stood in for it meanwhile.
            let is_dead = format!(
                "select count(*) from platform.inbox_todo where event_id = '{event}' and state = 'dead'"
            );
            if stage.databases.number("finance", &is_dead).await > 0 {
                faults
                    .problems
                    .push(format!("D11: {way} {event}: {}", String::from_utf8_lossy(&done.stderr)));
            }
            healed += 1;
            continue;
        }
        if place % 2 == 0 {
            replayed += 1;
            continue;
        }
        skipped += 1;
        let resend =
            ["events", "finance", "resend", "appointments.visit", "--tenant", tenant, "--id", aggregate];
        let done = stage.stack.operate("finance", &resend).output().expect("kith is built");
        if !done.status.success() {
            faults.problems.push(format!("D11: {resend:?}: {}", String::from_utf8_lossy(&done.stderr)));
        }
    }
    (replayed, skipped, healed)
}

/// What is no event is put aside by everyone who gets it, and stops nobody.
async fn nonsense(stage: &Stage, faults: &mut Faults) {
    let url = std::env::var("KITH_BROKER_URL").expect("the guardian says where the broker is");
    let prefix = stage.stack.config("finance").broker.prefix.clone();
    let dead_queue = format!("{prefix}.dead.finance");
    let before = queues::depth(&url, &dead_queue).await;
    queues::publish_nonsense(&url, &format!("{prefix}.events"), "appointments.visit.agreed.v1", NONSENSE)
        .await;
    let begin = Instant::now();
    let mut aside = 0;
    while aside < NONSENSE && begin.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
        aside = usize::try_from(queues::depth(&url, &dead_queue).await - before).unwrap_or_default();
    }
    faults.count += NONSENSE;
    faults
        .notes
        .push(format!("{aside} of {NONSENSE} letters that are no events are in the dead letters of finance"));
    if aside != NONSENSE {
        faults.problems.push(format!("D11: {aside} of {NONSENSE} undecodable letters were put aside"));
    }
}

/// D12: events of a kind that nobody listens to are all kept where an operator finds them.
pub async fn unroutable(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    while load.is_running(&stage.stack) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let url = std::env::var("KITH_BROKER_URL").expect("the guardian says where the broker is");
    let config = stage.stack.config("teams");
    let queue = format!("{}.unrouted", config.broker.prefix);
    let publisher = Publisher::new(config.broker_as("teams").expect("the broker's address"));
    let (ids, now) = (Ids::system(), kith_platform::clock::Clock::System.now());
    let messages: Vec<Message> = (0..UNBOUND)
        .map(|_| Message {
            tenant_id: TenantId(ids.uuid(now)),
            event_id: ids.uuid(now),
            aggregate_type: "teams.chaos".to_owned(),
            aggregate_id: ids.uuid(now),
            event_no: 1,
            event_type: "teams.chaos.happened.v1".to_owned(),
            payload: vec![10, 0],
            traceparent: None,
            time: now,
            snapshot_for: None,
        })
        .collect();
    let before = queues::depth(&url, &queue).await;
    let (confirmed, failure) = publisher.publish(&messages).await;
    let kept = queues::depth(&url, &queue).await - before;
    faults.count = confirmed.len();
    if confirmed.len() != UNBOUND || failure.is_some() || usize::try_from(kept) != Ok(UNBOUND) {
        faults
            .problems
            .push(format!("D12: of {UNBOUND} events {} were confirmed and {kept} kept", confirmed.len()));
    }
    faults.notes.push(format!(
        "{UNBOUND} events that nobody listens to: {} confirmed, {kept} in the unrouted queue",
        confirmed.len()
    ));
    faults
}
