//! How often a loop that works off what arrives takes a turn: the first at once, under load in steps, so that what comes
//! one by one is carried together. A turn costs about the same for one event as for twenty.

use std::time::Duration;

use tokio::time::Instant;

/// The least time from one turn's beginning to the next: short beside what an event takes to get through, long beside what
/// lies between two events under load.
const STEP: Duration = Duration::from_millis(5);

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_that_follow_at_once_are_a_step_apart() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        for _ in 0..4 {
            pace.turn().await;
        }
        assert!(begin.elapsed() >= STEP * 3, "{:?}", begin.elapsed());
    }
}
