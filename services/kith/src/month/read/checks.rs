//! What must fit together between the parts of a scenario. Nothing is said of a name whose entry has mistakes of its
//! own: one mistake is told once.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;
use kith_platform::local;

use crate::month::fields::Problems;
use crate::month::scenario::{Action, Change, Giver, Series, Team};

/// The entries of a list that could be read, each with its place.
pub(super) struct Listed<T> {
    pub(super) entries: Vec<(String, T)>,
    /// The ids of all entries, also of those with mistakes.
    pub(super) ids: HashSet<String>,
    /// Whether every entry's id could be read.
    pub(super) all_ids: bool,
}

impl<T> Listed<T> {
    pub(super) fn into_entries(self) -> Vec<T> {
        self.entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Whether certainly no entry has this id.
    pub(super) fn lacks(&self, id: &str) -> bool {
        self.all_ids && !self.ids.contains(id)
    }
}

/// Ids must differ in more than the size of their letters: they become parts of e-mail addresses.
pub(super) fn no_id_twice<T>(listed: &Listed<T>, id: impl Fn(&T) -> &str, problems: &mut Problems) {
    let mut places: HashMap<String, &str> = HashMap::new();
    for (place, entry) in &listed.entries {
        if let Some(first) = places.insert(id(entry).to_lowercase(), place) {
            problems.add(place, format!("the id {:?} is used already at {first}", id(entry)));
        }
    }
}

pub(super) fn names_are_known(
    series: &Listed<Series>,
    givers: &Listed<Giver>,
    teams: &Listed<Team>,
    problems: &mut Problems,
) {
    for (place, one) in &series.entries {
        if givers.lacks(&one.giver) {
            problems.add(&format!("{place}.giver"), format!("there is no giver {:?}", one.giver));
        }
        if teams.lacks(&one.team) {
            problems.add(&format!("{place}.team"), format!("there is no team {:?}", one.team));
        }
    }
}

pub(super) fn changes_fit(
    changes: &Listed<Change>,
    series: &Listed<Series>,
    givers: &Listed<Giver>,
    problems: &mut Problems,
) {
    let mut seen: HashMap<(&str, NaiveDateTime), &str> = HashMap::new();
    for (place, change) in &changes.entries {
        if let Some(first) = seen.insert((&change.series, change.occurrence), place) {
            problems.add(place, format!("this occurrence has a change already at {first}"));
        }
        let found = series.entries.iter().map(|(_, series)| series).find(|series| series.id == change.series);
        match found {
            Some(series) if !series.occurrences.contains(&change.occurrence) => {
                let time = change.occurrence.format(local::LOCAL_FORMAT);
                let problem = format!("series {:?} has no occurrence at {time} in the month", series.id);
                problems.add(&format!("{place}.occurrence"), problem);
            }
            None if series.lacks(&change.series) => {
                problems.add(&format!("{place}.series"), format!("there is no series {:?}", change.series));
            }
            _ => {}
        }
        if let Action::CancelledByGiver { covered_by: Some(cover), .. } = &change.action {
            let place = format!("{place}.covered_by");
            if givers.lacks(cover) {
                problems.add(&place, format!("there is no giver {cover:?}"));
            }
            if found.is_some_and(|series| series.giver == *cover) {
                problems.add(&place, format!("{cover:?} called off and cannot cover it"));
            }
        }
    }
}

pub(super) fn paid_visits_have_payers(
    givers: &Listed<Giver>,
    teams: &Listed<Team>,
    series: &Listed<Series>,
    changes: &Listed<Change>,
    problems: &mut Problems,
) {
    let paid: HashSet<&str> = givers
        .entries
        .iter()
        .filter(|(_, giver)| giver.is_paid())
        .map(|(_, giver)| giver.id.as_str())
        .collect();
    for (place, team) in teams.entries.iter().filter(|(_, team)| team.payers.is_empty()) {
        let here: HashMap<&str, &Series> = series
            .entries
            .iter()
            .filter(|(_, one)| one.team == team.id)
            .map(|(_, one)| (one.id.as_str(), one))
            .collect();
        if here.values().any(|one| paid.contains(one.giver.as_str())) {
            problems.add(&format!("{place}.payers"), "a team with paid givers needs payers");
            continue;
        }
        for (change_place, change) in &changes.entries {
            let Action::CancelledByGiver { covered_by: Some(cover), .. } = &change.action else { continue };
            if here.contains_key(change.series.as_str()) && paid.contains(cover.as_str()) {
                let problem = format!("{cover:?} is paid, and team {:?} ({place}) has no payers", team.id);
                problems.add(&format!("{change_place}.covered_by"), problem);
            }
        }
    }
}
