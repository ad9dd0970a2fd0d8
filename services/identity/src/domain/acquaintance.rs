//! Whose name somebody may see: of people they share a Team or a Circle with, act for, are represented by, or invited.

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::GroupId;

/// What people belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// A Team, owned by teams.
    Team,
    /// A Circle, owned by governance.
    Circle,
}

/// A Team or a Circle as the others tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub kind: GroupKind,
    pub id: GroupId,
    /// Who belongs or belonged to it: those who said yes.
    pub people: Vec<Belonging>,
}

/// Somebody's belonging, half-open in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belonging {
    pub person: PersonId,
    /// First day; none for the Owner of a Team.
    pub valid_from: Option<NaiveDate>,
    /// First day no longer.
    pub valid_until: Option<NaiveDate>,
}

/// What one person is to another, where it lets them know the other's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may hold beside any other")]
pub struct Ties {
    /// They share a Team or a Circle.
    pub fellow: bool,
    /// The one who asks acts for the other.
    pub representative: bool,
    /// The other acts for the one who asks.
    pub represented: bool,
    /// The one who asks invited the other.
    pub inviter: bool,
}
