//! Membership: nobody is in a Team unless the Owner and they themselves said yes.

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::{Change, MembershipId, Refused};

/// What someone is in a Team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Paid.
    Worker,
    /// Volunteers.
    Volunteer,
    /// Supports a peer.
    PeerSupporter,
    /// Family, friend or neighbour.
    FamilyOrFriend,
    /// Helps to begin.
    TeamStarter,
}

/// Where a membership stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A member suggested it; the Owner has not answered.
    Suggested,
    /// The Owner asks; the person has not answered.
    Invited,
    /// Both said yes.
    Member,
    /// One said no.
    Declined,
    /// It has ended.
    Left,
}

/// Someone's place in a Team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub id: MembershipId,
    pub person: PersonId,
    pub kind: Kind,
    pub state: State,
    /// First day.
    pub valid_from: NaiveDate,
    /// First day no longer.
    pub valid_until: Option<NaiveDate>,
}

impl Membership {
    /// Whether it is open: asked, or in force.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Suggested | State::Invited | State::Member)
    }

    /// Whether the person is a member on that day.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        matches!(self.state, State::Member | State::Left)
            && self.valid_from <= day
            && self.valid_until.is_none_or(|end| day < end)
    }

    /// Takes an answer: the Owner's to a suggestion, the person's own to an invitation.
    pub fn answer(&mut self, actor: PersonId, owner: PersonId, accept: bool) -> Result<Change, Refused> {
        let (its_turn, yes) = match self.state {
            State::Suggested => (actor == owner, State::Invited),
            State::Invited => (actor == self.person, State::Member),
            // The same answer again.
            State::Member if accept && actor == self.person => return Ok(Change::Unchanged),
            State::Declined if !accept => return Ok(Change::Unchanged),
            _ => return Err(Refused::NotToBeAnswered),
        };
        if self.state == State::Invited && actor == owner && accept {
            return Ok(Change::Unchanged);
        }
        if !its_turn {
            return Err(Refused::NotToBeAnswered);
        }
        self.state = if accept { yes } else { State::Declined };
        Ok(Change::Changed)
    }

    /// Ends whatever it is because the person left the tenant on that day; answers whether anything is different now.
    pub fn part(&mut self, day: NaiveDate) -> Change {
        match self.state {
            State::Suggested | State::Invited => self.state = State::Declined,
            State::Member | State::Left if self.valid_until.is_none_or(|end| end > day) => {
                self.state = State::Left;
                self.valid_until = Some(day.max(self.valid_from));
            }
            _ => return Change::Unchanged,
        }
        Change::Changed
    }

    /// Ends it on that day.
    pub fn end(&mut self, valid_until: NaiveDate) -> Result<Change, Refused> {
        match self.state {
            State::Left if self.valid_until == Some(valid_until) => Ok(Change::Unchanged),
            State::Member if valid_until < self.valid_from => Err(Refused::DatesDoNotFit),
            State::Member => {
                self.state = State::Left;
                self.valid_until = Some(valid_until);
                Ok(Change::Changed)
            }
            _ => Err(Refused::NotAMember),
        }
    }
}
