//! An opportunity: what a Team looks for, and which givers it is shown to.

use chrono::{DateTime, Utc};

use super::giver::Status;
use super::place::{DistanceBand, OutwardCode};
use super::{Change, OpportunityId, Refused, TeamId};

/// How far to look, in kilometres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadiusKm(u32);

impl RadiusKm {
    /// What is taken where nothing is said.
    pub const DEFAULT: Self = Self(10);
    /// The farthest.
    pub const MAX: Self = Self(100);

    /// Reads what was sent; 0 means nothing was said.
    pub fn parse(kilometres: i32) -> Result<Self, &'static str> {
        match u32::try_from(kilometres) {
            Ok(0) => Ok(Self::DEFAULT),
            Ok(kilometres @ 1..=100) => Ok(Self(kilometres)),
            _ => Err("has to be 1 to 100 kilometres, or 0 for 10"),
        }
    }

    /// Kilometres, 1 to 100.
    pub fn kilometres(self) -> u32 {
        self.0
    }

    /// Whether a distance lies within it.
    pub fn reaches(self, metres: u32) -> bool {
        metres <= self.0 * 1000
    }
}

/// What a Team looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opportunity {
    /// Its id, perhaps made by the client.
    pub id: OpportunityId,
    /// Whose.
    pub team_id: TeamId,
    /// Where.
    pub outward_code: OutwardCode,
    /// How far from there to look.
    pub radius: RadiusKm,
    /// Whether the support is paid.
    pub paid: bool,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// Whether it is open.
    pub open: bool,
}

impl Opportunity {
    /// Whether it was opened with this very content, which is all right to repeat, even after it was closed.
    pub fn open_again(
        &self,
        team_id: TeamId,
        outward_code: OutwardCode,
        radius: RadiusKm,
        paid: bool,
    ) -> Result<Change, Refused> {
        let same = self.team_id == team_id
            && self.outward_code == outward_code
            && self.radius == radius
            && self.paid == paid;
        if same { Ok(Change::Unchanged) } else { Err(Refused::IdExists) }
    }

    /// Closes it.
    pub fn close(&mut self) -> Change {
        if !self.open {
            return Change::Unchanged;
        }
        self.open = false;
        Change::Changed
    }

    /// Paid support is only for paid givers.
    pub fn suits(&self, status: Status) -> bool {
        !self.paid || status.is_paid()
    }

    /// Distance to a giver in metres, where it lies within the radius and the giver's status suits.
    pub fn reach(&self, status: Status, from: OutwardCode) -> Option<u32> {
        let metres = self.outward_code.metres_to(from);
        (self.suits(status) && self.radius.reaches(metres)).then_some(metres)
    }

    /// Whether somebody new may be brought together with the Team.
    pub fn takes(&self, status: Status) -> Result<(), Refused> {
        if !self.open {
            return Err(Refused::OpportunityClosed);
        }
        if !self.suits(status) {
            return Err(Refused::PaidGiversOnly);
        }
        Ok(())
    }
}

/// An opportunity as one giver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearby {
    /// The opportunity.
    pub opportunity: Opportunity,
    /// To the giver. For ordering only: what is shown is the band.
    pub metres: u32,
}

impl Nearby {
    /// What the giver is told of the distance.
    pub fn distance_band(&self) -> DistanceBand {
        DistanceBand::of_metres(self.metres)
    }
}

/// The open opportunities that a giver may see, nearest first, among equals the one open longest.
pub fn nearest_first(opportunities: Vec<Opportunity>, status: Status, from: OutwardCode) -> Vec<Nearby> {
    let mut nearby: Vec<Nearby> = opportunities
        .into_iter()
        .filter(|opportunity| opportunity.open)
        .filter_map(|opportunity| {
            opportunity.reach(status, from).map(|metres| Nearby { opportunity, metres })
        })
        .collect();
    nearby.sort_by_key(|near| (near.metres, near.opportunity.opened_at, near.opportunity.id));
    nearby
}

#[cfg(test)]
mod tests {
    use kith_platform::id::Uuid;

    use super::*;

    fn place(code: &str) -> OutwardCode {
        OutwardCode::parse(code).expect("a known code")
    }

    fn opportunity(number: u128, code: &str, radius_km: i32, paid: bool) -> Opportunity {
        Opportunity {
            id: OpportunityId(Uuid::from_u128(number)),
            team_id: TeamId(Uuid::from_u128(50)),
            outward_code: place(code),
            radius: RadiusKm::parse(radius_km).expect("a radius"),
            paid,
            opened_at: DateTime::UNIX_EPOCH,
            open: true,
        }
    }

    #[test]
    fn the_radius_is_one_to_a_hundred_with_ten_for_nothing() {
        assert_eq!(RadiusKm::parse(0), Ok(RadiusKm::DEFAULT));
        assert_eq!(RadiusKm::parse(1).map(RadiusKm::kilometres), Ok(1));
        assert_eq!(RadiusKm::parse(100), Ok(RadiusKm::MAX));
        assert!(RadiusKm::parse(101).is_err());
        assert!(RadiusKm::parse(-1).is_err());
    }

    #[test]
    fn opening_repeats_with_the_same_content_and_closing_repeats() {
        let mut opportunity = opportunity(1, "E5", 10, true);
        let team = opportunity.team_id;
        assert_eq!(opportunity.close(), Change::Changed);
        assert_eq!(opportunity.close(), Change::Unchanged);
        let again = opportunity.open_again(team, place("E5"), RadiusKm::DEFAULT, true);
        assert_eq!(again, Ok(Change::Unchanged));
        assert!(!opportunity.open);
        for (code, radius_km, paid) in [("E8", 10, true), ("E5", 11, true), ("E5", 10, false)] {
            let radius = RadiusKm::parse(radius_km).expect("a radius");
            assert_eq!(opportunity.open_again(team, place(code), radius, paid), Err(Refused::IdExists));
        }
        let other_team = TeamId(Uuid::from_u128(51));
        let other = opportunity.open_again(other_team, place("E5"), RadiusKm::DEFAULT, true);
        assert_eq!(other, Err(Refused::IdExists));
    }

    #[test]
    fn paid_support_is_only_for_paid_givers() {
        for status in Status::ALL {
            assert!(opportunity(1, "E5", 10, false).suits(status));
            let paid = opportunity(1, "E5", 10, true);
            let expected = if status.is_paid() { Ok(()) } else { Err(Refused::PaidGiversOnly) };
            assert_eq!(paid.takes(status), expected);
            assert_eq!(Opportunity { open: false, ..paid }.takes(status), Err(Refused::OpportunityClosed));
        }
    }

    #[test]
    fn a_giver_sees_open_ones_within_each_radius_nearest_first() {
        let all = vec![
            opportunity(1, "N16", 10, false),
            opportunity(2, "N16", 1, false),
            opportunity(3, "E5", 10, false),
            opportunity(4, "BD1", 100, false),
            opportunity(5, "E5", 10, true),
            Opportunity { open: false, ..opportunity(6, "E5", 10, false) },
        ];
        let seen = |status| {
            let nearby = nearest_first(all.clone(), status, place("E5"));
            nearby.iter().map(|near| near.opportunity.id.0.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(seen(Status::Volunteer), [3, 1]);
        assert_eq!(seen(Status::Employed), [3, 5, 1]);
    }
}
