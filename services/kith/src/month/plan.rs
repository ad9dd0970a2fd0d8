//! What a scenario needs before its visits: ids that are the same in every run, dates, who belongs to which team.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveTime, Utc};
use kith_platform::local;
use kith_proto::appointments::v1::VisitKind;
use prost_types::Timestamp;

use super::scenario::{Action, Contribution, Month, Scenario, Scope};
use crate::client::uuid_of;

/// Ids and dates of one scenario.
pub struct Plan {
    tenant: String,
    month: Month,
    /// When what the month rests on had begun: nine o'clock on its first day.
    begun_at: DateTime<Utc>,
}

impl Plan {
    pub fn new(scenario: &Scenario) -> Self {
        let nine = NaiveTime::MIN + Duration::hours(9);
        let begun_at = local::instant(begun_on(scenario.month).and_time(nine), scenario.zone);
        Self { tenant: scenario.tenant.clone(), month: scenario.month, begun_at }
    }

    /// The id of a thing that belongs to the tenant in every month.
    pub fn lasting_id(&self, kind: &str, names: &[&str]) -> String {
        self.id(kind, "", names)
    }

    /// The id of a thing of this month alone.
    pub fn months_id(&self, kind: &str, names: &[&str]) -> String {
        self.id(kind, &self.month.to_string(), names)
    }

    fn id(&self, kind: &str, month: &str, names: &[&str]) -> String {
        let mut parts = vec!["kith month", &self.tenant, kind, month];
        parts.extend(names);
        let parts: Vec<&[u8]> = parts.into_iter().map(str::as_bytes).collect();
        uuid_of(&parts).to_string()
    }

    /// First day of what the month rests on.
    pub fn begun_on(&self) -> NaiveDate {
        begun_on(self.month)
    }

    /// From when on memberships, readiness and rules hold: long before, so that months of earlier years may follow.
    pub fn long_before(&self) -> NaiveDate {
        self.begun_on() - Months::new(60)
    }

    pub fn begun_at(&self) -> DateTime<Utc> {
        self.begun_at
    }

    /// Some minutes after the beginning, so that what rests on something else happens after it.
    pub fn begun_after(&self, minutes: i64) -> Timestamp {
        timestamp(self.begun_at + Duration::minutes(minutes))
    }
}

/// The first day of the year, so that other months of that year may be brought in to the same tenant in any order; of
/// the year before where the month is the first.
fn begun_on(month: Month) -> NaiveDate {
    let day_before = month.first_day() - Days::new(1);
    NaiveDate::from_ymd_opt(day_before.year(), 1, 1).expect("every year has a first day")
}

/// An instant as the contracts write it.
pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: instant.timestamp(), nanos: 0 }
}

/// An instant as it was read; `None` where it is absent or beyond reckoning.
pub fn instant(timestamp: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let timestamp = timestamp?;
    DateTime::from_timestamp(timestamp.seconds, timestamp.nanos.try_into().ok()?)
}

/// The circle's name for a contribution rule.
pub fn rule_name(contribution: Contribution) -> String {
    match contribution {
        Contribution::OnRate { added_bp, deducted_bp } => {
            format!("on rate +{} -{}", percent(added_bp), percent(deducted_bp))
        }
        Contribution::ShareOfTotal { share_bp } => format!("share of total {}", percent(share_bp)),
    }
}

fn percent(basis_points: i32) -> String {
    format!("{}.{:02} %", basis_points / 100, basis_points % 100)
}

/// Who must be in a team for its month.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Belonging {
    /// Ids of givers who are members before it.
    pub members: BTreeSet<String>,
    /// Givers who only try it out.
    pub trials: Vec<TrialNeeded>,
}

/// A trial that its visits need.
#[derive(Debug, PartialEq, Eq)]
pub struct TrialNeeded {
    /// Id of the giver.
    pub giver: String,
    pub sessions: i32,
    pub valid_from: NaiveDate,
    /// First day after it.
    pub valid_until: NaiveDate,
}

/// Most sessions of a trial; somebody who comes more often is a member.
const MOST_SESSIONS: usize = 3;

/// Works out who belongs to a team: members have visits other than trials, cover somebody, or come too often for a
/// trial; everybody else who has visits is on trial.
pub fn belonging(scenario: &Scenario, team: &str) -> Belonging {
    let mut belonging = Belonging::default();
    for series in scenario.series_of(team) {
        if series.kind != VisitKind::Trial && !series.occurrences.is_empty() {
            belonging.members.insert(series.giver.clone());
        }
    }
    for (_, change) in scenario.changes_of(team) {
        if let Action::CancelledByGiver { covered_by: Some(cover), .. } = &change.action {
            belonging.members.insert(cover.clone());
        }
    }
    let on_trial: BTreeSet<&str> = scenario
        .series_of(team)
        .filter(|series| series.kind == VisitKind::Trial && !belonging.members.contains(&series.giver))
        .map(|series| series.giver.as_str())
        .collect();
    for giver in on_trial {
        let days = trial_days(scenario, team, giver);
        if days.is_empty() {
            continue;
        }
        if days.len() > MOST_SESSIONS {
            belonging.members.insert(giver.to_owned());
            continue;
        }
        let month = scenario.month;
        let first = days.iter().min().copied().unwrap_or(month.first_day());
        let last = days.iter().max().copied().unwrap_or(month.last_day());
        belonging.trials.push(TrialNeeded {
            giver: giver.to_owned(),
            sessions: i32::try_from(days.len()).expect("at most three"),
            valid_from: first.min(month.first_day()),
            valid_until: (last + Days::new(1)).max(month.end()),
        });
    }
    belonging
}

/// How many people answered a round of whom the scenario says nothing else: friends and family in a team, or further
/// members of the circle. Everybody answers with a code of their own.
pub fn respondents_without_a_name(scenario: &Scenario, scope: &Scope) -> usize {
    let Some(round) = scenario.rounds.iter().find(|round| round.scope == *scope) else { return 0 };
    let named = match scope {
        Scope::Circle => scenario.teams.len() + scenario.givers.len(),
        Scope::Team(team) => belonging(scenario, team).members.len(),
    };
    // And the numbers person of the circle, or the Owner of the team.
    round.responses.len().saturating_sub(named + 1)
}

/// The days of a giver's visits with a team, after moves.
fn trial_days(scenario: &Scenario, team: &str, giver: &str) -> Vec<NaiveDate> {
    let mut days = Vec::new();
    for series in scenario.series_of(team).filter(|series| series.giver == giver) {
        for occurrence in &series.occurrences {
            let moved = scenario.changes.iter().find_map(|change| match change.action {
                Action::Moved { to } if change.series == series.id && change.occurrence == *occurrence => {
                    Some(to)
                }
                _ => None,
            });
            days.push(moved.unwrap_or(*occurrence).date());
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::month::read;

    fn first_month() -> Scenario {
        read::scenario(include_str!("../../data/first_month/scenario.json")).expect("no mistakes")
    }

    #[test]
    fn ids_are_the_same_in_every_run_and_differ_where_they_should() {
        let plan = Plan::new(&first_month());
        let again = Plan::new(&first_month());
        assert_eq!(plan.lasting_id("team", &["t1"]), again.lasting_id("team", &["t1"]));
        assert_ne!(plan.lasting_id("team", &["t1"]), plan.lasting_id("team", &["t2"]));
        assert_ne!(plan.lasting_id("team", &["t1"]), plan.lasting_id("giver", &["t1"]));
        let mut april = first_month();
        april.month = Month::read("2026-04").expect("a month");
        let april = Plan::new(&april);
        assert_eq!(plan.lasting_id("team", &["t1"]), april.lasting_id("team", &["t1"]));
        assert_ne!(plan.months_id("series", &["s01"]), april.months_id("series", &["s01"]));
        let mut elsewhere = first_month();
        elsewhere.tenant = "hackney".to_owned();
        assert_ne!(plan.lasting_id("team", &["t1"]), Plan::new(&elsewhere).lasting_id("team", &["t1"]));
    }

    #[test]
    fn the_month_rests_on_what_began_with_the_year() {
        let plan = Plan::new(&first_month());
        assert_eq!(plan.begun_on().to_string(), "2026-01-01");
        assert_eq!(plan.begun_at().to_rfc3339(), "2026-01-01T09:00:00+00:00");
        assert_eq!(begun_on(Month::read("2026-01").expect("a month")).to_string(), "2025-01-01");
    }

    #[test]
    fn rules_are_named_by_what_they_say() {
        let on_rate = Contribution::OnRate { added_bp: 1750, deducted_bp: 5 };
        assert_eq!(rule_name(on_rate), "on rate +17.50 % -0.05 %");
        assert_eq!(rule_name(Contribution::ShareOfTotal { share_bp: 2500 }), "share of total 25.00 %");
    }

    #[test]
    fn members_come_regularly_or_cover_and_others_are_on_trial() {
        let scenario = first_month();
        let first = belonging(&scenario, "t1");
        assert_eq!(first.members.iter().collect::<Vec<_>>(), ["g1", "g2", "g6"]);
        assert!(first.trials.is_empty());
        let fifth = belonging(&scenario, "t5");
        assert_eq!(fifth.members.iter().collect::<Vec<_>>(), ["g4", "g7"]);
        assert_eq!(fifth.trials.len(), 1);
        assert_eq!((fifth.trials[0].giver.as_str(), fifth.trials[0].sessions), ("g2", 2));
        assert_eq!(fifth.trials[0].valid_until.to_string(), "2026-04-01");
    }

    #[test]
    fn whoever_answered_and_is_not_named_is_somebody_too() {
        let mut scenario = first_month();
        let team = |team: &str| Scope::Team(team.to_owned());
        let further = |scenario: &Scenario, scope| respondents_without_a_name(scenario, &scope);
        assert_eq!(["t1", "t2", "t3", "t4"].map(|one| further(&scenario, team(one))), [0, 2, 0, 2]);
        assert_eq!(further(&scenario, Scope::Circle), 0);
        let round = scenario.rounds.iter_mut().find(|round| round.scope == Scope::Circle).expect("a round");
        round.responses = vec![[Some(3); 7]; 15];
        assert_eq!(
            further(&scenario, Scope::Circle),
            1,
            "one more than numbers person, five Owners and eight givers"
        );
    }

    #[test]
    fn four_sessions_are_no_trial_and_a_move_widens_its_time() {
        let mut scenario = first_month();
        let series = scenario.series.iter_mut().find(|series| series.id == "s11").expect("a series");
        let occurrence = series.occurrences[0];
        let to = (scenario.month.end() + Days::new(2)).and_time(NaiveTime::MIN);
        scenario.changes.push(crate::month::scenario::Change {
            series: "s11".to_owned(),
            occurrence,
            action: Action::Moved { to },
        });
        assert_eq!(belonging(&scenario, "t5").trials[0].valid_until.to_string(), "2026-04-04");
        let series = scenario.series.iter_mut().find(|series| series.id == "s12").expect("a series");
        series.occurrences = (0..3).map(|day| occurrence + Days::new(day)).collect();
        let fifth = belonging(&scenario, "t5");
        assert!(fifth.trials.is_empty());
        assert!(fifth.members.contains("g2"));
    }
}
