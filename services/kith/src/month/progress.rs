//! Lines with counts, so that somebody who waits sees how far it is.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};

/// How many people act at once.
const AT_ONCE: usize = 4;
/// A line is shown after so many.
const EVERY: usize = 25;

/// Counts one kind of step.
pub struct Count {
    what: &'static str,
    total: usize,
    done: AtomicUsize,
    new: AtomicUsize,
}

impl Count {
    pub fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, done: AtomicUsize::new(0), new: AtomicUsize::new(0) }
    }

    /// One more is there; `is_new` where this run made it so.
    pub fn add(&self, is_new: bool) {
        if is_new {
            self.new.fetch_add(1, Ordering::Relaxed);
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(EVERY) && done < self.total {
            self.line(done);
        }
    }

    /// Shows the final count.
    pub fn end(self) {
        self.line(self.done.load(Ordering::Relaxed));
    }

    fn line(&self, done: usize) {
        let new = self.new.load(Ordering::Relaxed);
        eprintln!("  {:<28} {done:>4} of {:<4} {new:>4} new", self.what, self.total);
    }
}

/// Says what is done now.
pub fn say(line: &str) {
    eprintln!("  {line}");
}

/// Does the same for each, a few at once, and ends at the first error.
pub async fn for_each<T, W>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> W) -> Result<()>
where
    W: Future<Output = Result<()>>,
{
    stream::iter(items.into_iter().map(work)).buffer_unordered(AT_ONCE).try_collect().await
}
