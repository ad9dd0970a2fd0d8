//! Hats: pieces of the work of running a Team, worn for a time by consent of wearer and Owner.

use chrono::{Months, NaiveDate};
use kith_platform::id::PersonId;

use super::{Change, HoldingId, Refused};

/// A hat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hat {
    /// Keeps the rota current.
    RotaHolder,
    /// Keeps the profile current.
    ProfileHolder,
    /// Keeps medicine records.
    MarHolder,
    /// Keeps the chat.
    TeamChatAdmin,
    /// Asks how it goes.
    CheckInFacilitator,
    /// Leads on safeguarding.
    SafeguardingLead,
}

/// Where the wearing of a hat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A consent is missing.
    Proposed,
    /// Worn.
    Held,
    /// One said no.
    Declined,
    /// Taken off.
    Dropped,
}

/// The longest term.
const LONGEST_TERM: Months = Months::new(24);

/// Someone's wearing of a hat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub id: HoldingId,
    pub hat: Hat,
    pub person: PersonId,
    pub state: State,
    /// First day of the term.
    pub valid_from: NaiveDate,
    /// First day after the term.
    pub valid_until: NaiveDate,
    pub wearer_consents: bool,
    pub owner_consents: bool,
}

impl Holding {
    /// Asks for a hat; whoever asks has consented for themselves.
    pub fn propose(
        id: HoldingId,
        hat: Hat,
        person: PersonId,
        term: (NaiveDate, NaiveDate),
        proposer: PersonId,
        owner: PersonId,
    ) -> Result<Self, Refused> {
        let (valid_from, valid_until) = term;
        let longest = valid_from.checked_add_months(LONGEST_TERM).ok_or(Refused::DatesDoNotFit)?;
        if valid_until <= valid_from || valid_until > longest {
            return Err(Refused::DatesDoNotFit);
        }
        let mut holding = Self {
            id,
            hat,
            person,
            state: State::Proposed,
            valid_from,
            valid_until,
            wearer_consents: proposer == person,
            owner_consents: proposer == owner,
        };
        holding.settle();
        Ok(holding)
    }

    fn settle(&mut self) {
        if self.wearer_consents && self.owner_consents {
            self.state = State::Held;
        }
    }

    /// Takes an answer of the wearer or of the Owner.
    pub fn answer(&mut self, actor: PersonId, owner: PersonId, consent: bool) -> Result<Change, Refused> {
        let already =
            (actor != self.person || self.wearer_consents) && (actor != owner || self.owner_consents);
        match self.state {
            State::Proposed | State::Held if consent && already => Ok(Change::Unchanged),
            State::Declined if !consent => Ok(Change::Unchanged),
            State::Proposed => {
                if consent {
                    self.wearer_consents |= actor == self.person;
                    self.owner_consents |= actor == owner;
                    self.settle();
                } else {
                    self.state = State::Declined;
                }
                Ok(Change::Changed)
            }
            _ => Err(Refused::NotToBeAnswered),
        }
    }

    /// Takes the hat off.
    pub fn drop_it(&mut self) -> Result<Change, Refused> {
        match self.state {
            State::Dropped => Ok(Change::Unchanged),
            State::Held | State::Proposed => {
                self.state = State::Dropped;
                Ok(Change::Changed)
            }
            State::Declined => Err(Refused::NotHeld),
        }
    }
}
