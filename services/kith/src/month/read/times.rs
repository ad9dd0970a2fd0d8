//! What the times of a scenario must keep to: nobody is in two places at once, nothing is called off once it is over, and
//! nothing lies in the future.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use kith_appointments::Period;
use kith_platform::local;

use super::checks::Listed;
use crate::month::fields::Problems;
use crate::month::scenario::{Action, Change, Scenario, Series};

/// Who is somewhere: a giver, or the Owner of a team.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who<'a> {
    Giver(&'a str),
    OwnerOf(&'a str),
}

/// A visit's time, and what in the file gives it.
struct Stay<'a> {
    period: Period,
    starts: NaiveDateTime,
    /// Of the series, or of the change that moved it or asked somebody else.
    place: &'a str,
}

/// Givers and Owners are in one place at a time: as their series plan it, for these are agreed first, and after all changes.
/// At most one of each person's clashes is told.
pub(super) fn nobody_is_twice(
    series: &Listed<Series>,
    changes: &Listed<Change>,
    zone: Tz,
    problems: &mut Problems,
) {
    let before = problems.count();
    clashes(&stays(series, &HashMap::new(), zone), problems);
    if problems.count() > before {
        return;
    }
    let changed = changes
        .entries
        .iter()
        .map(|(place, change)| {
            ((change.series.as_str(), change.occurrence), (place.as_str(), &change.action))
        })
        .collect();
    clashes(&stays(series, &changed, zone), problems);
}

type Changed<'a> = HashMap<(&'a str, NaiveDateTime), (&'a str, &'a Action)>;

fn stays<'a>(
    series: &'a Listed<Series>,
    changed: &Changed<'a>,
    zone: Tz,
) -> BTreeMap<Who<'a>, Vec<Stay<'a>>> {
    let mut stays: BTreeMap<Who<'a>, Vec<Stay<'a>>> = BTreeMap::new();
    for (place, one) in &series.entries {
        for occurrence in &one.occurrences {
            let (mut starts, mut giver, mut place) = (*occurrence, one.giver.as_str(), place.as_str());
            match changed.get(&(one.id.as_str(), *occurrence)) {
                Some((
                    _,
                    Action::CancelledByOwner { .. } | Action::CancelledByGiver { covered_by: None, .. },
                )) => continue,
                Some((there, Action::CancelledByGiver { covered_by: Some(cover), .. })) => {
                    (giver, place) = (cover, there);
                }
                Some((there, Action::Moved { to })) => (starts, place) = (*to, there),
                Some((_, Action::Actual { .. } | Action::Missed)) | None => {}
            }
            for who in [Who::Giver(giver), Who::OwnerOf(&one.team)] {
                let period = Period::planned(starts, one.wall_minutes, zone);
                stays.entry(who).or_default().push(Stay { period, starts, place });
            }
        }
    }
    for of_one in stays.values_mut() {
        of_one.sort_by_key(|stay| stay.period.starts_at);
    }
    stays
}

fn clashes(stays: &BTreeMap<Who<'_>, Vec<Stay<'_>>>, problems: &mut Problems) {
    for (who, stays) in stays {
        // Sorted by their beginnings: if any two overlap, so do two neighbours.
        let clash = stays.windows(2).find(|two| two[0].period.ends_at > two[1].period.starts_at);
        let Some([first, second]) = clash else { continue };
        let who = match who {
            Who::Giver(giver) => format!("giver {giver:?}"),
            Who::OwnerOf(team) => format!("the Owner of team {team:?}"),
        };
        let written = |starts: NaiveDateTime| starts.format(local::LOCAL_FORMAT);
        let problem = format!(
            "at {} {who} would be in two places: {} gives them a visit at {} that lasts until after that",
            written(second.starts),
            first.place,
            written(first.starts)
        );
        problems.add(second.place, problem);
    }
}

/// Whoever calls a visit off does so before it is over; what happened instead is another kind of change.
pub(super) fn nothing_is_called_off_too_late(
    series: &Listed<Series>,
    changes: &Listed<Change>,
    zone: Tz,
    problems: &mut Problems,
) {
    for (place, change) in &changes.entries {
        let (Action::CancelledByOwner { at } | Action::CancelledByGiver { at, .. }) = change.action else {
            continue;
        };
        let of_it = series.entries.iter().map(|(_, one)| one).find(|one| one.id == change.series);
        let planned = of_it.map(|one| Period::planned(change.occurrence, one.wall_minutes, zone));
        if planned.is_some_and(|planned| at >= planned.ends_at) {
            problems.add(&format!("{place}.at"), "must be before the visit is over");
        }
    }
}

/// What has not happened by now, each with its place: a month is taken in when it is over.
pub fn that_lie_ahead(scenario: &Scenario, now: DateTime<Utc>) -> Vec<String> {
    let mut problems = Problems::default();
    if scenario.month.end() > local::wall_clock(now, scenario.zone).date() {
        problems.add("month", format!("{} is not over, and nothing lies in the future", scenario.month));
    }
    // Without mistakes every entry was read, so that a change's number is its place.
    for (number, change) in scenario.changes.iter().enumerate() {
        let (field, at) = match change.action {
            Action::CancelledByOwner { at } | Action::CancelledByGiver { at, .. } => ("at", at),
            Action::Moved { to } => {
                let length = scenario.series(&change.series).wall_minutes;
                ("to", Period::planned(to, length, scenario.zone).ends_at)
            }
            Action::Actual { ended, .. } => ("ended", ended),
            Action::Missed => continue,
        };
        if at > now {
            problems.add(&format!("changes[{number}].{field}"), "nothing lies in the future");
        }
    }
    problems.into_lines()
}
