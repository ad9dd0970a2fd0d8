//! Snapshots on request, with the real projections of all services after a whole month: sending everything again changes
//! nothing, and a service that has lost what it knew of the others gets it back.

use std::collections::BTreeMap;

use kith_tests::refusals::contents;
use kith_tests::services;
use kith_tests::stack::Stack;
use sqlx::AssertSqlSafe;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/kith/data/first_month");
/// How events arrived and what was written down about it, not what they say.
const ASIDE: &[&str] = &[
    "platform.inbox",
    "platform.inbox_cursor",
    "platform.inbox_todo",
    "platform.outbox",
    "platform.outbox_head",
    "platform.saved_answer",
    "platform.audit",
    "platform.audit_block",
    "platform.audit_open",
];

/// What each service knows of the others, and nothing of its own. Of identity: who belongs to which Team and
/// Circle, who wears which hat and who gives support.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "appointments",
        &[
            "platform.person",
            "platform.organisation_role",
            "platform.hat",
            "known_team",
            "known_giver",
            "known_introduction",
        ],
    ),
    (
        "finance",
        &[
            "platform.person",
            "platform.organisation_role",
            "team",
            "circle",
            "finance_hat",
            "giver_terms",
            "visit",
        ],
    ),
    ("matching", &["team", "platform.organisation_role", "platform.hat"]),
    ("teams", &["platform.hat"]),
    ("governance", &["platform.person", "platform.organisation_role"]),
    ("evaluation", &["team", "team_member", "circle_member", "visit"]),
    (OF_PLACES, &["belonging", "platform.hat"]),
];
/// It owns the tenants, and hears of them from nobody.
const OF_PLACES: &str = "identity";

fn month(stack: &Stack) {
    let (scenario, expected) = (format!("{DATA}/scenario.json"), format!("{DATA}/expected.json"));
    let done = stack.kith(&["month", &scenario, "--expect", &expected]).output().expect("kith is built");
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn everything(stack: &Stack) -> BTreeMap<&'static str, BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for service in services() {
        all.insert(service.name, contents(&mut stack.admin(service.name).await, ASIDE).await);
    }
    all
}

const NONE: Vec<String> = Vec::new();

/// The tables that are not as they were.
fn differences(
    before: &BTreeMap<&'static str, BTreeMap<String, String>>,
    after: &BTreeMap<&'static str, BTreeMap<String, String>>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (service, tables) in before {
        for (table, rows) in tables {
            let now = after.get(service).and_then(|tables| tables.get(table));
            if now != Some(rows) {
                found.push(format!("{service}: {table}: {rows}, now {now:?}"));
            }
        }
    }
    found
}

/// Proves that a projection is an upsert (the newest event of everything, applied again, changes nothing), and that a
/// service which joins late, or lost what it knew, has the same state as one that was always there.
#[tokio::test]
async fn everything_sent_again_changes_nothing_and_what_was_lost_comes_back() {
    let mut stack = Stack::start().await;
    month(&stack);
    for service in services() {
        stack.wait_until_joined(service.name).await;
    }
    let before = everything(&stack).await;

    for service in services() {
        let asked =
            stack.operate(service.name, &["events", service.name, "resend"]).output().expect("kith is built");
        assert!(asked.status.success(), "{}", text(&asked.stderr));
    }
    let mut snapshots = 0;
    for service in services() {
        snapshots += stack.wait_until_resent(service.name).await;
    }
    assert!(snapshots > 100, "{snapshots} snapshots are too few to prove anything");
    assert_eq!(
        differences(&before, &everything(&stack).await),
        NONE,
        "what was sent again changed something"
    );

    let mut forgotten = 0;
    for (name, tables) in KNOWN {
        stack.kill(name);
        let mut admin = stack.admin(name).await;
        // Its own records may lean on what it knows of others; that is there again before anybody looks.
        sqlx::raw_sql("set session_replication_role = replica")
            .execute(&mut admin)
            .await
            .expect("an administrator");
        let tenants: &[&str] = if *name == OF_PLACES { &[] } else { &["platform.tenant"] };
        let platform = ["platform.inbox", "platform.inbox_cursor", "platform.subscription"];
        for table in tables.iter().chain(&platform).chain(tenants) {
            let deleted =
                sqlx::raw_sql(AssertSqlSafe(format!("delete from {table}"))).execute(&mut admin).await;
            let rows = deleted.expect("forgotten").rows_affected();
            assert!(rows > 0, "{name}: {table} was empty, which proves nothing");
            forgotten += rows;
        }
        stack.restart(name);
    }
    for (name, _) in KNOWN {
        stack.wait_until_serving(name);
        stack.wait_until_joined(name).await;
    }
    let after = everything(&stack).await;
    assert_eq!(differences(&before, &after), NONE, "what was lost did not come back as it was");
    println!(
        "sent again: {snapshots} snapshots, 0 changes; forgotten {forgotten} rows of {} services, all came back",
        KNOWN.len()
    );
    month(&stack);
}
