//! The reviewed table of who may do what.

use std::fmt::Write as _;

use kith_governance::{Action, SERVICE};
use kith_platform::authz::{Action as _, Policy, Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::id::Uuid;

#[test]
fn the_policy_is_the_reviewed_one() {
    let policy = Policy::new(SERVICE.policy.0, SERVICE.policy.1).expect("a policy");
    let subject = Subject::of("record", Uuid::nil());
    let mut table = String::new();
    for action in Action::ALL {
        let allows = |standing: &Standing| policy.allows(Actor::Nobody, action.name(), &subject, standing);
        let mut bases: Vec<String> = Vec::new();
        let alone = |word: &'static str| Standing::new().with(word, true);
        for (place, one) in Action::STANDING.iter().copied().enumerate() {
            if allows(&alone(one)) {
                bases.push(one.to_owned());
                continue;
            }
            // Two that are enough only together.
            for other in Action::STANDING[place + 1..].iter().copied() {
                if !allows(&alone(other)) && allows(&alone(one).with(other, true)) {
                    bases.push(format!("{one}+{other}"));
                }
            }
        }
        let bases = if bases.is_empty() { "nobody".to_owned() } else { bases.join(" ") };
        writeln!(table, "{}: {bases}", action.name()).expect("writing to a string does not fail");
    }
    assert_eq!(table, include_str!("../policy_table.txt"));
}
