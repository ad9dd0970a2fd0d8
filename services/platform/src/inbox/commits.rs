//! The applier's commits, which wait for the disk: one that begins after something was stored takes that along.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Numbers of commits: those that have begun, and the newest that has ended well.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    begun: AtomicU64,
    ended: watch::Sender<u64>,
}

impl Commits {
    /// A commit begins; answers its number.
    pub fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The commit with that number is on the disk.
    pub fn ended(&self, number: u64) {
        self.ended.send_modify(|newest| *newest = number.max(*newest));
    }

    /// Waits for a commit that begins after this is called; answers whether there was one. One that had begun before may have been
    /// on its way to the disk without what is to be safe.
    pub fn next(&self, at_most: Duration) -> impl Future<Output = bool> + use<> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut ended = self.ended.subscribe();
        async move {
            let next = ended.wait_for(|ended| *ended > begun);
            tokio::time::timeout(at_most, next).await.is_ok_and(|ended| ended.is_ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is ended within a moment; the first look tells.
    async fn is_awaited(commits: &Commits, then: impl FnOnce()) -> bool {
        let next = commits.next(Duration::from_millis(50));
        tokio::pin!(next);
        assert!(futures_util::poll!(&mut next).is_pending(), "nothing has begun since");
        then();
        next.await
    }

    #[tokio::test]
    async fn only_a_commit_that_begins_afterwards_counts() {
        let commits = Commits::default();
        assert!(!is_awaited(&commits, || ()).await, "there is none");
        let before = commits.begin();
        assert!(!is_awaited(&commits, || commits.ended(before)).await, "it had begun before");
        let after = || {
            let number = commits.begin();
            commits.ended(number);
        };
        assert!(is_awaited(&commits, after).await);
        let failed = || {
            commits.begin();
        };
        assert!(!is_awaited(&commits, failed).await, "it never ended");
    }
}
