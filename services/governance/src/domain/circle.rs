//! A Circle: who is in it, each by mutual consent, and who wears which hat for which term.

use chrono::{DateTime, Months, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::{CircleId, HoldingId, Outcome, Reach, Refused};

/// The longest term of a hat, in months.
const LONGEST_TERM_MONTHS: u32 = 24;

/// Where a place or a hat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Asked; the person has not answered.
    Proposed,
    /// The person said yes.
    Held,
    /// The person said no.
    Declined,
    /// The person has left. What was not answered, or had not begun, never held.
    Ended,
}

impl Seat {
    /// The person's own answer: once, and the same answer again changes nothing.
    fn answer(&mut self, yes: bool) -> Result<Outcome, Refused> {
        let answered = if yes { Self::Held } else { Self::Declined };
        if *self == answered {
            return Ok(Outcome::Unchanged);
        }
        if *self != Self::Proposed {
            return Err(Refused::AlreadyAnswered);
        }
        *self = answered;
        Ok(Outcome::Changed)
    }
}

/// A piece of the work of running a Circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hat {
    /// Brings the broader Circle's aims.
    Leader,
    /// Speaks for the Circle in the broader one.
    Delegate,
    /// Leads meetings and decisions through their steps.
    Facilitator,
    /// Keeps the minutes.
    Secretary,
    /// Keeps the logbook.
    LogbookKeeper,
    /// The finance hat.
    NumbersPerson,
}

impl Hat {
    /// Whether one person may never wear both at once.
    const fn excludes(self, other: Self) -> bool {
        matches!((self, other), (Self::Leader, Self::Delegate) | (Self::Delegate, Self::Leader))
    }
}

/// Someone's place in a Circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub person: PersonId,
    /// Where it stands.
    pub state: Seat,
    /// First day.
    pub valid_from: NaiveDate,
    /// First day no longer; none while it has not ended.
    pub valid_until: Option<NaiveDate>,
}

impl Member {
    /// Whether they are a member on that day.
    fn holds_on(&self, day: NaiveDate) -> bool {
        matches!(self.state, Seat::Held | Seat::Ended)
            && self.valid_from <= day
            && self.valid_until.is_none_or(|end| day < end)
    }

    /// Whether it was ever more than asked.
    pub fn ever_held(&self) -> bool {
        match self.state {
            Seat::Held => true,
            Seat::Ended => self.valid_until.is_some_and(|end| self.valid_from < end),
            Seat::Proposed | Seat::Declined => false,
        }
    }

    /// Ends it because the person left the tenant on that day; answers whether anything is different now.
    fn part(&mut self, day: NaiveDate) -> Outcome {
        let end = match self.state {
            Seat::Proposed => self.valid_from,
            Seat::Held => day.max(self.valid_from),
            Seat::Declined | Seat::Ended => return Outcome::Unchanged,
        };
        self.state = Seat::Ended;
        self.valid_until = Some(end);
        Outcome::Changed
    }
}

/// Someone's wearing of a hat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Its id.
    pub id: HoldingId,
    /// Which hat.
    pub hat: Hat,
    /// Who.
    pub person: PersonId,
    /// Where it stands.
    pub state: Seat,
    /// First day of the term.
    pub valid_from: NaiveDate,
    /// First day after the term.
    pub valid_until: NaiveDate,
}

impl Holding {
    /// Whether the person wears it on that day.
    fn holds_on(&self, day: NaiveDate) -> bool {
        matches!(self.state, Seat::Held | Seat::Ended) && self.valid_from <= day && day < self.valid_until
    }

    /// Whether it was ever more than asked.
    pub fn ever_held(&self) -> bool {
        self.state == Seat::Held || self.state == Seat::Ended && self.valid_from < self.valid_until
    }

    /// Takes it off because the person left the tenant on that day; a term that is over stays as it was.
    fn part(&mut self, day: NaiveDate) -> Outcome {
        let end = match self.state {
            Seat::Proposed => self.valid_from,
            Seat::Held if self.valid_until > day => day.max(self.valid_from),
            Seat::Held | Seat::Declined | Seat::Ended => return Outcome::Unchanged,
        };
        self.state = Seat::Ended;
        self.valid_until = end;
        Outcome::Changed
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.valid_from < other.valid_until && other.valid_from < self.valid_until
    }

    fn same_content(&self, other: &Self) -> bool {
        self.hat == other.hat
            && self.person == other.person
            && self.valid_from == other.valid_from
            && self.valid_until == other.valid_until
    }
}

/// What ended because somebody left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parting {
    /// Whether their place did.
    pub place: bool,
    /// Their hats, as they are now.
    pub hats: Vec<Holding>,
}

/// A Circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// Its id.
    pub id: CircleId,
    /// What its members call it.
    pub display_name: String,
    /// What it exists to do.
    pub aim: String,
    /// Where it decides.
    pub domain: String,
    /// Everyone who was asked, in the order asked.
    pub members: Vec<Member>,
    /// Every hat that was asked for, in the order asked.
    pub hats: Vec<Holding>,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// Raised with every change.
    pub version: i64,
}

impl Circle {
    /// The Circle that a tenant begins with. It has no name, aim or domain of its own yet, and its founder in it, who set
    /// the tenant up and can ask others in.
    pub fn of_the_whole(id: CircleId, founder: PersonId, today: NaiveDate, now: DateTime<Utc>) -> Self {
        Self {
            id,
            display_name: String::new(),
            aim: String::new(),
            domain: String::new(),
            members: vec![Member {
                person: founder,
                state: Seat::Held,
                valid_from: today,
                valid_until: None,
            }],
            hats: Vec::new(),
            created_at: now,
            version: 1,
        }
    }

    /// Whether this person said yes, their first day has come and they have not left.
    pub fn has_member(&self, person: PersonId, day: NaiveDate) -> bool {
        self.current_members(day).contains(&person)
    }

    /// Those whose consent a decision needs on this day.
    pub fn current_members(&self, day: NaiveDate) -> Vec<PersonId> {
        self.members.iter().filter(|member| member.holds_on(day)).map(|member| member.person).collect()
    }

    /// Whether this person wears this hat on this day.
    pub fn wears(&self, person: PersonId, hat: Hat, day: NaiveDate) -> bool {
        let is_it = |holding: &Holding| holding.person == person && holding.hat == hat;
        self.hats.iter().any(|holding| is_it(holding) && holding.holds_on(day))
    }

    /// Whether any member wears this hat on this day.
    pub fn is_worn(&self, hat: Hat, day: NaiveDate) -> bool {
        self.current_members(day).into_iter().any(|person| self.wears(person, hat, day))
    }

    /// Whether this person was ever asked to join, whatever they answered.
    pub fn was_invited(&self, person: PersonId) -> bool {
        self.members.iter().any(|member| member.person == person)
    }

    /// Whether everybody who had a place here has left.
    pub fn is_left_by_all(&self) -> bool {
        let any = |state| self.members.iter().any(|member| member.state == state);
        any(Seat::Ended) && !any(Seat::Held)
    }

    /// Ends what somebody has here who left the tenant on that day: their place, their hats and what they were asked.
    /// What they consented or objected to stays said.
    pub fn part_with(&mut self, person: PersonId, day: NaiveDate) -> Parting {
        let mut parting = Parting::default();
        for member in self.members.iter_mut().filter(|member| member.person == person) {
            parting.place = member.part(day) == Outcome::Changed;
        }
        for holding in self.hats.iter_mut().filter(|holding| holding.person == person) {
            if holding.part(day) == Outcome::Changed {
                parting.hats.push(*holding);
            }
        }
        parting
    }

    /// Asks a person to join from a day; from the day of asking where none is said. Asking again for the same day
    /// changes nothing, whatever was answered; someone who declined, or left and is back, may be asked for another day.
    pub fn invite(
        &mut self,
        person: PersonId,
        from: Option<NaiveDate>,
        asked_on: NaiveDate,
        reach: Reach,
    ) -> Result<Outcome, Refused> {
        let valid_from = from.unwrap_or(asked_on);
        if let Some(member) = self.members.iter_mut().find(|member| member.person == person) {
            let same_day = member.valid_from == valid_from;
            return match member.state {
                Seat::Proposed | Seat::Held if from.is_none() || same_day => Ok(Outcome::Unchanged),
                Seat::Declined | Seat::Ended if same_day => Ok(Outcome::Unchanged),
                Seat::Held => Err(Refused::AlreadyMember),
                Seat::Proposed => Err(Refused::AlreadyInvited),
                Seat::Declined | Seat::Ended => {
                    reach.check(valid_from)?;
                    *member = Member { person, state: Seat::Proposed, valid_from, valid_until: None };
                    Ok(Outcome::Changed)
                }
            };
        }
        reach.check(valid_from)?;
        self.members.push(Member { person, state: Seat::Proposed, valid_from, valid_until: None });
        Ok(Outcome::Changed)
    }

    /// The person's own yes or no to joining.
    pub fn answer_invitation(&mut self, person: PersonId, accept: bool) -> Result<Outcome, Refused> {
        let member = self.members.iter_mut().find(|member| member.person == person);
        member.ok_or(Refused::NotInvited)?.state.answer(accept)
    }

    /// Asks a member to wear a hat for a term. Without a client-made id, asking again for the same hat, person and
    /// term finds what was asked.
    pub fn propose_hat(
        &mut self,
        wanted: Holding,
        client_made: bool,
    ) -> Result<(HoldingId, Outcome), Refused> {
        if let Some(known) = self.hats.iter().find(|holding| holding.id == wanted.id) {
            return if known.same_content(&wanted) {
                Ok((known.id, Outcome::Unchanged))
            } else {
                Err(Refused::IdExists)
            };
        }
        let open = |holding: &&Holding| {
            matches!(holding.state, Seat::Proposed | Seat::Held) && holding.person == wanted.person
        };
        for holding in self.hats.iter().filter(open) {
            if !client_made && holding.same_content(&wanted) {
                return Ok((holding.id, Outcome::Unchanged));
            }
            if holding.overlaps(&wanted) && holding.hat == wanted.hat {
                return Err(Refused::HatAlreadyAsked);
            }
            if holding.overlaps(&wanted) && holding.hat.excludes(wanted.hat) {
                return Err(Refused::LeaderIsDelegate);
            }
        }
        if wanted.valid_until <= wanted.valid_from {
            return Err(Refused::TermBackwards);
        }
        let longest = wanted.valid_from.checked_add_months(Months::new(LONGEST_TERM_MONTHS));
        if longest.is_none_or(|latest| wanted.valid_until > latest) {
            return Err(Refused::TermTooLong);
        }
        let is_member = |member: &Member| member.person == wanted.person && member.state == Seat::Held;
        if !self.members.iter().any(is_member) {
            return Err(Refused::NotAMember);
        }
        let id = wanted.id;
        self.hats.push(Holding { state: Seat::Proposed, ..wanted });
        Ok((id, Outcome::Changed))
    }

    /// The wearer's own yes or no; `None` where there is no such holding.
    pub fn answer_hat(&mut self, id: HoldingId, consent: bool) -> Option<Result<Outcome, Refused>> {
        self.hats.iter_mut().find(|holding| holding.id == id).map(|holding| holding.state.answer(consent))
    }
}

#[cfg(test)]
#[path = "circle_tests.rs"]
mod tests;
