//! What every step of a run works with: the scenario, its ids and dates, and the people.

use std::collections::HashMap;

use super::plan::{Plan, belonging};
use super::scenario::{Scenario, Scope, Series};
use crate::client::Session;

/// One run.
pub struct World {
    pub scenario: Scenario,
    pub plan: Plan,
    pub people: People,
}

/// Somebody who acts.
pub struct Person {
    /// UUID.
    pub id: String,
    pub session: Session,
}

/// Everybody who acts, by the ids of the scenario.
pub struct People {
    pub administrator: Session,
    /// Records givers' readiness.
    pub checks: Person,
    /// Wears the finance hat.
    pub finance: Person,
    /// By id of the team.
    pub owners: HashMap<String, Person>,
    /// By id of the giver.
    pub givers: HashMap<String, Person>,
    /// Those who answered a round and of whom the scenario says nothing else, by the round's key.
    pub others: HashMap<String, Vec<Person>>,
}

impl World {
    /// The Owner of a team.
    pub fn owner(&self, team: &str) -> &Person {
        self.people.owners.get(team).expect("every team of the scenario has an Owner")
    }

    pub fn giver(&self, id: &str) -> &Person {
        self.people.givers.get(id).expect("every giver of the scenario is a person")
    }

    /// Everybody who belongs to the circle.
    pub fn circle_members(&self) -> impl Iterator<Item = &Person> {
        let owners = self.scenario.teams.iter().map(|team| self.owner(&team.id));
        let givers = self.scenario.givers.iter().map(|giver| self.giver(&giver.id));
        std::iter::once(&self.people.finance).chain(owners).chain(givers).chain(self.others(&Scope::Circle))
    }

    /// Those who answered that round and of whom the scenario says nothing else.
    pub fn others(&self, scope: &Scope) -> &[Person] {
        self.people.others.get(scope.key()).map_or(&[], Vec::as_slice)
    }

    /// Who answers a round, in an order that is the same in every run.
    pub fn respondents(&self, scope: &Scope) -> Vec<&Person> {
        let Scope::Team(team) = scope else { return self.circle_members().collect() };
        let members = belonging(&self.scenario, team).members;
        let members = members.iter().map(|giver| self.giver(giver));
        std::iter::once(self.owner(team)).chain(members).chain(self.others(scope)).collect()
    }

    pub fn circle_id(&self) -> String {
        self.plan.lasting_id("circle", &[&self.scenario.circle])
    }

    pub fn team_id(&self, team: &str) -> String {
        let team = self.scenario.team(team);
        self.plan.lasting_id("team", &[&self.scenario.circle, &team.id, &team.owner, &team.outward_code])
    }

    pub fn series_id(&self, series: &Series) -> String {
        self.plan.months_id("series", &[&self.circle_id(), &series.id])
    }

    /// The month's first day and the first day after it, as the contracts write them.
    pub fn window(&self) -> (String, String) {
        (self.scenario.month.first_day().to_string(), self.scenario.month.end().to_string())
    }
}
