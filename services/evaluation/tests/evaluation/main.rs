//! Evaluation over a real database: through the handlers, with row security on, fed by the events of the others.

mod answer;
mod continuity;
mod privacy;
mod round;
mod stage;

/// The reviewed table: who may do what. A change here is a change of the rules that protect people.
#[test]
fn the_policy_is_the_reviewed_one() {
    use kith_evaluation::{Action, SERVICE};
    use kith_platform::authz::{Action as _, Policy};
    let policy = Policy::new(SERVICE.policy.0, SERVICE.policy.1).expect("a policy");
    let actions: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
    assert_eq!(policy.table(&actions, Action::STANDING), include_str!("../policy_table.txt"));
}

/// Every RPC that is not public has its action.
#[test]
fn every_rpc_has_its_action() {
    use std::collections::BTreeSet;

    use kith_platform::authz::Action as _;
    use kith_proto::{Access, METHODS};
    let actions: BTreeSet<&str> = kith_evaluation::Action::ALL.iter().map(|action| action.name()).collect();
    let methods = METHODS.iter().filter(|method| method.path.starts_with("/kith.evaluation."));
    let served: BTreeSet<&str> = methods
        .filter(|method| method.access != Access::Public)
        .filter_map(|method| method.path.rsplit('/').next())
        .collect();
    assert_eq!(actions, served);
}
