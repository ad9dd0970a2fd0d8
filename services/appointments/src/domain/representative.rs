//! Who acts for a person, as `identity` tells of it.

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::RepresentativeId;

/// On what basis somebody acts for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The person chose them.
    Nomination,
    /// Lasting power of attorney for health and welfare.
    AttorneyHealthAndWelfare,
    /// Lasting power of attorney for property and financial affairs.
    AttorneyProperty,
    /// Appointed by a court.
    Deputyship,
    /// Legal guardian.
    Guardian,
}

impl Basis {
    /// The word that an audit row keeps: what somebody acted on.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nomination => "nomination",
            Self::AttorneyHealthAndWelfare => "attorney_health_and_welfare",
            Self::AttorneyProperty => "attorney_property",
            Self::Deputyship => "deputyship",
            Self::Guardian => "guardian",
        }
    }
}

/// That somebody acts for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Representative {
    pub id: RepresentativeId,
    /// Who is represented.
    pub person: PersonId,
    /// Who acts.
    pub acting: PersonId,
    pub basis: Basis,
    /// Whether it reaches into support, visits and the Team.
    pub health_and_welfare: bool,
    /// Whether somebody saw the basis; `None` where it ended, which keeps what was so.
    pub confirmed: Option<bool>,
    pub valid_from: NaiveDate,
    /// First day on which it does not hold any more.
    pub valid_until: Option<NaiveDate>,
}
