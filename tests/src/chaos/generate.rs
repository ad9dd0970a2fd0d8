//! Scenarios of the month's kind, made from a seed: paid, volunteer and gifted visits, trials, covers, moves,
//! cancellations on both sides of the 24 hours, several payers. A tenant has the same people in every month.

use std::collections::BTreeSet;

use chrono::{Duration, Months, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Europe::London;
use serde_json::{Value, json};

use super::calendar;
use super::random::Random;

/// The first month that is taken in; each further one follows.
const FIRST_MONTH: (i32, u32) = (2012, 1);
/// Givers with series of their own; others cover, or come on trial.
const REGULAR: usize = 5;
/// Hours of the day in which visits begin, from this one on.
const FIRST_HOUR: usize = 6;
const HOURS: usize = 16;
const FORMAT: &str = "%Y-%m-%dT%H:%M:%S";

/// One tenant's part of the workload.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// From 1.
    pub number: usize,
    teams: usize,
    random: Random,
}

impl Tenant {
    /// A tenant whose months have about so many visits.
    pub fn new(seed: u64, number: usize, visits_a_month: usize) -> Self {
        let teams = (visits_a_month / 45 + 2).min(HOURS);
        Self { number, teams, random: Random::new(seed).fork(&format!("tenant {number}")) }
    }

    /// The slug.
    pub fn slug(&self) -> String {
        format!("chaos-{}", self.number)
    }

    /// The scenario of a month, counted from 0, with about so many visits.
    pub fn month(&self, index: u32, visits: usize) -> Value {
        let (year, month) = FIRST_MONTH;
        let month = NaiveDate::from_ymd_opt(year, month, 1).expect("a day") + Months::new(index);
        let mut random = self.random.fork(&format!("month {index}"));
        let mut series = self.series(month, visits, &mut random);
        let mut changes = changes(&series, month, &mut random);
        if index == 0 {
            series.extend(self.trial(month, &mut changes));
        }
        let rounds = if index == 0 { json!({ "circle": responses(&mut random) }) } else { json!({}) };
        json!({
            "about": "Made from a seed for the fault tests. Every person in it is invented.",
            "tenant": self.slug(),
            "circle": format!("Circle {}", self.number),
            "time_zone": "Europe/London",
            "month": month.format("%Y-%m").to_string(),
            "givers": self.givers(),
            "teams": self.teams(),
            "series": series,
            "changes": changes,
            "wellbeing_round": rounds,
        })
    }

    fn givers(&self) -> Vec<Value> {
        let mut random = self.random.fork("givers");
        let mut givers = Vec::new();
        for (number, status) in [
            "independent",
            "independent",
            "employed",
            "volunteer",
            "family_or_friend",
            "independent",
            "independent",
        ]
        .into_iter()
        .enumerate()
        {
            let mut giver = json!({
                "id": format!("g{number}"),
                "name": format!("Giver {number} of {}", self.number),
                "outward_code": random.pick(&["E5", "N16", "E8", "E9", "E10"]),
                "status": status,
            });
            match status {
                "volunteer" => giver["unpaid_intent"] = json!("save"),
                "family_or_friend" => giver["unpaid_intent"] = json!("gift"),
                "employed" => {
                    giver["rate_pence"] = json!(random.between(2000, 3200));
                    let share_bp = random.between(500, 3000);
                    giver["contribution"] = json!({ "mode": "share_of_total", "share_bp": share_bp });
                }
                _ => {
                    giver["rate_pence"] = json!(random.between(1800, 2600));
                    let (added_bp, deducted_bp) = (random.between(0, 1500), random.between(0, 2500));
                    giver["contribution"] =
                        json!({ "mode": "on_rate", "added_bp": added_bp, "deducted_bp": deducted_bp });
                }
            }
            givers.push(giver);
        }
        givers
    }

    fn teams(&self) -> Vec<Value> {
        let mut random = self.random.fork("teams");
        let mut teams = Vec::new();
        for number in 0..self.teams {
            let mut payers = Vec::new();
            let mut left = 10_000;
            let kinds = [("owner", "private"), ("council", "local_authority"), ("charity", "charity")];
            let last = usize::try_from(random.below(3)).expect("an index");
            for (place, (payer, kind)) in kinds.into_iter().enumerate().take(last + 1) {
                let share_bp = if place == last { left } else { random.between(1, left - 100) };
                left -= share_bp;
                payers.push(json!({ "payer": payer, "kind": kind, "share_bp": share_bp }));
            }
            teams.push(json!({
                "id": format!("t{number}"),
                "owner": format!("Owner {number} of {}", self.number),
                "outward_code": random.pick(&["E5", "N16", "E8", "E9", "E10"]),
                "payers": payers,
            }));
        }
        teams
    }

    /// Weekly series until there are visits enough. Each pair of team and giver has an hour of its own, so that neither
    /// giver nor Owner is booked twice.
    fn series(&self, month: NaiveDate, visits: usize, random: &mut Random) -> Vec<Value> {
        let mut pairs: Vec<(usize, usize)> =
            (0..self.teams).flat_map(|team| (0..REGULAR).map(move |giver| (team, giver))).collect();
        random.shuffle(&mut pairs);
        let (mut series, mut planned) = (Vec::new(), 0);
        for (team, giver) in pairs {
            if planned >= visits {
                break;
            }
            let left = visits - planned;
            let rules: &[&str] = match left {
                0..=9 => &["FREQ=WEEKLY"],
                10..=30 => &["FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=TU,TH", "FREQ=DAILY;INTERVAL=4"],
                _ => &["FREQ=WEEKLY;BYDAY=MO,WE,FR", "FREQ=DAILY", "FREQ=DAILY;INTERVAL=2"],
            };
            let hour = u32::try_from(FIRST_HOUR + (team + giver) % HOURS).expect("an hour");
            let starts =
                (month + Duration::days(random.between(0, 3))).and_hms_opt(hour, 0, 0).expect("a time");
            let rule = *random.pick(rules);
            let occurrences = calendar::occurrences(starts, rule, month, London);
            planned += occurrences.len();
            // A start that its own rule does not give is undefined by RFC 5545.
            let Some(starts) = occurrences.first() else { continue };
            series.push(json!({
                "id": format!("t{team}g{giver}"),
                "team": format!("t{team}"),
                "giver": format!("g{giver}"),
                "kind": random.pick(&["support", "personal_care", "companionship", "outing"]),
                "starts": starts.format(FORMAT).to_string(),
                "wall_minutes": random.between(15, 45),
                "rrule": rule,
            }));
        }
        series
    }

    /// Two sessions of somebody whom the first team tries out, and one of them called off.
    fn trial(&self, month: NaiveDate, changes: &mut Vec<Value>) -> Vec<Value> {
        let late = NaiveTime::from_hms_opt(22, 0, 0).expect("a time");
        let mut series = Vec::new();
        for (number, day) in [6, 9].into_iter().enumerate() {
            let starts = (month + Duration::days(day)).and_time(late);
            series.push(json!({
                "id": format!("trial{number}"), "team": "t0", "giver": "g6", "kind": "trial",
                "starts": starts.format(FORMAT).to_string(), "wall_minutes": 50,
            }));
            if number == 1 && self.number.is_multiple_of(2) {
                let at = calendar::instant(starts, London) - Duration::hours(3);
                changes.push(change(
                    "trial1",
                    starts,
                    json!({ "action": "cancelled_by_giver", "at": at.to_rfc3339() }),
                ));
            }
        }
        series
    }
}

/// A change to about every fifth visit.
fn changes(series: &[Value], month: NaiveDate, random: &mut Random) -> Vec<Value> {
    let (mut changes, mut covers) = (Vec::new(), BTreeSet::new());
    for one in series {
        let text = |name: &str| one[name].as_str().expect("text");
        let starts = NaiveDateTime::parse_from_str(text("starts"), FORMAT).expect("a time");
        let minutes = one["wall_minutes"].as_i64().expect("minutes");
        for occurrence in calendar::occurrences(starts, text("rrule"), month, London) {
            if !random.percent(20) {
                continue;
            }
            let (begins, ends) = calendar::visit(occurrence, minutes, London);
            let before = begins - Duration::minutes(random.between(1, 50 * 60));
            let what = match random.below(6) {
                0 | 1 => json!({ "action": "cancelled_by_owner", "at": before.to_rfc3339() }),
                // Who covers can be in one place at a time.
                2 if covers.insert(occurrence) => {
                    json!({ "action": "cancelled_by_giver", "at": before.to_rfc3339(), "covered_by": "g5" })
                }
                3 => {
                    let to = occurrence + Duration::minutes(random.between(1, 14));
                    json!({ "action": "moved", "to": to.format(FORMAT).to_string() })
                }
                4 => {
                    let began = begins + Duration::minutes(random.between(-9, 9));
                    let ended = ends + Duration::minutes(random.between(-5, 12));
                    let ended = ended.max(began + Duration::minutes(1));
                    json!({ "action": "actual", "began": began.to_rfc3339(), "ended": ended.to_rfc3339() })
                }
                5 => json!({ "action": "missed" }),
                _ => json!({ "action": "cancelled_by_giver", "at": before.to_rfc3339() }),
            };
            changes.push(change(text("id"), occurrence, what));
        }
    }
    changes
}

fn change(series: &str, occurrence: NaiveDateTime, mut what: Value) -> Value {
    what["series"] = json!(series);
    what["occurrence"] = json!(occurrence.format(FORMAT).to_string());
    what
}

fn responses(random: &mut Random) -> Vec<Vec<i64>> {
    (0..6).map(|_| (0..7).map(|_| random.between(1, 5)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::auditor::predict;

    #[test]
    fn a_seed_says_everything_and_the_sizes_are_about_right() {
        let tenant = Tenant::new(7, 2, 100);
        assert_eq!(tenant.month(3, 100), Tenant::new(7, 2, 100).month(3, 100));
        assert_ne!(tenant.month(3, 100), Tenant::new(8, 2, 100).month(3, 100));
        assert_eq!(tenant.month(3, 100)["givers"], tenant.month(4, 100)["givers"]);
        for month in 0..24 {
            let visits = predict(&tenant.month(month, 100)).visits;
            assert!((90..=140).contains(&visits), "{visits}");
        }
    }
}
