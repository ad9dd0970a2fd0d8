//! `make bench`: runs the benchmark harness on servers of its own, prints every row with its floor and goal, and ends with
//! exit status 1 where a floor is missed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kith_platform::clock::Clock;
use kith_tests::bench::report::{Report, Row};
use kith_tests::bench::scene::Scene;
use kith_tests::bench::slots::Pace;
use kith_tests::bench::{
    agreeing, echo, footprint, growth, ledger, line, memory, reading, recurrence, relay,
};
use kith_tests::guard;

const HELP: &str =
    "bench [--quick] [--only ROW,...] [--seconds N] [--rounds N] [--seed N] [--report FILE] [--keep]
Rows: memory read audited agree8 agree32 relay line latency postings balance recurrence footprint growth
Growth is left out of a quick run unless it is asked for.";

/// In the order of the report.
const ROWS: [&str; 13] = [
    "memory",
    "read",
    "audited",
    "agree8",
    "agree32",
    "relay",
    "line",
    "latency",
    "postings",
    "balance",
    "recurrence",
    "footprint",
    "growth",
];
/// In the order in which they are measured: what leaves much behind for others to do comes late.
const ORDER: [&str; 12] = [
    "recurrence",
    "memory",
    "read",
    "audited",
    "relay",
    "latency",
    "line",
    "postings",
    "balance",
    "agree8",
    "agree32",
    "growth",
];

struct Options {
    pace: Pace,
    only: Vec<String>,
    seed: u64,
    report: Option<PathBuf>,
    /// Leaves logs and scripts behind.
    keep: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match (arguments.first().map(String::as_str), arguments.get(1)) {
        (Some(echo::COMMAND), Some(answer)) => return echo::serve(answer),
        (Some(memory::COMMAND), _) => return memory::serve(),
        _ => {}
    }
    let Some(options) = options(&arguments) else {
        eprintln!("{HELP}");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Runtime::new().expect("the async runtime");
    match guard::inside() {
        Some(servers) => runtime.block_on(inside(&options, &servers)),
        None => runtime.block_on(guard::run("bench", options.keep)),
    }
}

fn options(arguments: &[String]) -> Option<Options> {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let pace = Pace { slot: Duration::from_secs(if quick { 1 } else { 2 }), rounds: 6, quick };
    let mut options = Options { pace, only: Vec::new(), seed: 1, report: None, keep: false };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => {}
            "--keep" => options.keep = true,
            "--only" => options.only = arguments.next()?.split(',').map(str::to_owned).collect(),
            "--seconds" => options.pace.slot = Duration::from_secs(arguments.next()?.parse().ok()?),
            "--rounds" => options.pace.rounds = arguments.next()?.parse().ok()?,
            "--seed" => options.seed = arguments.next()?.parse().ok()?,
            "--report" => options.report = Some(arguments.next()?.into()),
            _ => return None,
        }
    }
    Some(options)
}

async fn measure(name: &str, scene: &mut Scene, pace: Pace) -> Vec<Row> {
    let row = match name {
        "recurrence" => recurrence::recurrence(pace),
        "memory" => reading::from_memory(scene, pace).await,
        "read" => reading::one_indexed_read(scene, pace).await,
        "audited" => reading::audited_read(scene, pace).await,
        "relay" => relay::relay(scene, pace).await,
        "latency" => line::latency(scene, pace).await,
        "line" => line::sustained(scene, pace).await,
        "postings" => ledger::postings(scene, pace).await,
        "balance" => ledger::trial_balance(scene, pace).await,
        "agree8" => agreeing::agree(scene, pace, 8).await,
        "agree32" => agreeing::agree(scene, pace, 32).await,
        _ => return growth::rows(scene, pace).await,
    };
    vec![row]
}

async fn inside(options: &Options, servers: &Path) -> ExitCode {
    let begin = Instant::now();
    let by_itself = |name: &str| name != "growth" || !options.pace.quick;
    let wanted = |name: &&str| {
        options.only.iter().any(|only| only == name) || (options.only.is_empty() && by_itself(name))
    };
    let pace = options.pace;
    let mut measured: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    if ORDER.iter().any(&wanted) {
        let mut scene = Scene::set().await;
        eprintln!("the scene is set after {:.1} s", begin.elapsed().as_secs_f64());
        for name in ORDER.into_iter().filter(&wanted) {
            let rows = measure(name, &mut scene, pace).await;
            eprintln!("{name} is measured after {:.1} s", begin.elapsed().as_secs_f64());
            measured.insert(name, rows);
        }
    }
    if wanted(&"footprint") {
        measured.insert("footprint", footprint::rows(servers, pace.rounds));
    }
    let rows = ROWS.iter().filter_map(|name| measured.remove(name)).flatten().collect();
    let report = Report {
        date: Clock::System.now().format("%Y-%m-%d %H:%M UTC").to_string(),
        commit: guard::commit(),
        machine: machine(),
        seed: options.seed,
        pace: format!("{} rounds of {} s slots", pace.rounds, pace.seconds()),
        rows,
        took: begin.elapsed(),
    };
    let text = report.render();
    println!("{text}");
    if let Some(path) = &options.report {
        std::fs::write(path, &text).expect("the report is written");
    }
    if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Processor, cores and load at the end, and how the programs were built.
fn machine() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let build = if cfg!(debug_assertions) { "debug build: figures do not count" } else { "release build" };
    format!("{} x{cores}, load {load}, {build}", model.map_or("unknown processor", |(_, name)| name))
}
