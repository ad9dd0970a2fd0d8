//! How often a loop that works off what arrives takes a turn: the first at once, under load in steps, so that what comes
//! one by one is carried together. A turn costs about the same for one event as for twenty.

use std::time::Duration;

use tokio::time::Instant;

/// The least time from one turn's beginning to the next: short beside what an event takes to get through, long beside what
/// lies between two events under load.
const STEP: Duration = Duration::from_millis(10);

/// When the last turn began.
#[derive(Debug, Default)]
pub(crate) struct Pace(Option<Instant>);

impl Pace {
    /// Waits until the next turn may begin. After a rest it may at once.
    pub async fn turn(&mut self) {
        if let Some(last) = self.0 {
            tokio::time::sleep_until(last + STEP).await;
        }
        self.0 = Some(Instant::now());
    }

    /// Says how many the turn carried. After one that carried a single event, or none, the next may begin at once: waiting
    /// would bring nothing together, and whatever comes alone is not to wait for the step of the one before it.
    pub fn carried(&mut self, events: usize) {
        if events < 2 {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_that_follow_at_once_are_a_step_apart() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        for _ in 0..4 {
            pace.turn().await;
            pace.carried(2);
        }
        assert!(begin.elapsed() >= STEP * 3, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn what_comes_alone_waits_for_nobody() {
        let mut pace = Pace::default();
        for (carried, waits) in [(1, false), (0, false), (2, true), (1, false)] {
            pace.turn().await;
            pace.carried(carried);
            assert_eq!(pace.0.is_some(), waits, "after {carried}");
        }
    }
}
