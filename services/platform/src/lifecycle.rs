//! Soft and hard stop. The first signal is soft: readiness goes, calls under way finish. The second signal, or the
//! end of the drain time, is hard. A background task that ends by itself takes the process down with failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The life of a process or of a service within it; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Stop taking on work.
    pub soft: CancellationToken,
    /// Stop at once.
    pub hard: CancellationToken,
    /// Everything that must finish first.
    pub tasks: TaskTracker,
    failed: Arc<AtomicBool>,
}

impl Life {
    /// A life that nothing ends yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs background work that should only end when told to stop; ending earlier stops everything, as a failure.
    pub fn guard(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let life = self.clone();
        self.tasks.spawn(async move {
            let done = tokio::spawn(work).await;
            if done.is_err() || !life.soft.is_cancelled() {
                tracing::error!(task.name = name, "a background task ended by itself");
                life.failed.store(true, Ordering::Relaxed);
                life.soft.cancel();
            }
        });
    }

    /// Whether a background task died.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Turns SIGTERM and SIGINT into soft and, the second time, hard stop.
    pub fn listen_to_signals(&self) -> std::io::Result<()> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let life = self.clone();
        tokio::spawn(async move {
            for token in [&life.soft, &life.hard] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_dies_takes_everything_down() {
        let life = Life::new();
        life.guard("fine", {
            let soft = life.soft.clone();
            async move { soft.cancelled().await }
        });
        life.guard("broken", async {});
        life.soft.cancelled().await;
        life.tasks.close();
        life.tasks.wait().await;
        assert!(life.failed());
    }
}
