//! A scenario file with mistakes in it: each is told with its place, all of them together.

use serde_json::{Value, json};

use super::*;

const FIRST_MONTH: &str = include_str!("../../../data/first_month/scenario.json");

const SECOND_MONTH: &str = include_str!("../../../data/second_month/scenario.json");

fn first_month() -> Value {
    serde_json::from_str(FIRST_MONTH).expect("JSON")
}

/// The mistakes found after one edit.
fn mistakes(edit: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut value = first_month();
    edit(&mut value);
    scenario(&value.to_string()).err().unwrap_or_default()
}

fn only_mistake(edit: impl FnOnce(&mut Value)) -> String {
    let found = mistakes(edit);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap_or_default()
}

#[test]
fn the_first_month_is_read_whole() {
    let scenario = scenario(FIRST_MONTH).expect("no mistakes");
    assert_eq!(scenario.givers.len(), 8);
    assert_eq!(scenario.teams.len(), 5);
    assert_eq!(scenario.series.iter().map(|series| series.occurrences.len()).sum::<usize>(), 114);
    assert_eq!(scenario.changes.len(), 11);
    let rounds: Vec<&str> = scenario.rounds.iter().map(|round| round.scope.key()).collect();
    assert_eq!(rounds, ["circle", "t1", "t2", "t4"]);
    assert_eq!(scenario.rounds[0].responses[5][6], None);
}

#[test]
fn the_second_month_is_read_whole() {
    let scenario = scenario(SECOND_MONTH).expect("no mistakes");
    assert_eq!(scenario.series.iter().map(|series| series.occurrences.len()).sum::<usize>(), 55);
    assert_eq!(scenario.changes.len(), 12);
    assert!(scenario.team("t4").payers.is_empty());
}

#[test]
fn a_slip_of_the_pen_is_found_by_line_and_column() {
    let text = FIRST_MONTH.replacen("\"circle\":", "\"circle\"", 1);
    let found = scenario(&text).expect_err("no JSON");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("line 4 column"), "{found:?}");
}

#[test]
fn what_is_said_twice_is_found_by_line_whatever_it_says() {
    for (there, twice) in [
        ("\"circle\":", "\"changes\": [], \"circle\":"),
        ("\"rate_pence\": 2070,", "\"rate_pence\": 2070, \"rate_pence\": 2700,"),
    ] {
        let found = scenario(&FIRST_MONTH.replacen(there, twice, 1)).expect_err("said twice");
        let name = if there.contains("circle") { "changes" } else { "rate_pence" };
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(&format!("is no JSON: \"{name}\" is said twice at line ")), "{found:?}");
    }
}

#[test]
fn the_mark_before_a_text_and_line_ends_of_windows_are_no_mistakes() {
    let text = format!("\u{feff}{}", FIRST_MONTH.replace('\n', "\r\n"));
    assert_eq!(scenario(&text).expect("no mistakes").changes.len(), 11);
}

#[test]
fn all_mistakes_are_told_together() {
    let found = mistakes(|file| {
        file["month"] = json!("2026-13");
        file["givers"][2]["rate_pence"] = json!(-5);
        file["teams"][1]["payers"][0]["share_bp"] = json!(7000);
        file["series"][0]["wall_minutes"] = json!(0);
    });
    assert_eq!(found.len(), 4, "{found:#?}");
    assert_eq!(found[0], "month: \"2026-13\" is no month such as 2026-03");
    assert_eq!(found[1], "givers[2].rate_pence: must be a whole number from 1 to 1000000, not -5");
    assert_eq!(found[2], "teams[1].payers: the shares sum to 9000 basis points, not to 10000");
    assert_eq!(found[3], "series[0].wall_minutes: must be a whole number from 1 to 1440, not 0");
}

#[test]
fn names_that_nothing_has_are_found() {
    let found = only_mistake(|file| file["series"][3]["giver"] = json!("g9"));
    assert_eq!(found, "series[3].giver: there is no giver \"g9\"");
    let found = only_mistake(|file| file["series"][3]["team"] = json!("t9"));
    assert_eq!(found, "series[3].team: there is no team \"t9\"");
    let found = only_mistake(|file| file["changes"][0]["series"] = json!("s99"));
    assert_eq!(found, "changes[0].series: there is no series \"s99\"");
    let found = only_mistake(|file| file["changes"][3]["covered_by"] = json!("g99"));
    assert_eq!(found, "changes[3].covered_by: there is no giver \"g99\"");
    let found = only_mistake(|file| file["wellbeing_round"]["t9"] = json!([]));
    assert_eq!(found, "wellbeing_round.t9: is neither \"circle\" nor a team");
    let found = only_mistake(|file| file["givers"][0]["status"] = json!("freelance"));
    assert!(found.starts_with("givers[0].status: \"freelance\" is none of independent, "), "{found}");
    let found = only_mistake(|file| file["series"][0]["kind"] = json!("chat"));
    assert!(found.starts_with("series[0].kind: \"chat\" is none of support, "), "{found}");
    let found = only_mistake(|file| file["teams"][0]["payers"][0]["kind"] = json!("bank"));
    assert!(found.starts_with("teams[0].payers[0].kind: \"bank\" is none of private, "), "{found}");
    let found = only_mistake(|file| file["time_zone"] = json!("Europe/Clapton"));
    assert_eq!(found, "time_zone: there is no time zone \"Europe/Clapton\"");
}

#[test]
fn doubles_are_found() {
    let found = mistakes(|file| file["givers"][7]["id"] = json!("G1"));
    assert_eq!(found[0], "givers[7]: the id \"G1\" is used already at givers[0]");
    let found = mistakes(|file| file["series"][1]["id"] = json!("s01"));
    assert!(
        found.contains(&"series[1]: the id \"s01\" is used already at series[0]".to_owned()),
        "{found:?}"
    );
    let found = only_mistake(|file| {
        let twice = file["changes"][0].clone();
        file["changes"].as_array_mut().expect("a list").push(twice);
    });
    assert_eq!(found, "changes[11]: this occurrence has a change already at changes[0]");
}

#[test]
fn changes_of_occurrences_that_are_not_there_are_found() {
    let found = only_mistake(|file| file["changes"][0]["occurrence"] = json!("2026-03-12T09:00:00"));
    assert_eq!(
        found,
        "changes[0].occurrence: series \"s01\" has no occurrence at 2026-03-12T09:00:00 in the month"
    );
    let found = only_mistake(|file| file["changes"][0]["occurrence"] = json!("2026-04-01T09:00:00"));
    assert!(found.contains("has no occurrence at 2026-04-01T09:00:00 in the month"), "{found}");
}

#[test]
fn times_that_do_not_exist_or_end_before_they_start_are_found() {
    let found = only_mistake(|file| file["series"][13]["starts"] = json!("2026-02-30T01:30:00"));
    assert!(found.starts_with("series[13].starts: \"2026-02-30T01:30:00\" is no date and time"), "{found}");
    let found = only_mistake(|file| file["changes"][9]["ended"] = json!("2026-03-10T07:59:00+00:00"));
    assert_eq!(found, "changes[9].ended: must be after the beginning");
    let found = only_mistake(|file| file["changes"][9]["began"] = json!("2026-03-10 08:00"));
    assert!(found.starts_with("changes[9].began: \"2026-03-10 08:00\" is no instant"), "{found}");
    let found = only_mistake(|file| file["series"][0]["starts"] = json!("2026-03-02T09:00:30"));
    assert_eq!(found, "series[0].starts: must be a whole minute");
}

#[test]
fn fields_that_are_unknown_or_out_of_place_are_found() {
    let found = only_mistake(|file| file["teams"][0]["post_code"] = json!("E5 0AA"));
    assert_eq!(found, "teams[0].post_code: there is no such field here");
    let found = only_mistake(|file| file["changes"][0]["to"] = json!("2026-03-12T09:00:00"));
    assert_eq!(found, "changes[0].to: does not go with cancelled_by_owner");
    let found = only_mistake(|file| file["givers"][5]["rate_pence"] = json!(100));
    assert_eq!(found, "givers[5].rate_pence: does not go with unpaid_intent");
    let found = only_mistake(|file| {
        file["givers"][0].as_object_mut().expect("an object").remove("contribution");
    });
    assert_eq!(found, "givers[0].contribution: is missing");
    let found =
        only_mistake(|file| file["series"][0]["rrule"] = json!("FREQ=DAILY;COUNT=2;UNTIL=20260331T000000Z"));
    assert_eq!(found, "series[0].rrule: COUNT and UNTIL cannot be there together");
    let found = only_mistake(|file| file["teams"][0]["payers"] = json!([]));
    assert_eq!(found, "teams[0].payers: a team with paid givers needs payers");
}

#[test]
fn nobody_paid_covers_where_nobody_pays() {
    let covered_by = |cover: &str| {
        mistakes(|file| {
            let add =
                |file: &mut Value, name: &str, entry| file[name].as_array_mut().expect("a list").push(entry);
            let team = json!({"id": "t9", "owner": "Owner Nine", "outward_code": "E5", "payers": []});
            add(file, "teams", team);
            let starts = "2026-03-31T03:00:00";
            let series = json!({"id": "s99", "team": "t9", "giver": "g6", "kind": "companionship"});
            add(file, "series", series);
            file["series"][14]["starts"] = json!(starts);
            file["series"][14]["wall_minutes"] = json!(30);
            let change = json!({"series": "s99", "occurrence": starts, "action": "cancelled_by_giver"});
            add(file, "changes", change);
            file["changes"][11]["at"] = json!("2026-03-30T09:00:00Z");
            file["changes"][11]["covered_by"] = json!(cover);
        })
    };
    assert!(covered_by("g7").is_empty(), "who gives freely may");
    assert_eq!(
        covered_by("g1"),
        ["changes[11].covered_by: \"g1\" is paid, and team \"t9\" (teams[5]) has no payers"]
    );
}

#[test]
fn who_would_be_in_two_places_is_named_once() {
    // Owner and giver of a second series are where the first has them.
    let twice = |file: &mut Value| {
        let mut again = file["series"][0].clone();
        again["id"] = json!("again");
        file["series"].as_array_mut().expect("a list").push(again);
    };
    let found = mistakes(twice);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("series[14]: at 2026-03-"), "{found:#?}");
    assert!(
        found[0].contains("giver \"g1\" would be in two places: series[0] gives them a visit at 2026-03-")
    );
    assert!(found[1].contains("the Owner of team \"t1\" would be in two places"));

    // A visit is moved to where the next one of its series is, then to its very end.
    let whole = scenario(FIRST_MONTH).expect("no mistakes");
    let series = whole.series.iter().find(|one| one.occurrences.len() > 2).expect("one that repeats");
    let moved = |file: &mut Value, minutes: i32| {
        let to = series.occurrences[1] + chrono::Duration::minutes(i64::from(minutes));
        file["changes"] = json!([{
            "series": series.id,
            "occurrence": series.occurrences[0].format(local::LOCAL_FORMAT).to_string(),
            "action": "moved",
            "to": to.format(local::LOCAL_FORMAT).to_string(),
        }]);
        file["series"].as_array_mut().expect("a list").retain(|one| one["id"] == json!(series.id));
    };
    let found = mistakes(|file| moved(file, series.wall_minutes - 1));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|line| line.starts_with("changes[0]: at 2026-03-")), "{found:#?}");
    assert!(mistakes(|file| moved(file, series.wall_minutes)).is_empty(), "one after the other");
}

#[test]
fn nothing_is_called_off_once_it_is_over() {
    let whole = scenario(FIRST_MONTH).expect("no mistakes");
    let number = whole
        .changes
        .iter()
        .position(|change| matches!(change.action, Action::CancelledByGiver { .. }))
        .expect("one that a giver called off");
    let change = &whole.changes[number];
    let series = whole.series(&change.series);
    let over = kith_appointments::Period::planned(change.occurrence, series.wall_minutes, whole.zone).ends_at;
    let called_off =
        |at: DateTime<Utc>| mistakes(|file| file["changes"][number]["at"] = json!(at.to_rfc3339()));
    assert!(called_off(over - chrono::Duration::minutes(1)).is_empty());
    assert_eq!(called_off(over), [format!("changes[{number}].at: must be before the visit is over")]);
}

#[test]
fn what_lies_ahead_is_named() {
    let read = scenario(FIRST_MONTH).expect("no mistakes");
    let ahead = |now: &str| times::that_lie_ahead(&read, now.parse().expect("an instant"));
    assert!(ahead("2026-05-01T00:00:00Z").is_empty());
    let before = ahead("2026-02-01T00:00:00Z");
    assert_eq!(before[0], "month: 2026-03 is not over, and nothing lies in the future");
    let lines_of = |word: &str| before.iter().filter(|line| line.contains(word)).count();
    let said = |word: &str| {
        read.changes.iter().filter(|change| format!("{:?}", change.action).starts_with(word)).count()
    };
    assert_eq!(lines_of(".at: "), said("Cancelled"));
    assert_eq!(lines_of(".to: "), said("Moved"));
    assert_eq!(lines_of(".ended: "), said("Actual"));
}

#[test]
fn wellbeing_answers_are_seven_and_from_one_to_five() {
    let found = only_mistake(|file| file["wellbeing_round"]["t1"][0] = json!([1, 2, 3]));
    assert_eq!(found, "wellbeing_round.t1[0]: has 3 answers, not 7");
    let found = only_mistake(|file| file["wellbeing_round"]["t1"][2][6] = json!(6));
    assert_eq!(found, "wellbeing_round.t1[2][6]: must be 1 to 5, or null, not 6");
}
