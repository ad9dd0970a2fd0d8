//! How long to wait before a call is repeated, and when to give up.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(40);
const LONGEST: Duration = Duration::from_secs(2);

/// The pauses between the attempts of one call: doubling, with jitter, until its time is up.
pub(super) struct BackOff {
    started: Instant,
    give_up_after: Duration,
    next: Duration,
    /// State of a small generator; jitter needs no secrecy.
    jitter: u64,
}

impl BackOff {
    /// Starts the clock; calls with different seeds do not come back all at once.
    pub(super) fn new(started: Instant, give_up_after: Duration, seed: u64) -> Self {
        Self { started, give_up_after, next: FIRST, jitter: seed }
    }

    /// Returns the next pause, at least as long as the service asked for; `None` once the time is up.
    pub(super) fn pause(&mut self, now: Instant, asked: Option<Duration>) -> Option<Duration> {
        let spent = now.saturating_duration_since(self.started);
        let left = self.give_up_after.checked_sub(spent).filter(|left| !left.is_zero())?;
        let half = self.next / 2;
        let jittered = half + half.mul_f64(self.fraction());
        self.next = (self.next * 2).min(LONGEST);
        Some(jittered.max(asked.unwrap_or_default()).min(left))
    }

    /// The next number in 0..1 (SplitMix64).
    fn fraction(&mut self) -> f64 {
        self.jitter = self.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.jitter;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        f64::from((mixed >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_end_with_the_time() {
        let start = Instant::now();
        let mut back_off = BackOff::new(start, Duration::from_mins(2), 7);
        let mut now = start;
        let mut pauses = Vec::new();
        while let Some(pause) = back_off.pause(now, None) {
            assert!(pause <= LONGEST);
            pauses.push(pause);
            now += pause;
        }
        assert!(pauses[0] >= FIRST / 2 && pauses[0] <= FIRST);
        assert!(pauses.len() > 60, "about 1.5 s each at the end: {}", pauses.len());
        assert_eq!(now - start, Duration::from_mins(2), "the last pause ends with the time");
    }

    #[test]
    fn a_service_may_ask_for_longer_and_seeds_differ() {
        let start = Instant::now();
        let asked = Some(Duration::from_secs(3));
        assert_eq!(BackOff::new(start, Duration::from_secs(9), 1).pause(start, asked), asked);
        let one = BackOff::new(start, Duration::from_secs(9), 1).pause(start, None);
        let two = BackOff::new(start, Duration::from_secs(9), 2).pause(start, None);
        assert_ne!(one, two);
    }
}
