//! What `deny.toml` says of licences and bans, held by something quick: cargo-deny takes minutes to build and is never
//! needed. Advisories are its own business.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The words between quotes in one list of `deny.toml`.
fn allowed(deny: &str) -> BTreeSet<String> {
    let list = deny
        .split_once("allow = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("the list of licences")
        .0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Crates that are banned whatever their version.
fn banned(deny: &str) -> BTreeSet<String> {
    let lines =
        deny.lines().filter(|line| line.trim_start().starts_with("{ name") && !line.contains("version ="));
    lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// Banned crates that some crates may bring in all the same, with those.
fn wrapped(deny: &str) -> BTreeMap<String, BTreeSet<String>> {
    let lines = deny.lines().filter(|line| line.trim_start().starts_with("{ name"));
    let wrapped = lines.filter_map(|line| {
        let (name, list) = (line.split('"').nth(1)?, line.split_once("wrappers = [")?.1.split(']').next()?);
        Some((name.to_owned(), list.split('"').skip(1).step_by(2).map(str::to_owned).collect()))
    });
    wrapped.collect()
}

/// Who depends on that package directly.
fn dependents(root: &str, package: &str) -> BTreeSet<String> {
    let package = package.replacen(" v", "@", 1);
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--prefix", "none", "--depth", "1", "-i", &package])
        .current_dir(root)
        .output()
        .expect("cargo tree");
    let listed = String::from_utf8(output.stdout).expect("text");
    listed.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Whether an SPDX expression can be met by what is allowed: one side of each OR, both sides of each AND.
fn fits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression.split(" AND ").all(|part| part.split(" OR ").any(|one| allowed.contains(one.trim())))
}

#[test]
fn every_dependency_has_an_allowed_licence_and_none_is_banned() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let deny = std::fs::read_to_string(format!("{root}/deny.toml")).expect("deny.toml");
    let (allowed, banned, wrapped) = (allowed(&deny), banned(&deny), wrapped(&deny));
    assert!(allowed.len() > 5 && banned.contains("rsa"), "deny.toml was read");
    // What is really built: `cargo metadata` also lists what only an unused feature would bring.
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--prefix",
            "none",
            "-e",
            "normal,build,dev",
            "-f",
            "{p}|{l}",
        ])
        .current_dir(root)
        .output()
        .expect("cargo tree");
    let listed = String::from_utf8(output.stdout).expect("text");
    let used: BTreeSet<&str> = listed.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let mut wrong = BTreeMap::new();
    for (package, licence) in used.iter().filter_map(|line| line.split_once('|')) {
        let name = package.split(' ').next().unwrap_or(package);
        if let Some(wrappers) = wrapped.get(name) {
            let dependents = dependents(root, package);
            assert!(!dependents.is_empty() && dependents.is_subset(wrappers), "{package}: {dependents:?}");
            continue;
        }
        if !fits(licence, &allowed) || banned.contains(name) {
            wrong.insert(name, licence);
        }
    }
    eprintln!("{} crates looked at", used.len());
    assert!(used.len() > 100, "the tree was read");
    assert!(wrong.is_empty(), "not allowed by deny.toml: {wrong:?}");
}

#[test]
fn an_expression_must_be_met_whole() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Unicode-3.0".to_owned()]);
    assert!(fits("MIT OR Apache-2.0", &allowed));
    assert!(fits("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed));
    assert!(!fits("MIT AND OpenSSL", &allowed));
    assert!(!fits("none", &allowed));
}
