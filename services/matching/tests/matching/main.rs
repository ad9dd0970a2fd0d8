//! Matching over a real database: as the people themselves would, through the handlers, with row security on.

mod consent;
mod giver;
mod introduction;
mod opportunity;
mod stage;

/// The reviewed table: who may do what. A change here is a change of the rules that protect people.
#[test]
fn the_policy_is_the_reviewed_one() {
    use kith_platform::authz::{Action as _, Policy};
    let policy = kith_matching::SERVICE.policy;
    let policy = Policy::new(policy.0, policy.1).expect("a policy");
    let actions: Vec<&str> = kith_matching::Action::ALL.iter().map(|action| action.name()).collect();
    let table = policy.table(&actions, kith_matching::Action::STANDING);
    assert_eq!(table, include_str!("../policy_table.txt"));
}
