//! A Team: its Owner, members, hats and Promise.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::hat::{self, Holding};
use super::membership::{self, Membership};
use super::{Change, CircleId, HoldingId, MembershipId, Refused, TeamId};

/// A UK outward code by its form, such as `E5` or `SW1A`. Whether it exists is matching's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutwardCode(String);

impl OutwardCode {
    /// Reads a code; `None` where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.trim().to_ascii_uppercase();
        let letters = code.chars().take_while(char::is_ascii_uppercase).count();
        let rest = code.get(letters..)?;
        let mut district = rest.chars();
        let fits = (1..=2).contains(&letters)
            && district.next().is_some_and(|first| first.is_ascii_digit())
            && rest.len() <= 2
            && district.all(|second| second.is_ascii_alphanumeric());
        fits.then_some(Self(code))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A signed Promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    pub text_version: String,
    /// First day on which it holds.
    pub valid_from: NaiveDate,
}

/// A text of the Promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub version: String,
    pub body: String,
}

/// What ended when somebody left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parting {
    pub memberships: Vec<Membership>,
    pub holdings: Vec<Holding>,
}

/// A Team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub owner: PersonId,
    pub circle: CircleId,
    pub outward_code: OutwardCode,
    pub members: Vec<Membership>,
    pub hats: Vec<Holding>,
    /// In the order signed.
    pub promises: Vec<Promise>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

impl Team {
    /// Whether someone is a member on that day.
    pub fn has_member(&self, person: PersonId, day: NaiveDate) -> bool {
        self.members.iter().any(|membership| membership.person == person && membership.holds_on(day))
    }

    /// Whether someone was asked and has not answered.
    pub fn has_invited(&self, person: PersonId) -> bool {
        self.members
            .iter()
            .any(|membership| membership.person == person && membership.state == membership::State::Invited)
    }

    /// Asks somebody: invited where the Owner asks, suggested where a member does.
    pub fn ask(
        &mut self,
        id: MembershipId,
        person: PersonId,
        kind: membership::Kind,
        valid_from: NaiveDate,
        asked_by: PersonId,
    ) -> Result<&Membership, Refused> {
        let taken = self.members.iter().any(|membership| membership.person == person && membership.is_open());
        if taken || person == self.owner {
            return Err(Refused::AlreadyAsked);
        }
        let state =
            if asked_by == self.owner { membership::State::Invited } else { membership::State::Suggested };
        self.members.push(Membership { id, person, kind, state, valid_from, valid_until: None });
        self.members.last().ok_or(Refused::NotAMember)
    }

    /// A membership of this Team.
    pub fn membership(&mut self, id: MembershipId) -> Option<&mut Membership> {
        self.members.iter_mut().find(|membership| membership.id == id)
    }

    /// A holding of this Team.
    pub fn holding(&mut self, id: HoldingId) -> Option<&mut Holding> {
        self.hats.iter_mut().find(|holding| holding.id == id)
    }

    /// Ends a membership; its hats must have been passed on.
    pub fn end_membership(&mut self, id: MembershipId, valid_until: NaiveDate) -> Result<Change, Refused> {
        let person = self.membership(id).map(|membership| membership.person).ok_or(Refused::NotAMember)?;
        let wears = self.hats.iter().any(|holding| {
            holding.person == person && holding.state == hat::State::Held && holding.valid_until > valid_until
        });
        if wears {
            return Err(Refused::HatsFirst);
        }
        self.membership(id).ok_or(Refused::NotAMember)?.end(valid_until)
    }

    /// Ends what somebody has here who left the tenant on that day: places, hats and what they were asked. Nobody can
    /// pass hats on any more who is gone; the Team sees that nobody wears them.
    pub fn part_with(&mut self, person: PersonId, day: NaiveDate) -> Parting {
        let mut parting = Parting::default();
        for membership in self.members.iter_mut().filter(|membership| membership.person == person) {
            if membership.part(day) == Change::Changed {
                parting.memberships.push(membership.clone());
            }
        }
        for holding in self.hats.iter_mut().filter(|holding| holding.person == person) {
            if matches!(holding.drop_it(), Ok(Change::Changed)) {
                parting.holdings.push(holding.clone());
            }
        }
        parting
    }

    /// Asks somebody of the Team to wear a hat.
    pub fn propose_hat(
        &mut self,
        id: HoldingId,
        hat: hat::Hat,
        person: PersonId,
        term: (NaiveDate, NaiveDate),
        proposer: PersonId,
    ) -> Result<&Holding, Refused> {
        if person != self.owner && !self.has_member(person, term.0) {
            return Err(Refused::NotAMember);
        }
        self.hats.push(Holding::propose(id, hat, person, term, proposer, self.owner)?);
        self.hats.last().ok_or(Refused::NotHeld)
    }

    /// The Owner signs the text in force on that day.
    pub fn sign(
        &mut self,
        text_version: &str,
        in_force: Option<&str>,
        day: NaiveDate,
    ) -> Result<Change, Refused> {
        if in_force != Some(text_version) {
            return Err(Refused::PromiseNotInForce);
        }
        let signed = self
            .promises
            .iter()
            .any(|promise| promise.text_version == text_version && promise.valid_from <= day);
        if signed {
            return Ok(Change::Unchanged);
        }
        self.promises.push(Promise { text_version: text_version.to_owned(), valid_from: day });
        Ok(Change::Changed)
    }

    /// The first day from which any Promise holds.
    pub fn promised_from(&self) -> Option<NaiveDate> {
        self.promises.iter().map(|promise| promise.valid_from).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_platform::id::Uuid;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn person(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn team() -> Team {
        Team {
            id: TeamId(Uuid::from_u128(1)),
            owner: person(1),
            circle: CircleId(Uuid::from_u128(2)),
            outward_code: OutwardCode::parse("e5").expect("a code"),
            members: vec![],
            hats: vec![],
            promises: vec![],
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    fn ask(team: &mut Team, number: u128, by: u128) -> Result<MembershipId, Refused> {
        let id = MembershipId(Uuid::from_u128(100 + number));
        let kind = membership::Kind::Worker;
        team.ask(id, person(number), kind, day("2026-03-01"), person(by)).map(|membership| membership.id)
    }

    /// Proves TEAM-05. Proves TEAM-08.
    #[test]
    fn nobody_is_a_member_before_the_owner_and_they_themselves_said_yes() {
        let mut team = team();
        let id = ask(&mut team, 2, 3).expect("a member suggests");
        let membership = team.membership(id).expect("a membership");
        assert_eq!(
            membership.answer(person(2), person(1), true),
            Err(Refused::NotToBeAnswered),
            "the Owner first"
        );
        assert_eq!(
            membership.answer(person(9), person(1), true),
            Err(Refused::NotToBeAnswered),
            "a stranger"
        );
        assert_eq!(membership.answer(person(1), person(1), true), Ok(Change::Changed));
        assert_eq!(membership.answer(person(1), person(1), true), Ok(Change::Unchanged));
        assert_eq!(
            membership.answer(person(9), person(1), true),
            Err(Refused::NotToBeAnswered),
            "a stranger"
        );
        assert!(!team.has_member(person(2), day("2026-03-02")));
        let membership = team.membership(id).expect("a membership");
        assert_eq!(membership.answer(person(2), person(1), true), Ok(Change::Changed));
        assert!(team.has_member(person(2), day("2026-03-02")));
        assert!(!team.has_member(person(2), day("2026-02-28")));
    }

    #[test]
    fn a_person_is_asked_once_and_the_owner_never() {
        let mut team = team();
        ask(&mut team, 2, 1).expect("asked");
        assert_eq!(ask(&mut team, 2, 1), Err(Refused::AlreadyAsked));
        assert_eq!(ask(&mut team, 1, 1), Err(Refused::AlreadyAsked));
    }

    /// Proves TEAM-35.
    #[test]
    fn a_hat_is_worn_for_a_term_by_consent_of_wearer_and_owner() {
        let mut team = team();
        let id = ask(&mut team, 2, 1).expect("asked");
        team.membership(id).expect("a membership").answer(person(2), person(1), true).expect("yes");
        let holding = HoldingId(Uuid::from_u128(7));
        let hat = hat::Hat::RotaHolder;
        let propose = |team: &mut Team, from: &str, until: &str| {
            team.propose_hat(holding, hat, person(2), (day(from), day(until)), person(1))
                .map(|holding| holding.state)
        };
        assert_eq!(propose(&mut team, "2026-03-01", "2026-03-01"), Err(Refused::DatesDoNotFit));
        assert_eq!(
            propose(&mut team, "2026-03-01", "2028-03-02"),
            Err(Refused::DatesDoNotFit),
            "over two years"
        );
        assert_eq!(
            propose(&mut team, "2026-02-01", "2026-09-01"),
            Err(Refused::NotAMember),
            "not yet a member"
        );
        assert_eq!(propose(&mut team, "2026-03-01", "2026-09-01"), Ok(hat::State::Proposed));
        let held = team.holding(holding).expect("a holding");
        assert_eq!(held.answer(person(2), person(1), true), Ok(Change::Changed));
        assert_eq!(held.state, hat::State::Held);
        assert_eq!(team.end_membership(id, day("2026-04-01")), Err(Refused::HatsFirst));
        team.holding(holding).expect("a holding").drop_it().expect("dropped");
        assert_eq!(team.end_membership(id, day("2026-04-01")), Ok(Change::Changed));
        assert!(
            team.has_member(person(2), day("2026-03-31")) && !team.has_member(person(2), day("2026-04-01"))
        );
    }

    #[test]
    fn only_the_promise_in_force_is_signed_and_only_once() {
        let mut team = team();
        assert_eq!(team.sign("2025-1", Some("2026-1"), day("2026-03-01")), Err(Refused::PromiseNotInForce));
        assert_eq!(team.sign("2026-1", Some("2026-1"), day("2026-03-01")), Ok(Change::Changed));
        assert_eq!(team.sign("2026-1", Some("2026-1"), day("2026-03-05")), Ok(Change::Unchanged));
        assert_eq!(team.promised_from(), Some(day("2026-03-01")));
    }

    #[test]
    fn outward_codes_have_a_form() {
        for good in ["E5", "n16", "SW1A", " HX7 ", "M1"] {
            assert!(OutwardCode::parse(good).is_some(), "{good}");
        }
        for bad in ["", "5E", "E", "HX7 8AB", "EEE5", "E5555", "É5"] {
            assert!(OutwardCode::parse(bad).is_none(), "{bad}");
        }
    }
}
