//! What this service keeps of a Team, and how somebody stands towards it, a series or a visit.

use chrono::NaiveDate;
use kith_platform::id::PersonId;
use serde::{Deserialize, Serialize};

use super::introduction::Introduction;
use super::{CircleId, Side, TeamId, VisitKind};

/// A Team, as `teams` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// The person supported.
    pub owner: PersonId,
    /// The Circle it belongs to.
    pub circle_id: CircleId,
    /// Members whose both sides said yes, past ones included.
    pub members: Vec<Held>,
    /// Who holds or held the rota.
    pub rota_holders: Vec<Held>,
    /// First day on which a signed Promise holds.
    pub promise_from: Option<NaiveDate>,
}

/// Somebody is something between two days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who.
    pub person: PersonId,
    /// First day.
    pub valid_from: NaiveDate,
    /// First day no longer.
    pub valid_until: Option<NaiveDate>,
}

impl Held {
    fn is_held_by(&self, person: PersonId, day: NaiveDate) -> bool {
        self.person == person && self.valid_from <= day && self.valid_until.is_none_or(|until| day < until)
    }
}

impl Team {
    /// Whether somebody is a member on a day.
    pub fn has_member(&self, person: PersonId, day: NaiveDate) -> bool {
        self.members.iter().any(|member| member.is_held_by(person, day))
    }

    /// Whether a signed Promise holds on a day.
    pub fn promise_holds_on(&self, day: NaiveDate) -> bool {
        self.promise_from.is_some_and(|from| from <= day)
    }

    /// How somebody stands towards the Team on a day; as a giver only where `giver` says so.
    pub fn standing(&self, person: PersonId, day: NaiveDate, giver: bool) -> Standing {
        Standing {
            owner: self.owner == person,
            rota_holder: self.rota_holders.iter().any(|holder| holder.is_held_by(person, day)),
            member: self.has_member(person, day),
            giver,
            acting: None,
        }
    }

    /// Whether visits of a kind with a giver can be spoken of at all: somebody who is, was or will be a member, or is
    /// on an open trial. Each visit is looked at by its own day when it is planned.
    pub fn may_have(&self, giver: PersonId, introductions: &[Introduction], kind: VisitKind) -> bool {
        self.members.iter().any(|member| member.person == giver)
            || (kind == VisitKind::Trial
                && introductions.iter().any(|introduction| {
                    introduction.team_id == self.id
                        && introduction.giver == giver
                        && introduction.open_trial().is_some()
                }))
    }

    /// Why a giver may have a visit with this Team on a day, where they may.
    pub fn admits(
        &self,
        giver: PersonId,
        introductions: &[Introduction],
        kind: VisitKind,
        day: NaiveDate,
    ) -> Option<Admission> {
        if self.has_member(giver, day) {
            return Some(Admission::Member);
        }
        if kind != VisitKind::Trial {
            return None;
        }
        let on_trial = |introduction: &&Introduction| {
            introduction.team_id == self.id
                && introduction.giver == giver
                && introduction.open_trial().is_some_and(|trial| trial.covers(day))
        };
        introductions.iter().position(|introduction| on_trial(&introduction)).map(Admission::Trial)
    }
}

/// Why a giver may have a visit with a Team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As a member.
    Member,
    /// On trial, under the introduction at this place of the list.
    Trial(usize),
}

/// How somebody stands towards a series or a visit, as the policy knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the policy, and any of them may go together"
)]
pub struct Standing {
    /// The Owner.
    pub owner: bool,
    /// Holds the rota, within the term.
    pub rota_holder: bool,
    /// A member of the Team.
    pub member: bool,
    /// The giver, or the one asked to cover.
    pub giver: bool,
    /// Acts for the Owner, on the basis of this name.
    pub acting: Option<&'static str>,
}

impl Standing {
    /// For whom somebody speaks where they do not say: a giver for themselves, also one who holds the rota, so that
    /// nobody answers their own proposal.
    pub const fn side(self) -> Side {
        if self.giver { Side::Giver } else { Side::Team }
    }

    /// Whether somebody could speak for a side.
    pub const fn may_speak_for(self, side: Side) -> bool {
        match side {
            Side::Team => self.owner || self.rota_holder || self.acting.is_some(),
            Side::Giver => self.giver,
        }
    }
}

#[cfg(test)]
mod tests {
    use kith_platform::id::Uuid;

    use super::super::IntroductionState;
    use super::super::introduction::Trial;
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn person(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn team() -> Team {
        let held = |who, until: Option<&str>| Held {
            person: person(who),
            valid_from: day("2026-03-01"),
            valid_until: until.map(day),
        };
        Team {
            id: TeamId::default(),
            owner: person(1),
            circle_id: CircleId::default(),
            members: vec![held(2, None)],
            rota_holders: vec![held(2, Some("2026-06-01"))],
            promise_from: Some(day("2026-03-10")),
        }
    }

    #[test]
    fn a_term_ends_on_its_last_day() {
        let team = team();
        let member = Standing { member: true, ..Standing::default() };
        let rota_holder = Standing { rota_holder: true, ..member };
        assert_eq!(team.standing(person(2), day("2026-05-31"), false), rota_holder);
        assert_eq!(team.standing(person(2), day("2026-06-01"), false), member);
        assert_eq!(team.standing(person(2), day("2026-02-28"), false), Standing::default());
        assert!(!team.promise_holds_on(day("2026-03-09")));
        assert!(team.promise_holds_on(day("2026-03-10")));
    }

    #[test]
    fn a_giver_who_holds_the_rota_speaks_as_a_giver_unless_they_say_otherwise() {
        let standing = team().standing(person(2), day("2026-03-05"), true);
        assert_eq!(standing.side(), Side::Giver);
        assert!(standing.may_speak_for(Side::Team));
        assert_eq!(team().standing(person(1), day("2026-03-05"), false).side(), Side::Team);
    }

    /// Proves APPT-12.
    #[test]
    fn only_trial_sessions_are_for_those_on_trial_and_only_within_it() {
        let team = team();
        let trial = Trial { sessions: 2, valid_from: day("2026-03-02"), valid_until: day("2026-03-16") };
        let mut introductions = [Introduction {
            id: super::super::IntroductionId::default(),
            team_id: team.id,
            giver: person(3),
            state: IntroductionState::TrialAgreed,
            trial: Some(trial),
        }];
        let admits = |introductions: &[Introduction], kind, on: &str| {
            team.admits(person(3), introductions, kind, day(on))
        };
        assert_eq!(admits(&introductions, VisitKind::Trial, "2026-03-02"), Some(Admission::Trial(0)));
        assert_eq!(admits(&introductions, VisitKind::Trial, "2026-03-16"), None);
        assert_eq!(admits(&introductions, VisitKind::Support, "2026-03-02"), None);
        introductions[0].state = IntroductionState::Ended;
        assert_eq!(admits(&introductions, VisitKind::Trial, "2026-03-02"), None);
        assert_eq!(
            team.admits(person(2), &introductions, VisitKind::Support, day("2026-03-02")),
            Some(Admission::Member)
        );
    }
}
