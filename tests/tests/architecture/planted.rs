//! A small sound tree of two services, and one with each fault: a check that cannot fail would be no check.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::CHECKS;

/// A sound tree: services alpha and beta, the platform, the operator's command.
fn sound_tree() -> TempDir {
    let tree = TempDir::new().expect("a folder");
    let root = tree.path();
    write(root, "Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"services/*\"]\n");
    crate_at(root, "platform", "kith-platform", "lapin = \"4\"\n");
    write(root, "services/platform/src/lib.rs", "pub mod broker;\n");
    write(root, "services/platform/src/broker.rs", "use lapin::Channel;\nuse kith_proto::{Event, common};\n");
    crate_at(
        root,
        "kith",
        "kith",
        "kith-alpha = { path = \"../alpha\" }\nkith-beta = { path = \"../beta\" }\n",
    );
    write(root, "services/kith/src/lib.rs", "");
    for service in ["alpha", "beta"] {
        crate_at(root, service, &format!("kith-{service}"), "kith-platform = { path = \"../platform\" }\n");
        let of_service = |inside: &str| format!("services/{service}/{inside}");
        for empty in [
            "README.md",
            "sqlx.toml",
            "policy/policy.cedar",
            "policy/schema.cedarschema",
            ".sqlx/query-1.json",
        ] {
            write(root, &of_service(empty), "");
        }
        for room in ["events.rs", "policy.rs", "main.rs", "lib.rs", "app/thing.rs"] {
            write(root, &of_service(&format!("src/{room}")), "//! A room.\n");
        }
        write(root, &of_service("tests/thing.rs"), "");
        let domain =
            "use kith_platform::{error, id::TenantId};\nuse crate::domain::Refused;\n// sqlx, tokio\n";
        write(root, &of_service("src/domain/thing.rs"), domain);
        write(root, &of_service("src/store/thing.rs"), "fn f() { sqlx::query!(\"select 1\"); }\n");
        write(root, &of_service("src/grpc/thing.rs"), "use crate::app;\nfn f() { map.query(\"a.b\"); }\n");
        write(root, &of_service("src/consumers.rs"), LISTENS);
        write(root, &format!("migrations/{service}/1_create.sql"), "");
    }
    tree
}

const LISTENS: &str = r#"
    fn subscriptions() { Subscriptions::new().on("teams.team", team).on(
        "identity.tenant", tenant) }
    fn team() { fields.id("members.id", id); Outcome::awaits("matching.giver", giver) }
"#;

fn crate_at(root: &Path, folder: &str, name: &str, dependencies: &str) {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}"
    );
    write(root, &format!("services/{folder}/Cargo.toml"), &manifest);
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn append(root: &Path, path: &str, text: &str) {
    let before = fs::read_to_string(root.join(path)).expect("a planted file");
    write(root, path, &format!("{before}{text}"));
}

fn findings(root: &Path) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (name, check) in CHECKS {
        found.extend(check(root).into_iter().map(|finding| (name, finding)));
    }
    found
}

#[test]
fn a_sound_tree_has_no_faults() {
    assert_eq!(findings(sound_tree().path()), Vec::new());
}

/// A fault: which check must find it, where it is put, what is appended there, and what the finding says.
type Fault = (&'static str, &'static str, &'static str, &'static str);

#[test]
fn each_planted_fault_is_found_by_its_check_and_by_no_other() {
    let faults: [Fault; 27] = [
        (
            "no service depends on another",
            "services/alpha/Cargo.toml",
            "kith-beta = { path = \"../beta\" }\n",
            "kith-alpha depends on the service kith-beta",
        ),
        (
            "no service depends on another",
            "services/platform/Cargo.toml",
            "[dev-dependencies]\nkith-alpha = { path = \"../alpha\" }\n",
            "kith-platform depends on the service kith-alpha",
        ),
        (
            "no service depends on another",
            "services/beta/Cargo.toml",
            "lapin = \"4\"\n",
            "kith-beta depends on lapin",
        ),
        (
            "domain does no input or output",
            "services/alpha/src/domain/thing.rs",
            "use sqlx::PgPool;\n",
            ":4: names sqlx",
        ),
        (
            "domain does no input or output",
            "services/alpha/src/domain/thing.rs",
            "async fn f() { tokio::spawn(g()); }\n",
            "names tokio",
        ),
        (
            "domain does no input or output",
            "services/beta/src/domain/thing.rs",
            "use kith_platform::{id, db::Tx};\n",
            "names kith_platform::db",
        ),
        (
            "domain does no input or output",
            "services/beta/src/domain/thing.rs",
            "use kith_proto::teams::v1::Team;\n",
            "names kith_proto",
        ),
        (
            "domain does no input or output",
            "services/beta/src/domain/thing.rs",
            "fn f() { std::fs::read(\"x\"); }\n",
            "names std::fs",
        ),
        (
            "domain does no input or output",
            "services/beta/src/domain/thing.rs",
            "use crate::store;\n",
            "names crate::store",
        ),
        (
            "rooms look inwards only",
            "services/alpha/src/store/thing.rs",
            "use crate::app::thing;\n",
            "names crate::app",
        ),
        (
            "rooms look inwards only",
            "services/alpha/src/app/thing.rs",
            "use crate::{domain, grpc};\n",
            "names crate::grpc",
        ),
        (
            "rooms look inwards only",
            "services/alpha/src/policy.rs",
            "use crate::store;\n",
            "names crate::store",
        ),
        (
            "only broker.rs names lapin",
            "services/beta/src/app/thing.rs",
            "use lapin::Channel;\n",
            "app/thing.rs:2: names lapin",
        ),
        (
            "only broker.rs names lapin",
            "services/platform/src/lib.rs",
            "use lapin::Channel;\n",
            "lib.rs:2: names lapin",
        ),
        (
            "platform names no service",
            "services/platform/src/lib.rs",
            "use kith_beta::app;\n",
            "names kith_beta",
        ),
        (
            "platform names no service",
            "services/platform/src/broker.rs",
            "use kith_proto::{common, alpha::v1::Thing};\n",
            "names kith_proto::alpha",
        ),
        (
            "platform names no service",
            "services/platform/src/lib.rs",
            "const OF: &str = \"kith.alpha.v1\";\n",
            "says \"kith.alpha.v1\"",
        ),
        (
            "every service has the same rooms",
            "services/alpha/src/helpers.rs",
            "",
            "src/helpers.rs: is in no room",
        ),
        (
            "every service has the same rooms",
            "services/alpha/src/grpc/other.rs",
            "",
            "has no src/app/other.rs",
        ),
        (
            "every subscription is to an aggregate that is published",
            "services/alpha/src/consumers.rs",
            "fn more() { on_call().on(\"teams.tema\", team) }\n",
            "consumers.rs:5: nobody publishes \"teams.tema\"",
        ),
        (
            "every subscription is to an aggregate that is published",
            "services/beta/src/consumers.rs",
            "fn more() { Outcome::awaits(\"matching.givers\", giver) }\n",
            "consumers.rs:5: nobody publishes \"matching.givers\"",
        ),
        (
            "every subscription is to an aggregate that is published",
            "services/beta/src/consumers.rs",
            "fn more() { subscriptions.on(TEAM, team) }\n",
            "consumers.rs: subscribes to something that is not said as a string",
        ),
        (
            "no file is too long",
            "migrations/beta/1_create.sql",
            TOO_LONG,
            "migrations/beta/1_create.sql: 501 lines",
        ),
        (
            "SQL stands in store only",
            "services/alpha/src/app/thing.rs",
            "fn f() { sqlx::query!(\"x\"); }\n",
            "sqlx::query",
        ),
        (
            "SQL stands in store only",
            "services/alpha/src/grpc/thing.rs",
            "use sqlx::{Row, query_as};\n",
            "sqlx::query_as",
        ),
        (
            "SQL stands in store only",
            "services/alpha/src/grpc/thing.rs",
            "fn f() { query_as!(A, \"\"); }\n",
            "calls query_as!",
        ),
        (
            "SQL stands in store only",
            "services/alpha/src/lib.rs",
            "use sqlx::AssertSqlSafe;\n",
            "sqlx::AssertSqlSafe",
        ),
    ];
    for (check, path, text, says) in faults {
        let tree = sound_tree();
        let root = tree.path();
        if !root.join(path).exists() {
            write(root, path, "");
        }
        append(root, path, text);
        let found = findings(root);
        assert!(
            matches!(&found[..], [(name, finding)] if *name == check && finding.contains(says)),
            "{text:?} in {path} should give {check:?} with {says:?}, but gives {found:?}"
        );
    }
}

const TOO_LONG: &str = {
    const LINES: [u8; 501] = [b'\n'; 501];
    match std::str::from_utf8(&LINES) {
        Ok(text) => text,
        Err(_) => panic!("line ends are text"),
    }
};

#[test]
fn each_room_that_is_taken_away_is_missed() {
    let rooms = [
        "services/alpha/.sqlx",
        "services/alpha/README.md",
        "services/alpha/policy/policy.cedar",
        "services/alpha/sqlx.toml",
        "services/alpha/src/consumers.rs",
        "services/alpha/src/domain",
        "services/alpha/src/events.rs",
        "services/alpha/src/policy.rs",
        "services/alpha/src/store",
        "services/alpha/tests",
        "migrations/alpha",
    ];
    for room in rooms {
        let tree = sound_tree();
        let path = tree.path().join(room);
        let taken = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        taken.expect("a planted room");
        let found = findings(tree.path());
        let name = room.trim_start_matches("services/alpha/").trim_start_matches("migrations/");
        assert!(
            matches!(&found[..], [("every service has the same rooms", finding)] if finding.contains(name)),
            "without {room}: {found:?}"
        );
    }
}
