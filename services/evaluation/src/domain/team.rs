//! A Team as teams tells it: who owns it and who belongs to it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::{CircleId, MembershipId, TeamId};

/// A Team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its Owner.
    pub owner: PersonId,
    /// The Circle that it belongs to.
    pub circle: CircleId,
    /// Memberships to which both sides said yes, past ones included.
    pub members: Vec<Membership>,
}

/// A membership, half-open in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// Whose.
    pub person: PersonId,
    /// First day.
    pub valid_from: NaiveDate,
    /// First day no longer a member.
    pub valid_until: Option<NaiveDate>,
}

impl Team {
    /// Who belongs to it on that day: its Owner and its members, each once.
    pub fn people(&self, day: NaiveDate) -> BTreeSet<PersonId> {
        let members = self.members.iter().filter(|membership| membership.holds_on(day));
        members.map(|membership| membership.person).chain([self.owner]).collect()
    }

    /// Whether a person is a member on that day.
    pub fn has_member(&self, person: PersonId, day: NaiveDate) -> bool {
        self.members.iter().any(|membership| membership.person == person && membership.holds_on(day))
    }
}

impl Membership {
    fn holds_on(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && self.valid_until.is_none_or(|until| day < until)
    }
}

#[cfg(test)]
mod tests {
    use kith_platform::id::Uuid;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_membership_begins_on_its_first_day_and_ends_before_its_last() {
        let person = PersonId(Uuid::from_u128(1));
        let membership = Membership {
            id: MembershipId(Uuid::from_u128(2)),
            person,
            valid_from: day("2026-03-01"),
            valid_until: Some(day("2026-04-01")),
        };
        let team = Team {
            id: TeamId(Uuid::from_u128(3)),
            owner: PersonId(Uuid::from_u128(4)),
            circle: CircleId(Uuid::from_u128(5)),
            members: vec![membership],
        };
        let on = |text| team.has_member(person, day(text));
        assert!(!on("2026-02-28") && on("2026-03-01") && on("2026-03-31") && !on("2026-04-01"));
        assert!(!team.has_member(team.owner, day("2026-03-02")));
        assert_eq!(team.people(day("2026-03-31")), [person, team.owner].into());
        assert_eq!(team.people(day("2026-04-01")), [team.owner].into());
    }
}
