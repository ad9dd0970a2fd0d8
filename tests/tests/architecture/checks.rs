//! What holds the architecture: each check is a function over the root of a tree and answers what is wrong there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::source::{files_below, names_below, relative, rust_sources, strings, words};

/// Longest file, in lines, tests in it included.
const MOST_LINES: usize = 500;
/// What stands in `services/` without being one of the services.
const NOT_SERVICES: [&str; 2] = ["platform", "kith"];
/// The crates that put services together.
const COMPOSITION_ROOTS: [&str; 2] = ["kith", "kith-tests"];
/// Rooms that every service has as folders, and as files.
const ROOM_FOLDERS: [&str; 6] = [".sqlx", "src/app", "src/domain", "src/grpc", "src/store", "tests"];
const ROOM_FILES: [&str; 10] = [
    "Cargo.toml",
    "README.md",
    "policy/policy.cedar",
    "policy/schema.cedarschema",
    "sqlx.toml",
    "src/consumers.rs",
    "src/events.rs",
    "src/lib.rs",
    "src/main.rs",
    "src/policy.rs",
];
/// Files of `src/grpc` that are about messages and not about one aggregate.
const ABOUT_MESSAGES: [&str; 3] = ["mod.rs", "parse.rs", "render.rs"];
/// Crates that do input and output, or carry messages.
const IO_CRATES: [&str; 16] = [
    "axum",
    "cedar_policy",
    "futures_util",
    "http",
    "hyper",
    "kith_proto",
    "lapin",
    "opentelemetry",
    "prost",
    "rand",
    "reqwest",
    "sqlx",
    "tokio",
    "tokio_stream",
    "tonic",
    "tower",
];
/// What `domain/` may use of the platform.
const PURE_PLATFORM: [&str; 5] = ["error", "id", "id_type", "local", "money"];
/// What `domain/` may not use of the standard library.
const IO_OF_STD: [&str; 5] = ["env", "fs", "net", "process", "thread"];
/// How SQL is written: the checked macros and the functions behind them.
const SQL_WORDS: [&str; 8] = [
    "AssertSqlSafe",
    "query",
    "query_as",
    "query_as_with",
    "query_scalar",
    "query_scalar_with",
    "query_with",
    "raw_sql",
];

/// The services of a tree, by folder name.
pub fn services(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("services")).expect("a folder services") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !NOT_SERVICES.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    names
}

/// No crate but the composition roots depends on a service, in whatever way.
pub fn dependencies(root: &Path) -> Vec<String> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON of cargo");
    let service_crates: BTreeSet<String> = services(root).iter().map(|name| format!("kith-{name}")).collect();
    let packages = metadata["packages"].as_array().expect("packages");
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        if COMPOSITION_ROOTS.contains(&name) {
            continue;
        }
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let depends_on = dependency["name"].as_str().expect("a name");
            if service_crates.contains(depends_on) && depends_on != name {
                wrong.push(format!("{name} depends on the service {depends_on}"));
            }
            if depends_on == "lapin" && name != "kith-platform" {
                wrong.push(format!("{name} depends on lapin"));
            }
        }
    }
    wrong
}

/// `domain/` does no input or output and knows no other room.
pub fn pure_domain(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for service in services(root) {
        for source in rust_sources(root, &format!("services/{service}/src/domain")) {
            let mut say =
                |line: usize, what: String| wrong.push(format!("{}:{line}: names {what}", source.path));
            for (line, word, _) in words(&source.code) {
                if IO_CRATES.contains(&word) {
                    say(line, word.to_owned());
                }
            }
            for (line, name) in names_below(&source.code, "kith_platform") {
                if !PURE_PLATFORM.contains(&name) {
                    say(line, format!("kith_platform::{name}"));
                }
            }
            for (line, name) in names_below(&source.code, "std") {
                if IO_OF_STD.contains(&name) {
                    say(line, format!("std::{name}"));
                }
            }
            for (line, name) in names_below(&source.code, "crate") {
                if name != "domain" && name != "id_type" {
                    say(line, format!("crate::{name}"));
                }
            }
        }
    }
    wrong
}

/// Calls go inwards: `store`, `policy` and `events` know neither `app` nor the edges, and `app` knows no edge.
pub fn inwards_only(root: &Path) -> Vec<String> {
    let rooms: [(&str, &[&str]); 4] = [
        ("store", &["app", "grpc", "consumers", "policy", "events"]),
        ("app", &["grpc", "consumers"]),
        ("policy.rs", &["app", "grpc", "consumers", "store"]),
        ("events.rs", &["app", "grpc", "consumers", "store"]),
    ];
    let mut wrong = Vec::new();
    for service in services(root) {
        for source in rust_sources(root, &format!("services/{service}/src")) {
            let inside = source.path.trim_start_matches(&format!("services/{service}/src/"));
            for (room, outward) in rooms {
                if inside != room && !inside.starts_with(&format!("{room}/")) {
                    continue;
                }
                for (line, name) in names_below(&source.code, "crate") {
                    if outward.contains(&name) {
                        wrong.push(format!("{}:{line}: names crate::{name}", source.path));
                    }
                }
            }
        }
    }
    wrong
}

/// Only the platform's `broker.rs`, with its parts, names lapin.
pub fn one_broker(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for folder in ["services", "proto", "tests"] {
        for source in rust_sources(root, folder) {
            // Its test, the fault harness and the look for an erased person see the queues, as nobody else may.
            if source.path == "services/platform/src/broker.rs"
                || source.path.starts_with("services/platform/src/broker/")
                || source.path == "services/platform/tests/broker.rs"
                || source.path.starts_with("tests/tests/broker_users/")
                || source.path == "tests/src/chaos/queues.rs"
                || source.path == "tests/tests/rights/places.rs"
            {
                continue;
            }
            for (line, word, _) in words(&source.code) {
                if word == "lapin" {
                    wrong.push(format!("{}:{line}: names lapin", source.path));
                }
            }
        }
    }
    wrong
}

/// `platform` names no service (its tests may use a contract): no crate of one and no contract but the common ones.
pub fn platform_knows_no_service(root: &Path) -> Vec<String> {
    let services = services(root);
    let mut wrong = Vec::new();
    for source in rust_sources(root, "services/platform/src") {
        for (line, word, _) in words(&source.code) {
            if let Some(name) = word.strip_prefix("kith_")
                && services.iter().any(|service| service == name)
            {
                wrong.push(format!("{}:{line}: names {word}", source.path));
            }
        }
        for (line, name) in names_below(&source.code, "kith_proto") {
            if name == "*" || services.iter().any(|service| service == name) {
                wrong.push(format!("{}:{line}: names kith_proto::{name}", source.path));
            }
        }
        for found in strings(&source.code_and_strings) {
            for service in &services {
                if found.text.contains(&format!("kith.{service}."))
                    || found.text.contains(&format!("kith_{service}"))
                {
                    wrong.push(format!("{}:{}: says {:?}", source.path, found.line, found.text));
                }
            }
        }
    }
    wrong
}

/// Every service has the same rooms, nothing beside them, and what is served has its use cases under the same name.
pub fn same_rooms(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for service in services(root) {
        let home = root.join("services").join(&service);
        for folder in ROOM_FOLDERS {
            if !home.join(folder).is_dir() {
                wrong.push(format!("services/{service}: no folder {folder}"));
            }
        }
        for file in ROOM_FILES {
            if !home.join(file).is_file() {
                wrong.push(format!("services/{service}: no file {file}"));
            }
        }
        if !root.join("migrations").join(&service).is_dir() {
            wrong.push(format!("migrations: no folder {service}"));
        }
        for path in files_below(&home.join("src")) {
            let inside = relative(&home, &path);
            let known = ROOM_FILES.contains(&inside.as_str())
                || ROOM_FOLDERS.iter().any(|room| inside.starts_with(&format!("{room}/")));
            if !known {
                wrong.push(format!("services/{service}/{inside}: is in no room"));
            }
        }
        for path in files_below(&home.join("src/grpc")) {
            let name = relative(&home.join("src/grpc"), &path);
            let about_messages = ABOUT_MESSAGES.contains(&name.as_str());
            if !about_messages && !home.join("src/app").join(&name).is_file() {
                wrong.push(format!("services/{service}: src/grpc/{name} has no src/app/{name}"));
            }
        }
    }
    wrong
}

/// Every aggregate that a service subscribes to, or waits for, is one that somebody publishes.
pub fn subscriptions(root: &Path, published: &BTreeSet<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    for service in services(root) {
        for source in rust_sources(root, &format!("services/{service}/src")) {
            if !source.path.ends_with("/src/consumers.rs") {
                continue;
            }
            let said = strings(&source.code_and_strings);
            let mut seen = 0;
            for given in said.iter().filter(|given| names_an_aggregate(&given.before)) {
                seen += 1;
                if !published.contains(given.text.as_str()) {
                    wrong.push(format!("{}:{}: nobody publishes {:?}", source.path, given.line, given.text));
                }
            }
            let subscriptions = words(&source.code)
                .iter()
                .filter(|(_, word, end)| names_an_aggregate(&source.code[end - word.len() - 1..=*end]))
                .count();
            if seen < subscriptions {
                wrong.push(format!("{}: subscribes to something that is not said as a string", source.path));
            }
        }
    }
    wrong
}

/// Whether what comes next in such code is the aggregate that somebody listens to or waits for.
fn names_an_aggregate(before: &str) -> bool {
    before.ends_with(".on(") || before.ends_with(".on_many(") || before.ends_with(":awaits(")
}

/// No file is too long to be read at once.
pub fn short_files(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for folder in ["services", "proto/src", "tests", "migrations"] {
        for path in files_below(&root.join(folder)) {
            let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if !["rs", "sql", "cedar", "cedarschema", "sh", "py"].contains(&extension.as_str()) {
                continue;
            }
            let lines = fs::read_to_string(&path).expect("a readable file").lines().count();
            if lines > MOST_LINES {
                wrong.push(format!("{}: {lines} lines", relative(root, &path)));
            }
        }
    }
    wrong
}

/// SQL stands in `store/` and in the platform, nowhere else in a service.
pub fn sql_in_store_only(root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for service in services(root) {
        for source in rust_sources(root, &format!("services/{service}/src")) {
            if source.path.starts_with(&format!("services/{service}/src/store/")) {
                continue;
            }
            for (line, name) in names_below(&source.code, "sqlx") {
                if SQL_WORDS.contains(&name) || name == "*" {
                    wrong.push(format!("{}:{line}: names sqlx::{name}", source.path));
                }
            }
            for (line, word, end) in words(&source.code) {
                if SQL_WORDS.contains(&word)
                    && source.code[end..].starts_with('!')
                    && !behind_sqlx(&source.code, end, word)
                {
                    wrong.push(format!("{}:{line}: calls {word}!", source.path));
                }
            }
        }
    }
    wrong
}

/// Whether the word that ends here is the end of `sqlx::word`, which has been named already.
fn behind_sqlx(code: &str, end: usize, word: &str) -> bool {
    code[..end - word.len()].trim_end().ends_with("sqlx::")
}
