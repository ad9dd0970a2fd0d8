//! Facts: what a visit is made of, and what a transition needs to know.

use chrono::{DateTime, NaiveDateTime, Utc};
use kith_platform::id::PersonId;

use super::pattern::Period;
use super::{Actor, Settlement, Side};

/// Recorded times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actual {
    /// Begin and end.
    pub period: Period,
    /// Who recorded them.
    pub by: Side,
    /// Whether the other side recorded the same.
    pub accepted: bool,
}

/// What pay and charges follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Begin and end.
    pub period: Period,
    /// How.
    pub settlement: Settlement,
}

/// A visit was called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// By whom.
    pub by: Actor,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// Whether it claims to have been in time, was written down too late for that, and so awaits the giver's word.
    pub awaits_confirmation: bool,
}

/// Another time is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposedMove {
    /// New wall-clock start.
    pub starts_local: NaiveDateTime,
    /// By which side.
    pub by: Side,
}

/// A cover is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposedCover {
    /// The covering giver.
    pub giver: PersonId,
    /// By which side: the Team's, or the covering giver's.
    pub by: Side,
}

/// When something happened, and when it was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Whether the caller said when; otherwise it is now.
    pub stated: bool,
    /// Now.
    pub recorded_at: DateTime<Utc>,
    /// Whether the tenant is still being set up and brings in its history.
    pub preparing: bool,
}

/// What holds on the visit's first planned local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnTheDay {
    /// How the giver's time is settled; `None` where they stated no terms.
    pub settlement: Option<Settlement>,
    /// Whether the Team's signed Promise holds.
    pub promise_holds: bool,
    /// Notice below which the Team's side is charged, in elapsed hours.
    pub notice_hours: i64,
}
