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
mod tests {
    use kith_platform::id::Uuid;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn person(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn live() -> Reach {
        Reach { today: day("2026-03-10"), earliest: Some(day("2026-01-24")) }
    }

    fn circle_of(people: u128) -> Circle {
        let mut circle = Circle {
            id: CircleId(Uuid::from_u128(99)),
            display_name: "Clapton".into(),
            aim: "care".into(),
            domain: "Clapton".into(),
            members: Vec::new(),
            hats: Vec::new(),
            created_at: DateTime::default(),
            version: 1,
        };
        for number in 1..=people {
            circle.invite(person(number), None, day("2026-03-01"), live()).expect("asked").changed();
            circle.answer_invitation(person(number), true).expect("said yes").changed();
        }
        circle
    }

    fn holding(id: u128, hat: Hat, who: u128, from: &str, until: &str) -> Holding {
        Holding {
            id: HoldingId(Uuid::from_u128(id)),
            hat,
            person: person(who),
            state: Seat::Proposed,
            valid_from: day(from),
            valid_until: day(until),
        }
    }

    impl Outcome {
        fn changed(self) {
            assert_eq!(self, Self::Changed);
        }

        fn unchanged(self) {
            assert_eq!(self, Self::Unchanged);
        }
    }

    #[test]
    fn membership_needs_both_sides_and_begins_on_its_day() {
        let mut circle = circle_of(0);
        assert_eq!(circle.answer_invitation(person(1), true), Err(Refused::NotInvited));
        circle
            .invite(person(1), Some(day("2026-04-01")), day("2026-03-01"), live())
            .expect("asked")
            .changed();
        assert!(circle.current_members(day("2026-05-01")).is_empty(), "asked is not a member");
        circle.answer_invitation(person(1), true).expect("said yes").changed();
        assert!(!circle.has_member(person(1), day("2026-03-31")));
        assert!(circle.has_member(person(1), day("2026-04-01")));
    }

    #[test]
    fn the_same_again_changes_nothing_and_another_answer_is_refused() {
        let mut circle = circle_of(1);
        circle
            .invite(person(1), Some(day("2026-03-01")), day("2026-03-09"), live())
            .expect("again")
            .unchanged();
        circle.invite(person(1), None, day("2026-03-09"), live()).expect("again").unchanged();
        circle.answer_invitation(person(1), true).expect("again").unchanged();
        assert_eq!(circle.answer_invitation(person(1), false), Err(Refused::AlreadyAnswered));
        let other_day = circle.invite(person(1), Some(day("2026-03-02")), day("2026-03-09"), live());
        assert_eq!(other_day, Err(Refused::AlreadyMember));
    }

    #[test]
    fn someone_who_declined_may_be_asked_for_another_day_only() {
        let mut circle = circle_of(0);
        let asked_on = day("2026-03-01");
        circle.invite(person(1), Some(asked_on), asked_on, live()).expect("asked").changed();
        circle.answer_invitation(person(1), false).expect("said no").changed();
        circle.invite(person(1), Some(asked_on), asked_on, live()).expect("again").unchanged();
        assert_eq!(circle.members[0].state, Seat::Declined);
        circle.invite(person(1), Some(day("2026-04-01")), asked_on, live()).expect("anew").changed();
        assert_eq!(circle.members[0].state, Seat::Proposed);
    }

    #[test]
    fn only_a_tenant_in_preparation_reaches_far_back() {
        let mut circle = circle_of(0);
        let long_ago = Some(day("2026-01-23"));
        let refused = circle.invite(person(1), long_ago, day("2026-03-01"), live());
        assert_eq!(refused, Err(Refused::TooFarBack { days: 45 }));
        let preparing = Reach { earliest: None, ..live() };
        circle.invite(person(1), long_ago, day("2026-03-01"), preparing).expect("asked").changed();
    }

    #[test]
    fn a_hat_is_worn_by_its_wearers_consent_and_only_in_its_term() {
        let mut circle = circle_of(1);
        let wanted = holding(10, Hat::Facilitator, 1, "2026-03-01", "2028-03-01");
        let (id, outcome) = circle.propose_hat(wanted, true).expect("asked");
        outcome.changed();
        assert!(!circle.wears(person(1), Hat::Facilitator, day("2026-03-01")), "not before the yes");
        circle.answer_hat(id, true).expect("known").expect("said yes").changed();
        assert!(!circle.wears(person(1), Hat::Facilitator, day("2026-02-28")));
        assert!(circle.wears(person(1), Hat::Facilitator, day("2026-03-01")));
        assert!(circle.wears(person(1), Hat::Facilitator, day("2028-02-29")));
        assert!(!circle.wears(person(1), Hat::Facilitator, day("2028-03-01")));
        assert_eq!(circle.answer_hat(id, false), Some(Err(Refused::AlreadyAnswered)));
    }

    #[test]
    fn a_term_has_an_end_within_two_years_and_a_member() {
        let mut circle = circle_of(1);
        let too_long = holding(10, Hat::Leader, 1, "2026-03-01", "2028-03-02");
        assert_eq!(circle.propose_hat(too_long, true), Err(Refused::TermTooLong));
        let empty = holding(10, Hat::Leader, 1, "2026-03-01", "2026-03-01");
        assert_eq!(circle.propose_hat(empty, true), Err(Refused::TermBackwards));
        let stranger = holding(10, Hat::Leader, 2, "2026-03-01", "2026-04-01");
        assert_eq!(circle.propose_hat(stranger, true), Err(Refused::NotAMember));
    }

    #[test]
    fn leader_and_delegate_are_different_people_at_any_time() {
        let mut circle = circle_of(2);
        let leader = holding(10, Hat::Leader, 1, "2026-03-01", "2027-03-01");
        circle.propose_hat(leader, true).expect("asked").1.changed();
        let same_person = holding(11, Hat::Delegate, 1, "2027-02-28", "2028-01-01");
        assert_eq!(circle.propose_hat(same_person, true), Err(Refused::LeaderIsDelegate));
        let afterwards = holding(12, Hat::Delegate, 1, "2027-03-01", "2028-01-01");
        circle.propose_hat(afterwards, true).expect("the terms do not meet").1.changed();
        let other_person = holding(13, Hat::Delegate, 2, "2026-03-01", "2027-03-01");
        circle.propose_hat(other_person, true).expect("another person").1.changed();
    }

    #[test]
    fn a_hat_asked_for_again_is_found_and_never_doubled() {
        let mut circle = circle_of(1);
        let wanted = holding(10, Hat::Secretary, 1, "2026-03-01", "2027-03-01");
        circle.propose_hat(wanted, true).expect("asked").1.changed();
        circle.propose_hat(wanted, true).expect("again").1.unchanged();
        let new_id = Holding { id: HoldingId(Uuid::from_u128(11)), ..wanted };
        let (found, outcome) = circle.propose_hat(new_id, false).expect("found");
        outcome.unchanged();
        assert_eq!(found, wanted.id);
        assert_eq!(circle.propose_hat(new_id, true), Err(Refused::HatAlreadyAsked));
        let other_content = Holding { hat: Hat::Leader, ..wanted };
        assert_eq!(circle.propose_hat(other_content, true), Err(Refused::IdExists));
        assert_eq!(circle.hats.len(), 1);
    }
}
