//! Looks at the ledger ten times a second while everything else goes on: L1 holds always, not only at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::books::UNBALANCED;
use super::databases::{Databases, number};

const EVERY: Duration = Duration::from_millis(100);

/// Samples until it is dropped.
#[derive(Debug)]
pub struct Sampler {
    counts: Arc<(AtomicUsize, AtomicUsize)>,
    task: JoinHandle<()>,
}

impl Sampler {
    /// Begins. While PostgreSQL is away nothing is counted.
    pub fn start(databases: Databases) -> Self {
        let counts: Arc<(AtomicUsize, AtomicUsize)> = Arc::default();
        let counting = counts.clone();
        let task = tokio::spawn(async move {
            loop {
                if let Ok(mut conn) = databases.connect("finance").await {
                    while let Ok(wrong) = number(&mut conn, UNBALANCED).await {
                        counting.0.fetch_add(1, Ordering::Relaxed);
                        counting.1.fetch_add(usize::from(wrong > 0), Ordering::Relaxed);
                        tokio::time::sleep(EVERY).await;
                    }
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { counts, task }
    }

    /// How many samples were taken, and how many of them saw something wrong.
    pub fn taken(&self) -> (usize, usize) {
        (self.counts.0.load(Ordering::Relaxed), self.counts.1.load(Ordering::Relaxed))
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}
