//! The relay: from the outbox to the broker, beside a bare publisher with 256 confirms in flight.

use std::time::{Duration, Instant};

use super::report::Row;
use super::scene::Scene;
use super::slots::Pace;
use crate::chaos::queues;

/// Confirms that the bare publisher leaves in flight.
const WINDOW: usize = 256;
/// Bytes of a message.
const BYTES: usize = 500;
/// Whose relay: a service that has nothing else to do.
const SERVICE: &str = "governance";
const LIMIT: Duration = Duration::from_mins(2);

/// Events a second, from their commit until the last one is marked as published.
pub async fn relay(scene: &Scene, pace: Pace) -> Row {
    let mut row = Row::rates("relay", "events/s", 0.3, 0.8);
    let count: i64 = if pace.quick { 10_000 } else { 30_000 };
    let url = std::env::var("KITH_BROKER_URL").expect("the guardian says where the broker is");
    let unrouted = format!("{}.unrouted", scene.stack.world.prefix);
    for round in 0..pace.rounds {
        let before = queues::depth(&url, &unrouted).await;
        let begin = write(scene, count).await;
        let unpublished = "select -count(*) from platform.outbox where published_at is null";
        scene.until(SERVICE, unpublished, 0, LIMIT).await;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let ours = count as f64 / begin.elapsed().as_secs_f64();
        let arrived = i64::from(queues::depth(&url, &unrouted).await) - i64::from(before);
        assert!(arrived >= count, "of {count} events {arrived} arrived");
        let queue = format!("bench-{round}");
        let limit = queues::publish_in_a_window(&url, &queue, BYTES, WINDOW, pace.slot).await;
        row.round(ours, limit);
    }
    row.note(format!("{count} events of {BYTES} bytes in the outbox at once, to one quorum queue; limit: lapin, {WINDOW} confirms in flight"));
    row
}

/// Puts events into the outbox in one transaction; answers when that was committed.
async fn write(scene: &Scene, count: i64) -> Instant {
    let tenant = scene.tenant;
    scene
        .databases
        .run(
            SERVICE,
            &format!(
                "insert into platform.outbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type,
                     payload, created_at)
                 select '{tenant}', gen_random_uuid(), '{SERVICE}.bench', gen_random_uuid(), 1,
                     '{SERVICE}.bench.happened.v1', decode(repeat('61', {BYTES}), 'hex'), now()
                 from generate_series(1, {count})"
            ),
        )
        .await;
    Instant::now()
}
