//! Bad input of every kind, against seven real services with a month in them: each refusal is a clear status with its
//! reason, all wrong fields are named at once, and nothing half-done stays.

mod before;
mod fields;
mod money;
mod stage;
mod time;

use std::collections::{BTreeMap, BTreeSet};

use self::stage::{Stage, edit};
use kith_tests::people::FIRST_MONTH;
use kith_tests::refusals::{Cases, contents};
use kith_tests::stack::Stack;
use serde_json::{Value, json};

/// Whoever writes past the service: the database itself refuses to book somebody twice.
async fn the_database_books_nobody_twice(stage: &Stage) {
    let mut admin = stage.stack.admin("appointments").await;
    for person in [stage.owner().id, stage.people.named("Giver One").id] {
        let twice = sqlx::query(
            "insert into booking (tenant_id, visit_id, person_id, starts_at, ends_at, group_id)
             select b.tenant_id, v.id, b.person_id, b.starts_at + interval '59 minutes', b.ends_at + interval '1 hour', $3
             from booking b join visit v using (tenant_id)
             where b.visit_id = $1::text::uuid and b.person_id = $2
                 and not exists (select from booking o where o.visit_id = v.id and o.person_id = $2) limit 1",
        );
        let twice = twice.bind(&stage.visit.id).bind(person.0).bind(stage.people.uuid());
        let error = twice.execute(&mut admin).await.expect_err("booked twice");
        let constraint = error.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
        assert_eq!(constraint.as_deref(), Some("booking_no_overlap"), "{error}");
    }
}

/// Every refusal over the API. Invariants of bad input: a clear status, every wrong field, nothing half-done.
#[tokio::test]
async fn bad_input_is_refused_in_clear_words_and_leaves_nothing() {
    let stage = Stage::start().await;
    let mut cases = Cases::new(&stage.people);
    fields::ids(&mut cases, &stage);
    fields::fields(&mut cases, &stage);
    time::time(&mut cases, &stage);
    money::money(&mut cases, &stage);
    before::said_before(&mut cases, &stage);
    before::at_the_door(&mut cases, &stage);
    let problems = cases.try_all(&stage.stack).await;
    the_database_books_nobody_twice(&stage).await;
    let reasons: BTreeSet<&str> = cases.list.iter().map(|case| case.reason).collect();
    let methods: BTreeSet<&str> = cases.list.iter().map(|case| case.method.path).collect();
    println!(
        "{} cases over {} methods, {} reasons, {} problems",
        cases.list.len(),
        methods.len(),
        reasons.len(),
        problems.len()
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A scenario with mistakes in it: each is named with its place, the exit status is 2, and nothing was sent.
#[tokio::test]
async fn a_scenario_with_a_mistake_is_refused_before_anything_is_sent() {
    let stack = Stack::start().await;
    let before = everything(&stack).await;
    let text = std::fs::read_to_string(FIRST_MONTH).expect("the scenario");
    let good: Value = serde_json::from_str(&text).expect("JSON");
    let with = |change: fn(&mut Value)| edit(&good, change).to_string();
    let files = [
        (with(|file| file["series"][3]["giver"] = json!("g99")), &["series[3].giver"][..]),
        (with(|file| file["teams"][1]["payers"][0]["share_bp"] = json!(7000)), &["teams[1].payers"]),
        (with(|file| file["series"][0]["starts"] = json!("2026-02-30T09:00:00")), &["series[0].starts"]),
        (
            with(|file| file["series"][0]["rrule"] = json!("FREQ=DAILY;COUNT=2;UNTIL=20260401T000000Z")),
            &["series[0].rrule"],
        ),
        (with(|file| file["givers"][0]["rate_pence"] = json!(-1)), &["givers[0].rate_pence"]),
        (
            with(|file| {
                file["time_zone"] = json!("Europe/Clapton");
                file["changes"][9]["ended"] = json!("2026-03-10T07:00:00+00:00");
                file["about_what"] = json!("?");
            }),
            &["time_zone", "changes[9].ended", "about_what"],
        ),
        (text.replacen("\"month\":", "\"month\"", 1), &["line 6 column"]),
        (String::new(), &["is no JSON"]),
    ];
    for (text, places) in &files {
        let path = stack.folder().join("mistaken.json");
        std::fs::write(&path, text).expect("a file");
        let path = path.to_str().expect("a path");
        let output = stack.kith(&["month", path]).output().expect("kith is built");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{places:?}: {said}");
        for place in *places {
            assert!(said.lines().any(|line| line.contains(path) && line.contains(place)), "{place}: {said}");
        }
        assert_eq!(said.lines().count(), places.len(), "{said}");
    }
    assert_eq!(everything(&stack).await, before, "nothing was sent");
    println!("{} files with mistakes", files.len());
}

/// Every table of every service.
async fn everything(stack: &Stack) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for service in kith_tests::services() {
        let tables = contents(&mut stack.admin(service.name).await, &[]).await;
        found.extend(tables.into_iter().map(|(table, rows)| (format!("{} {table}", service.name), rows)));
    }
    found
}
