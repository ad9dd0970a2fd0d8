//! Reads a scenario file and finds all its mistakes, each with its place, before anything is sent.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDateTime, Timelike, Utc};
use chrono_tz::Tz;
use kith_platform::local;
use kith_proto::appointments::v1::VisitKind;
use serde_json::Value;

use super::fields::{Fields, Problems, entries, json, kind};
use super::rule::repetition;
use super::scenario::{Action, CIRCLE, Change, Month, Round, Scenario, Scope, Series, Team};

mod checks;
mod people;
#[cfg(test)]
mod tests;
pub mod times;

use checks::Listed;

const VISIT_KINDS: [(&str, VisitKind); 8] = [
    ("support", VisitKind::Support),
    ("personal_care", VisitKind::PersonalCare),
    ("companionship", VisitKind::Companionship),
    ("waking_night", VisitKind::WakingNight),
    ("sleeping_night", VisitKind::SleepingNight),
    ("outing", VisitKind::Outing),
    ("peer_support", VisitKind::PeerSupport),
    ("trial", VisitKind::Trial),
];

#[derive(Clone, Copy)]
enum ActionWord {
    CancelledByOwner,
    CancelledByGiver,
    Moved,
    Actual,
    Missed,
}

const ACTIONS: [(&str, ActionWord); 5] = [
    ("cancelled_by_owner", ActionWord::CancelledByOwner),
    ("cancelled_by_giver", ActionWord::CancelledByGiver),
    ("moved", ActionWord::Moved),
    ("actual", ActionWord::Actual),
    ("missed", ActionWord::Missed),
];

/// Reads a scenario, or returns every mistake in it.
pub fn scenario(text: &str) -> Result<Scenario, Vec<String>> {
    let value = json(text).map_err(|problem| vec![problem])?;
    let mut problems = Problems::default();
    let read = Reader { problems: &mut problems }.file(&value);
    let lines = problems.into_lines();
    match read {
        Some(scenario) if lines.is_empty() => Ok(scenario),
        _ => Err(lines),
    }
}

struct Reader<'p> {
    problems: &'p mut Problems,
}

impl Reader<'_> {
    fn file(&mut self, value: &Value) -> Option<Scenario> {
        let known = [
            "about",
            "tenant",
            "circle",
            "time_zone",
            "month",
            "givers",
            "teams",
            "series",
            "changes",
            "wellbeing_round",
        ];
        let fields = Fields::open(value, "", &known, self.problems)?;
        if fields.has("about") {
            fields.text("about", self.problems);
        }
        let tenant = self.slug(&fields);
        let circle = fields.name("circle", 100, self.problems).map(str::to_owned);
        let zone = self.zone(&fields);
        let month = self.month(&fields);

        let givers = self.each(&fields, "givers", Self::giver);
        let teams = self.each(&fields, "teams", Self::team);
        let series =
            self.each(&fields, "series", |reader, value, place| reader.series(value, place, zone, month));
        let changes = self.each(&fields, "changes", Self::change);
        checks::no_id_twice(&givers, |giver| &giver.id, self.problems);
        checks::no_id_twice(&teams, |team| &team.id, self.problems);
        checks::no_id_twice(&series, |series| &series.id, self.problems);
        checks::names_are_known(&series, &givers, &teams, self.problems);
        checks::changes_fit(&changes, &series, &givers, self.problems);
        checks::paid_visits_have_payers(&givers, &teams, &series, &changes, self.problems);
        if let Some(zone) = zone {
            times::nobody_is_twice(&series, &changes, zone, self.problems);
            times::nothing_is_called_off_too_late(&series, &changes, zone, self.problems);
        }
        let rounds = self.rounds(&fields, &teams);
        Some(Scenario {
            tenant: tenant?,
            circle: circle?,
            zone: zone?,
            month: month?,
            givers: givers.into_entries(),
            teams: teams.into_entries(),
            series: series.into_entries(),
            changes: changes.into_entries(),
            rounds,
        })
    }

    /// Reads every entry of a list, keeping each with its place; entries with mistakes are left out.
    fn each<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        mut read: impl FnMut(&mut Self, &Value, &str) -> Option<T>,
    ) -> Listed<T> {
        let mut found = Listed { entries: Vec::new(), ids: HashSet::new(), all_ids: fields.is_list(name) };
        for (place, value) in fields.list(name, self.problems) {
            match value.get("id").and_then(Value::as_str) {
                Some(id) => {
                    found.ids.insert(id.to_owned());
                }
                None => found.all_ids = false,
            }
            if let Some(one) = read(self, value, &place) {
                found.entries.push((place, one));
            }
        }
        found
    }

    fn slug(&mut self, fields: &Fields<'_>) -> Option<String> {
        let text = fields.text("tenant", self.problems)?;
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let ends_well = !text.starts_with('-') && !text.ends_with('-');
        if !(2..=40).contains(&text.len()) || !text.chars().all(fits) || !ends_well {
            let problem =
                format!("{text:?} is no short name: 2 to 40 small letters, digits and hyphens between them");
            self.problems.add(&fields.at("tenant"), problem);
            return None;
        }
        Some(text.to_owned())
    }

    fn zone(&mut self, fields: &Fields<'_>) -> Option<Tz> {
        let text = fields.text("time_zone", self.problems)?;
        let zone = local::zone(text);
        if zone.is_none() {
            self.problems.add(&fields.at("time_zone"), format!("there is no time zone {text:?}"));
        }
        zone
    }

    fn month(&mut self, fields: &Fields<'_>) -> Option<Month> {
        let text = fields.text("month", self.problems)?;
        let month = Month::read(text);
        if month.is_none() {
            self.problems.add(&fields.at("month"), format!("{text:?} is no month such as 2026-03"));
        }
        month
    }

    fn series(
        &mut self,
        value: &Value,
        place: &str,
        zone: Option<Tz>,
        month: Option<Month>,
    ) -> Option<Series> {
        let known = ["id", "team", "giver", "kind", "starts", "wall_minutes", "rrule"];
        let fields = Fields::open(value, place, &known, self.problems)?;
        let id = fields.id("id", self.problems);
        let team = fields.text("team", self.problems);
        let giver = fields.text("giver", self.problems);
        let kind = fields.choice("kind", &VISIT_KINDS, self.problems);
        let starts = self.local_time(&fields, "starts");
        let wall_minutes = fields.whole_number("wall_minutes", 1, 1440, self.problems);
        let rule = if fields.has("rrule") { fields.text("rrule", self.problems)? } else { "" };
        let (starts, month) = (starts?, month?);
        let (rrule, occurrences) = match repetition(starts, rule, zone?, month) {
            Ok(repetition) => repetition,
            Err(problem) => {
                self.problems.add(&fields.at("rrule"), problem);
                return None;
            }
        };
        Some(Series {
            id: id?.to_owned(),
            team: team?.to_owned(),
            giver: giver?.to_owned(),
            kind: kind?,
            starts,
            wall_minutes: i32::try_from(wall_minutes?).ok()?,
            rrule,
            occurrences,
        })
    }

    fn change(&mut self, value: &Value, place: &str) -> Option<Change> {
        let known = ["series", "occurrence", "action", "at", "covered_by", "to", "began", "ended"];
        let fields = Fields::open(value, place, &known, self.problems)?;
        let series = fields.text("series", self.problems);
        let occurrence = self.local_time(&fields, "occurrence");
        let action = self.action(&fields);
        Some(Change { series: series?.to_owned(), occurrence: occurrence?, action: action? })
    }

    fn action(&mut self, fields: &Fields<'_>) -> Option<Action> {
        let word = fields.choice("action", &ACTIONS, self.problems)?;
        let said = fields.text("action", self.problems)?;
        let belonging: &[&str] = match word {
            ActionWord::CancelledByOwner => &["at"],
            ActionWord::CancelledByGiver => &["at", "covered_by"],
            ActionWord::Moved => &["to"],
            ActionWord::Actual => &["began", "ended"],
            ActionWord::Missed => &[],
        };
        let others: Vec<&str> = ["at", "covered_by", "to", "began", "ended"]
            .into_iter()
            .filter(|name| !belonging.contains(name))
            .collect();
        fields.must_not_have(&others, said, self.problems);
        match word {
            ActionWord::CancelledByOwner => {
                Some(Action::CancelledByOwner { at: self.instant(fields, "at")? })
            }
            ActionWord::CancelledByGiver => {
                let covered = fields.has("covered_by");
                let covered_by =
                    if covered { Some(fields.text("covered_by", self.problems)?.to_owned()) } else { None };
                Some(Action::CancelledByGiver { at: self.instant(fields, "at")?, covered_by })
            }
            ActionWord::Moved => Some(Action::Moved { to: self.local_time(fields, "to")? }),
            ActionWord::Missed => Some(Action::Missed),
            ActionWord::Actual => {
                let (began, ended) = (self.instant(fields, "began"), self.instant(fields, "ended"));
                let (began, ended) = (began?, ended?);
                if ended <= began {
                    self.problems.add(&fields.at("ended"), "must be after the beginning");
                } else if (ended - began).num_hours() > 48 {
                    self.problems.add(&fields.at("ended"), "must be at most 48 hours after the beginning");
                }
                Some(Action::Actual { began, ended })
            }
        }
    }

    fn local_time(&mut self, fields: &Fields<'_>, name: &str) -> Option<NaiveDateTime> {
        let text = fields.text(name, self.problems)?;
        let read = NaiveDateTime::parse_from_str(text, local::LOCAL_FORMAT).ok();
        let exact = read.filter(|time| time.format(local::LOCAL_FORMAT).to_string() == text);
        let Some(time) = exact else {
            let problem = format!("{text:?} is no date and time that exists, such as 2026-03-02T09:00:00");
            self.problems.add(&fields.at(name), problem);
            return None;
        };
        if time.second() != 0 {
            self.problems.add(&fields.at(name), "must be a whole minute");
            return None;
        }
        Some(time)
    }

    fn instant(&mut self, fields: &Fields<'_>, name: &str) -> Option<DateTime<Utc>> {
        let text = fields.text(name, self.problems)?;
        let Ok(time) = DateTime::parse_from_rfc3339(text) else {
            let problem = format!("{text:?} is no instant that exists, such as 2026-03-10T10:00:00+00:00");
            self.problems.add(&fields.at(name), problem);
            return None;
        };
        if time.second() != 0 || time.nanosecond() != 0 {
            self.problems.add(&fields.at(name), "must be a whole minute");
            return None;
        }
        Some(time.to_utc())
    }

    fn rounds(&mut self, fields: &Fields<'_>, teams: &Listed<Team>) -> Vec<Round> {
        if !fields.has("wellbeing_round") {
            return Vec::new();
        }
        let Some(value) = fields.value("wellbeing_round", self.problems) else { return Vec::new() };
        let Some(map) = value.as_object() else {
            self.problems
                .add(&fields.at("wellbeing_round"), format!("must be an object, not {}", kind(value)));
            return Vec::new();
        };
        let mut rounds = Vec::new();
        for (key, responses) in map {
            let place = format!("wellbeing_round.{key}");
            let scope = if key == CIRCLE { Scope::Circle } else { Scope::Team(key.clone()) };
            if key != CIRCLE && teams.lacks(key) {
                self.problems.add(&place, format!("is neither {CIRCLE:?} nor a team"));
            }
            let listed = entries(responses, &place, self.problems);
            if listed.len() > 500 {
                self.problems.add(&place, format!("has {} answers, more than 500", listed.len()));
            }
            let responses =
                listed.iter().filter_map(|(place, response)| self.response(response, place)).collect();
            rounds.push(Round { scope, responses });
        }
        rounds
    }

    fn response(&mut self, value: &Value, place: &str) -> Option<[Option<i32>; 7]> {
        let answers = entries(value, place, self.problems);
        if answers.len() != 7 {
            self.problems.add(place, format!("has {} answers, not 7", answers.len()));
            return None;
        }
        let mut response = [None; 7];
        for (slot, (place, answer)) in response.iter_mut().zip(&answers) {
            if answer.is_null() {
                continue;
            }
            let read = answer.as_i64().and_then(|number| i32::try_from(number).ok());
            let Some(number) = read.filter(|number| (1..=5).contains(number)) else {
                self.problems.add(place, format!("must be 1 to 5, or null, not {answer}"));
                continue;
            };
            *slot = Some(number);
        }
        Some(response)
    }
}
