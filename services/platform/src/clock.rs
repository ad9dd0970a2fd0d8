//! Where the time comes from: the system, or a test's hand.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, DurationRound as _, Utc};

/// A source of the current time, cheap to clone.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that moves only when told.
    Test(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn test(start: DateTime<Utc>) -> Self {
        Self::Test(Arc::new(Mutex::new(start)))
    }

    /// Now, in whole microseconds, which is what the database keeps.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => {
                #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
                let now = Utc::now();
                now.duration_trunc(Duration::microseconds(1)).unwrap_or(now)
            }
            Self::Test(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a test clock on; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Self::Test(now) = self {
            *now.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}
