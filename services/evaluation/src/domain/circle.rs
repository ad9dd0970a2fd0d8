//! A Circle as governance tells it: who holds a seat.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::CircleId;

/// A Circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// Its id.
    pub id: CircleId,
    /// Seats that are held.
    pub seats: Vec<Seat>,
}

/// A seat that its holder said yes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Whose.
    pub person: PersonId,
    /// First day.
    pub valid_from: NaiveDate,
}

impl Circle {
    /// Who holds a seat on that day, each once.
    pub fn people(&self, day: NaiveDate) -> BTreeSet<PersonId> {
        self.seats.iter().filter(|seat| seat.valid_from <= day).map(|seat| seat.person).collect()
    }

    /// Whether a person holds a seat on that day.
    pub fn has_member(&self, person: PersonId, day: NaiveDate) -> bool {
        self.seats.iter().any(|seat| seat.person == person && seat.valid_from <= day)
    }
}
