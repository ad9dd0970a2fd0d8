//! `make timing`: whether the time of an answer tells what exists elsewhere (T3), on servers of its own. Prints p for each
//! row and ends with exit status 1 where one tells, or where the control does not.

use std::process::ExitCode;

use kith_proto::identity::v1::{InvitePersonRequest, InvitePersonResponse};
use kith_tests::chaos::random::Random;
use kith_tests::founding::Founded;
use kith_tests::guard;
use kith_tests::people::People;
use kith_tests::stack::Stack;
use kith_tests::timing::{Question, Row, SIGNIFICANT, WORTH, ask, rank, rows};

const HELP: &str = "timing [--calls N] [--hashes N] [--only WORDS] [--seed N]
N each of hits and misses: 10000 calls, and 10000 of those that cost a password hash, unless it is said otherwise.";

struct Options {
    calls: usize,
    hashes: usize,
    seed: u64,
    /// Rows whose names hold these words, beside the control.
    only: String,
}

fn options() -> Option<Options> {
    let mut options = Options { calls: 10_000, hashes: 10_000, seed: 1, only: String::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--calls" => options.calls = arguments.next()?.parse().ok()?,
            "--hashes" => options.hashes = arguments.next()?.parse().ok()?,
            "--only" => options.only = arguments.next()?,
            "--seed" => options.seed = arguments.next()?.parse().ok()?,
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{HELP}");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the async runtime");
    match guard::inside() {
        Some(_) => runtime.block_on(inside(&options)),
        None => runtime.block_on(guard::run("timing", false)),
    }
}

async fn inside(options: &Options) -> ExitCode {
    let mut stack = Stack::start().await;
    People::of_first_month(&stack).await;
    let own = Founded::new(&stack, "neighbours", "neighbour").await;
    let invite = InvitePersonRequest { display_name: "Newcomer".to_owned(), ..Default::default() };
    let invited: InvitePersonResponse = own.administrator().ask(invite).await.expect("invited");
    own.people.until_settled().await;
    let mut random = Random::new(options.seed);
    let mut identity = stack.admin("identity").await;

    println!(
        "{:46} {:>6} {:>6} {:>9} {:>9} {:>9} {:>8} {:>7} {:>9}",
        "row", "hits", "misses", "us hit", "us miss", "differ", "p", "answers", "disturbed"
    );
    let mut all: Vec<Row> = Vec::new();
    let is_asked = |question: &Question<'_>| question.control || question.name.contains(&options.only);
    for question in rows::of_neighbours(&stack, &own).await.into_iter().filter(is_asked) {
        let row = ask(&own.people, &mut identity, &question, options.calls, &mut random).await;
        println!("{row}");
        all.push(row);
    }
    // From here on a host that sends mail; nobody takes it, so that every mail waits.
    let mail = [
        ("KITH__MAIL__HOST", "127.0.0.1"),
        ("KITH__MAIL__PORT", "9"),
        ("KITH__MAIL__TLS", "none"),
        ("KITH__MAIL__FROM", "kith@host.example"),
        ("KITH__MAIL__POLL_SECONDS", "3600"),
    ];
    stack.restart_with("identity", &mail);
    stack.wait_until_serving("identity");
    for question in rows::of_addresses(&own, invited.invitation).into_iter().filter(is_asked) {
        let row = ask(&own.people, &mut identity, &question, options.hashes, &mut random).await;
        println!("{row}");
        all.push(row);
    }
    verdict(&all)
}

fn verdict(all: &[Row]) -> ExitCode {
    let (controls, asked): (Vec<&Row>, Vec<&Row>) = all.iter().partition(|row| row.control);
    let corrected = rank::holm(&asked.iter().map(|row| row.p).collect::<Vec<_>>());
    let mut faults = Vec::new();
    for (row, p) in asked.iter().zip(&corrected) {
        if row.tells(*p) {
            faults.push(format!(
                "{}: p {p:.5}, medians differ by {:+.2} %",
                row.name,
                row.difference() * 100.0
            ));
        }
        if row.answers.len() != 1 {
            faults
                .push(format!("{}: different answers, of misses and of hits: {:#?}", row.name, row.answers));
        }
    }
    for row in controls {
        if row.p >= SIGNIFICANT || row.answers.len() < 2 {
            faults.push(format!("{}: not told apart, so the other rows say nothing", row.name));
        }
    }
    let smallest = corrected.iter().copied().fold(1.0, f64::min);
    println!(
        "T3: {} rows, smallest p after Holm's correction {smallest:.4}, rows with a different answer {}, rows where time \
         tells (p below {SIGNIFICANT} and medians more than {:.0} % apart) {}",
        asked.len(),
        asked.iter().filter(|row| row.answers.len() != 1).count(),
        WORTH * 100.0,
        asked.iter().zip(&corrected).filter(|(row, p)| row.tells(**p)).count(),
    );
    for fault in &faults {
        println!("FAILED {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
