//! `make chaos`: runs the fault harness on servers of its own and prints what came of it. Exit status 1 where anything
//! is lost, duplicated or unexpected, an invariant broke, or a deliberate fault went unnoticed.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use kith_tests::chaos::report::{Report, Row};
use kith_tests::chaos::servers::Servers;
use kith_tests::chaos::stage::{Size, Stage};
use kith_tests::chaos::{delivery, faults, money, mutations, network, poison};
use kith_tests::guard;

const HELP: &str =
    "chaos [--quick] [--visits N] [--tenants N] [--seed N] [--only PHASE,...] [--report FILE] [--keep]
Phases: peace d1 d2 d3 d5 d7 d9 d11 d12 d13 network money, and mutations at the end";

const PHASES: [&str; 12] =
    ["peace", "d1", "d3", "d5", "d7", "d2", "d9", "d11", "d12", "d13", "network", "money"];

struct Options {
    size: Size,
    visits: usize,
    only: Vec<String>,
    report: Option<PathBuf>,
    /// Leaves scenarios, journals and logs behind.
    keep: bool,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{HELP}");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Runtime::new().expect("the async runtime");
    match guard::inside() {
        Some(folder) => runtime.block_on(inside(&options, &folder)),
        None => runtime.block_on(guard::run("chaos", options.keep)),
    }
}

fn options() -> Option<Options> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (visits, tenants) = if quick { (480, 2) } else { (10_000, 5) };
    let size = Size { visits_a_month: 0, tenants, seed: 1, quick };
    let mut options = Options { size, visits, only: Vec::new(), report: None, keep: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => {}
            "--keep" => options.keep = true,
            "--visits" => options.visits = arguments.next()?.parse().ok()?,
            "--tenants" => options.size.tenants = arguments.next()?.parse().ok()?,
            "--seed" => options.size.seed = arguments.next()?.parse().ok()?,
            "--only" => options.only = arguments.next()?.split(',').map(str::to_owned).collect(),
            "--report" => options.report = Some(arguments.next()?.into()),
            _ => return None,
        }
    }
    Some(options)
}

async fn inside(options: &Options, servers: &Path) -> ExitCode {
    let begin = Instant::now();
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let chosen: Vec<&str> = PHASES.into_iter().filter(|name| wanted(name)).collect();
    let months = chosen.len().max(1) * options.size.tenants;
    let size = Size { visits_a_month: (options.visits / months).max(10), ..options.size };
    let mut stage = Stage::set(size, Servers::within(servers)).await;
    let mut rows: Vec<Row> = Vec::new();
    for name in chosen {
        let row = match name {
            "peace" => stage.phase("peace", faults::peace).await,
            "d1" => stage.phase("D1 services killed", faults::kill_services).await,
            "d3" => stage.phase("D3 crash points K1-K8", faults::crash_points).await,
            "d5" => stage.phase("D5 broker killed and stopped", faults::end_broker).await,
            "d7" => stage.phase("D7 PostgreSQL killed", faults::kill_database).await,
            "d2" => stage.phase("D2, D4 twice, shuffled, late", delivery::twice_shuffled_and_late).await,
            "d11" => stage.phase("D11 poison", poison::dead_events).await,
            "d12" => stage.phase("D12 unroutable", poison::unroutable).await,
            "d13" => network::cancelled_requests(&mut stage).await,
            "network" => network::between_services_and_servers(&mut stage).await,
            "money" => stage.phase("L3, L5 money at once", money::contended).await,
            "d9" => stage.phase("D9 a consumer stands still", faults::slow_consumer).await,
            _ => continue,
        };
        rows.push(row);
    }
    stage.rest();
    let mutations = if wanted("mutations") { mutations::all(&stage).await } else { Vec::new() };
    let report = Report { size, commit: guard::commit(), rows, mutations, took: begin.elapsed() };
    if options.keep {
        let kept = std::env::temp_dir().join("kept");
        Command::new("cp").arg("-r").arg(stage.stack.folder()).arg(kept).status().expect("cp");
    }
    let text = report.render();
    println!("{text}");
    if let Some(path) = &options.report {
        std::fs::write(path, &text).expect("the report is written");
    }
    if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
