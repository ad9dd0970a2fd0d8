//! Who may act for a person: on a recorded basis that somebody else has seen, in a scope, from a day until a day.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::{Change, Refused, RepresentativeId};

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
    /// Legal guardian, for health and welfare.
    Guardian,
}

impl Basis {
    /// Whether the basis can reach into a scope at all.
    const fn reaches(self, scope: Scope) -> bool {
        match self {
            Self::Nomination | Self::Deputyship => true,
            Self::AttorneyHealthAndWelfare | Self::Guardian => matches!(scope, Scope::HealthAndWelfare),
            Self::AttorneyProperty => matches!(scope, Scope::Property),
        }
    }
}

/// What somebody may act in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Support, visits, consent, the Team.
    HealthAndWelfare,
    /// Payers, invoices, money.
    Property,
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
    pub scopes: BTreeSet<Scope>,
    pub valid_from: NaiveDate,
    /// First day on which it does not hold any more.
    pub valid_until: Option<NaiveDate>,
    pub recorded_by: PersonId,
    pub recorded_at: DateTime<Utc>,
    /// Who saw the basis, and when.
    pub confirmed: Option<(PersonId, DateTime<Utc>)>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Raised with every change.
    pub version: i64,
}

impl Representative {
    /// Whether it may be recorded at all.
    pub fn check(&self) -> Result<(), Refused> {
        let reaches = self.scopes.iter().all(|scope| self.basis.reaches(*scope));
        if self.person == self.acting || !reaches { Err(Refused::OutsideBasis) } else { Ok(()) }
    }

    /// Whether another record says the same.
    pub fn same_content(&self, other: &Self) -> bool {
        self.person == other.person
            && self.acting == other.acting
            && self.basis == other.basis
            && self.scopes == other.scopes
            && self.valid_from == other.valid_from
    }

    /// Somebody has seen the basis; never the one who acts on it, nor the one who recorded it.
    pub fn confirm(&mut self, by: PersonId, now: DateTime<Utc>) -> Result<Change, Refused> {
        if by == self.acting || by == self.recorded_by {
            return Err(Refused::OwnRepresentation);
        }
        if self.ended_at.is_some() {
            return Err(Refused::RepresentationEnded);
        }
        if self.confirmed.is_some() {
            return Ok(Change::Unchanged);
        }
        self.confirmed = Some((by, now));
        Ok(Change::Changed)
    }

    /// Ends it from today, or before it began.
    pub fn end(&mut self, today: NaiveDate, now: DateTime<Utc>) -> Change {
        if self.ended_at.is_some() {
            return Change::Unchanged;
        }
        let last = today.max(self.valid_from);
        self.valid_until = Some(self.valid_until.map_or(last, |until| until.min(last)));
        self.ended_at = Some(now);
        Change::Changed
    }
}

#[cfg(test)]
mod tests {
    use kith_platform::id::Uuid;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn person(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn recorded(basis: Basis, scopes: &[Scope]) -> Representative {
        Representative {
            id: RepresentativeId::default(),
            person: person(1),
            acting: person(2),
            basis,
            scopes: scopes.iter().copied().collect(),
            valid_from: day("2026-03-01"),
            valid_until: None,
            recorded_by: person(1),
            recorded_at: DateTime::UNIX_EPOCH,
            confirmed: None,
            ended_at: None,
            version: 1,
        }
    }

    #[test]
    fn an_attorney_acts_only_in_what_the_power_is_about() {
        let (health, money) = (Scope::HealthAndWelfare, Scope::Property);
        for (basis, scopes, fits) in [
            (Basis::Nomination, vec![health, money], true),
            (Basis::Deputyship, vec![money], true),
            (Basis::AttorneyHealthAndWelfare, vec![health], true),
            (Basis::AttorneyHealthAndWelfare, vec![health, money], false),
            (Basis::AttorneyProperty, vec![health], false),
            (Basis::Guardian, vec![money], false),
        ] {
            assert_eq!(recorded(basis, &scopes).check().is_ok(), fits, "{basis:?} {scopes:?}");
        }
        let oneself = Representative { acting: person(1), ..recorded(Basis::Nomination, &[health]) };
        assert_eq!(oneself.check(), Err(Refused::OutsideBasis));
    }

    #[test]
    fn nobody_confirms_themselves_and_nothing_ended_is_confirmed() {
        let mut one = recorded(Basis::Nomination, &[Scope::Property]);
        assert_eq!(one.confirm(person(2), DateTime::UNIX_EPOCH), Err(Refused::OwnRepresentation));
        assert_eq!(one.confirm(one.recorded_by, DateTime::UNIX_EPOCH), Err(Refused::OwnRepresentation));
        assert_eq!(one.confirm(person(3), DateTime::UNIX_EPOCH), Ok(Change::Changed));
        assert_eq!(one.confirm(person(4), DateTime::UNIX_EPOCH), Ok(Change::Unchanged));
        assert_eq!(one.confirmed, Some((person(3), DateTime::UNIX_EPOCH)));
        assert_eq!(one.end(day("2026-02-01"), DateTime::UNIX_EPOCH), Change::Changed);
        assert_eq!(one.valid_until, Some(day("2026-03-01")), "it never held");
        assert_eq!(one.end(day("2026-05-01"), DateTime::UNIX_EPOCH), Change::Unchanged);
        assert_eq!(one.confirm(person(3), DateTime::UNIX_EPOCH), Err(Refused::RepresentationEnded));
    }
}
