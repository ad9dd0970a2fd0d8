//! A visit as appointments tells it: ids, days and where it stands.

use chrono::{NaiveDate, NaiveDateTime};
use kith_platform::id::PersonId;

use super::{TeamId, VisitId};

/// A visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Its id.
    pub id: VisitId,
    /// Whose.
    pub team: TeamId,
    /// Who gives; the covering giver where it is covered.
    pub giver: PersonId,
    /// Wall-clock start as first planned: the month that the visit belongs to.
    pub occurrence_local: NaiveDateTime,
    /// Where it stands.
    pub state: State,
}

/// Where a visit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the rota.
    Planned,
    /// It took place.
    Agreed {
        /// Local day of its start, as moved or as actually begun.
        on: NaiveDate,
    },
    /// Called off in time.
    Cancelled,
    /// Called off too late: charged, but nobody came.
    LateCancelled,
    /// Nobody came.
    Missed,
}
