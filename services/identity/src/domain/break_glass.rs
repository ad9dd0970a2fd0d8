//! What follows an emergency look: notices, and a review by somebody else than who looked.

use chrono::{DateTime, Utc};
use kith_platform::id::{PersonId, Uuid};

use super::{Change, Refused};

/// An emergency look, as its service tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub id: Uuid,
    /// The service that holds the record.
    pub service: String,
    /// Whose record.
    pub person: PersonId,
    pub opened_by: PersonId,
    pub opened_at: DateTime<Utc>,
}

/// As what somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToldAs {
    /// It is their record.
    Person,
    /// The person chose them.
    Contact,
    /// They look after privacy.
    PrivacyLead,
    /// Nobody looks after privacy here, so it falls to them.
    Administrator,
}

/// Something that somebody was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub look_id: Uuid,
    pub service: String,
    pub person: PersonId,
    pub opened_at: DateTime<Utc>,
    pub told_as: ToldAs,
}

/// Who is told: the person, whom they chose, and the privacy leads; the administrators where there is no lead. Whoever
/// looked is not told that they did, in whatever part.
pub fn told(
    look: &Look,
    contact: Option<PersonId>,
    leads: &[PersonId],
    administrators: &[PersonId],
) -> Vec<(PersonId, ToldAs)> {
    let mut told = vec![(look.person, ToldAs::Person)];
    told.extend(contact.map(|contact| (contact, ToldAs::Contact)));
    if leads.is_empty() {
        told.extend(administrators.iter().map(|person| (*person, ToldAs::Administrator)));
    } else {
        told.extend(leads.iter().map(|person| (*person, ToldAs::PrivacyLead)));
    }
    told.retain(|(person, _)| *person != look.opened_by);
    told
}

/// What a review found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    Justified,
    NotJustified,
}

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub finding: Finding,
    pub by: PersonId,
    pub at: DateTime<Utc>,
}

/// The review of an emergency look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub look: Look,
    pub closed: Option<Closed>,
}

impl Review {
    /// Closes it, by somebody else than who looked. The same finding again changes nothing.
    pub fn close(&mut self, closed: Closed) -> Result<Change, Refused> {
        if closed.by == self.look.opened_by {
            return Err(Refused::OwnLook);
        }
        match self.closed {
            Some(before) if before.finding == closed.finding => Ok(Change::Unchanged),
            Some(_) => Err(Refused::ReviewClosed),
            None => {
                self.closed = Some(closed);
                Ok(Change::Changed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn look() -> Look {
        Look {
            id: Uuid::from_u128(1),
            service: "teams".into(),
            person: person(2),
            opened_by: person(3),
            opened_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_person_their_contact_and_the_leads_are_told_and_the_reader_is_not() {
        let all = told(&look(), Some(person(4)), &[person(3), person(5)], &[person(6)]);
        let expected =
            [(person(2), ToldAs::Person), (person(4), ToldAs::Contact), (person(5), ToldAs::PrivacyLead)];
        assert_eq!(all, expected);
        let without_lead = told(&look(), None, &[], &[person(6), person(3)]);
        assert_eq!(without_lead, [(person(2), ToldAs::Person), (person(6), ToldAs::Administrator)]);
    }

    #[test]
    fn a_review_is_closed_once_and_never_by_the_reader() {
        let mut review = Review { look: look(), closed: None };
        let by = |number, finding| Closed { finding, by: person(number), at: DateTime::UNIX_EPOCH };
        assert_eq!(review.close(by(3, Finding::Justified)), Err(Refused::OwnLook));
        assert_eq!(review.close(by(5, Finding::Justified)), Ok(Change::Changed));
        assert_eq!(review.close(by(6, Finding::Justified)), Ok(Change::Unchanged));
        assert_eq!(review.close(by(6, Finding::NotJustified)), Err(Refused::ReviewClosed));
    }
}
