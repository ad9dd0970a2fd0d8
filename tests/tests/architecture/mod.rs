//! Holds the architecture: over the tree as it is every check finds nothing, and over a small planted tree with one
//! fault each finds exactly that fault.

mod checks;
mod planted;
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One check over the root of a tree.
type Check = fn(&Path) -> Vec<String>;

const CHECKS: [(&str, Check); 9] = [
    ("no service depends on another", checks::dependencies),
    ("domain does no input or output", checks::pure_domain),
    ("rooms look inwards only", checks::inwards_only),
    ("only broker.rs names lapin", checks::one_broker),
    ("platform names no service", checks::platform_knows_no_service),
    ("every service has the same rooms", checks::same_rooms),
    ("every subscription is to an aggregate that is published", subscriptions),
    ("no file is too long", checks::short_files),
    ("SQL stands in store only", checks::sql_in_store_only),
];

fn subscriptions(root: &Path) -> Vec<String> {
    let published: BTreeSet<&str> = kith_proto::EVENTS.iter().map(|event| event.aggregate).collect();
    checks::subscriptions(root, &published)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

#[test]
fn the_tree_holds_to_the_architecture() {
    assert_eq!(checks::services(&root()).len(), 7, "seven services");
    let mut report = Vec::new();
    for (name, check) in CHECKS {
        for finding in check(&root()) {
            report.push(format!("{name}: {finding}"));
        }
    }
    assert!(report.is_empty(), "{} faults:\n{}", report.len(), report.join("\n"));
}
