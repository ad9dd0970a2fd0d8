//! A service starts when what it needs is slow to come, and says what waiting would not mend.

use kith_tests::chaos::proxy::{Proxy, Way};
use kith_tests::stack::Stack;

/// A start falls into a restart of PostgreSQL, or into a moment in which the machine has no time for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_waits_for_a_database_that_does_not_answer() {
    let mut stack = Stack::start_some(&["identity"], None, |_| {}).await;
    stack.kill("identity");
    let proxy = Proxy::before(stack.config("identity").database.port).await;
    proxy.set(Way::Stalled);
    stack.configure("identity", |config| config.database.port = proxy.port);
    stack.restart("identity");
    stack.wait_until_logged("identity", "the start waits for it");
    assert!(!stack.has_ended("identity"), "a database that is away must not end what starts just then");
    proxy.set(Way::Open);
    stack.wait_until_serving("identity");
}

/// What waiting does not mend ends the start at once, in words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_ends_the_start() {
    let mut stack = Stack::start_some(&["identity"], None, |_| {}).await;
    stack.kill("identity");
    stack.configure("identity", |config| config.database.name = "nothing_of_this_name".into());
    stack.restart("identity");
    stack.wait_until_logged("identity", "kith-identity: ");
    stack.wait_until_ended("identity");
}
