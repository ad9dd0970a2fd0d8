//! Slots that take turns: ours, the limit, ours, the limit; what counts is the ratio of each round.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Of one slot.
    pub slot: Duration,
    /// Rounds, each with a slot of either side.
    pub rounds: usize,
    /// Fewer rows of data where making them takes long.
    pub quick: bool,
}

impl Pace {
    /// The whole seconds of a slot, as pgbench takes them.
    pub const fn seconds(self) -> u64 {
        self.slot.as_secs()
    }
}

/// Runs `call` again and again in so many tasks, each waiting for its answer; answers how many were done in a second.
/// What is not done when the time is over does not count.
///
/// # Panics
/// Where a call does: figures of refused calls mean nothing.
pub async fn rate<C, F>(clients: usize, length: Duration, call: C) -> f64
where
    C: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let begin = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut done = 0_u32;
                while begin.elapsed() < length {
                    call(client).await;
                    if begin.elapsed() <= length {
                        done += 1;
                    }
                }
                done
            })
        })
        .collect();
    let mut done = 0.0;
    for task in tasks {
        done += f64::from(task.await.expect("the calls succeed"));
    }
    done / length.as_secs_f64()
}

/// Works off items in so many tasks for no longer than `length`; answers how many were done in a second of the time until
/// then, or until they were all gone, and how many were worked on at all.
///
/// # Panics
/// Where a call does.
pub async fn work_off<T, C, F>(clients: usize, length: Duration, items: Vec<T>, call: C) -> (f64, usize)
where
    T: Clone + Send + Sync + 'static,
    C: Fn(usize, T) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let (items, next) = (Arc::new(items), Arc::new(AtomicUsize::new(0)));
    let begin = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let (items, next, call) = (items.clone(), next.clone(), call.clone());
            tokio::spawn(async move {
                let (mut in_time, mut last) = (0_u32, Duration::ZERO);
                while begin.elapsed() < length
                    && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    call(client, item.clone()).await;
                    if begin.elapsed() <= length {
                        in_time += 1;
                        last = begin.elapsed();
                    }
                }
                (in_time, last)
            })
        })
        .collect();
    let (mut done, mut end) = (0.0, Duration::ZERO);
    for task in tasks {
        let (in_time, last) = task.await.expect("the calls succeed");
        done += f64::from(in_time);
        end = end.max(last);
    }
    let worked_on = next.load(Ordering::Relaxed).min(items.len());
    (done / end.as_secs_f64(), worked_on)
}

/// What two stages together can do at best where they share the machine: 1/(1/a + 1/b).
pub fn harmonic(one: f64, other: f64) -> f64 {
    1.0 / (1.0 / one + 1.0 / other)
}

/// The middle of some figures; of an even number the mean of the two in the middle.
///
/// # Panics
/// Where there are none.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_budgets() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!((harmonic(100.0, 100.0) - 50.0).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn a_rate_counts_what_was_done_in_time() {
        let counted = rate(4, Duration::from_millis(100), |_| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
        });
        let counted = counted.await;
        assert!((40.0..=400.0).contains(&counted), "{counted}");
    }
}
