//! The reviewed table: who may do what. A change here is a change of the rules that protect people.

use kith_finance::{Action, SERVICE};
use kith_platform::authz::{Action as _, Policy};

#[test]
fn the_policy_is_the_reviewed_one() {
    let policy = Policy::new(SERVICE.policy.0, SERVICE.policy.1).expect("a policy");
    let actions: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
    let table = policy.table(&actions, Action::STANDING);
    assert_eq!(table, include_str!("policy_table.txt"));
}
