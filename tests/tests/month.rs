//! The month, through seven real processes: once in peace and once under faults, with equal figures.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use kith_tests::own_broker::OwnBroker;
use kith_tests::stack::Stack;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/kith/data");
const LIMIT: Duration = Duration::from_mins(7);

fn month(stack: &Stack, which: &str) -> Command {
    let (scenario, expected) =
        (format!("{DATA}/{which}/scenario.json"), format!("{DATA}/{which}/expected.json"));
    let mut command = stack.kith(&["month", &scenario, "--expect", &expected]);
    let output = std::fs::OpenOptions::new().create(true).append(true).open(stack.folder().join("month.log"));
    let output = output.expect("a log");
    command.stdout(output.try_clone().expect("a log")).stderr(output);
    command
}

fn finished(stack: &mut Stack, mut child: Child) {
    let end = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().expect("its state") {
            break Some(status);
        }
        if Instant::now() > end {
            child.kill().ok();
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let log = std::fs::read_to_string(stack.folder().join("month.log")).unwrap_or_default();
    // No supervisor starts again here what ends by itself; where that is the reason, it is said.
    let names = kith_tests::services().map(|service| service.name);
    let ended: Vec<&str> = names.into_iter().filter(|name| stack.has_ended(name)).collect();
    assert!(
        status.is_some_and(|status| status.success()),
        "the month failed with {status:?}; services that ended by themselves: {ended:?}\n{log}"
    );
}

/// The main job end to end, and again: the second run changes nothing and gives the same figures. Then two
/// other circles' months, over changes of the clock, on the same stack.
#[tokio::test]
async fn the_month_comes_to_the_expected_figures_once_and_again() {
    let mut stack = Stack::start().await;
    for which in ["first_month", "first_month", "second_month", "third_month"] {
        let begin = Instant::now();
        let child = month(&stack, which).spawn().expect("kith is built");
        finished(&mut stack, child);
        eprintln!("{which}: every figure equal after {:.1} s", begin.elapsed().as_secs_f64());
    }
}

/// Finance and appointments are killed (-9) several times each during the month and the broker is killed and started
/// once; the figures are equal all the same. Each service has a user of its own on that broker. Invariants D1, D2, D5 and L7 of the month's kind.
#[tokio::test]
async fn the_month_survives_kills_and_a_broker_restart() {
    let broker = OwnBroker::start();
    let mut stack = Stack::start_with_broker(&broker).await;
    let begin = Instant::now();
    let mut child = month(&stack, "first_month").spawn().expect("kith is built");
    let (mut kills, mut broker_kills) = (0, 0);
    for round in 0.. {
        std::thread::sleep(Duration::from_millis(500));
        if child.try_wait().expect("its state").is_some() {
            break;
        }
        let victim = if round % 2 == 0 { "finance" } else { "appointments" };
        if kills < 14 {
            stack.restart(victim);
            kills += 1;
        }
        if round == 3 {
            broker.kill();
            broker.up();
            broker_kills += 1;
        }
        assert!(begin.elapsed() < LIMIT, "the month does not end");
    }
    eprintln!("{kills} kills, {broker_kills} broker restarts, {:.1} s", begin.elapsed().as_secs_f64());
    finished(&mut stack, child);
    assert!(
        kills >= 6 && broker_kills == 1,
        "the month was over before the faults: {kills} kills, {broker_kills} broker"
    );
}
