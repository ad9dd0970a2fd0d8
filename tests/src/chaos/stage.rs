//! The stage of a run: seven processes, the tenants, and months taken in while something goes wrong.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use super::auditor::{self, Prediction};
use super::books::{self, Predicted};
use super::databases::Databases;
use super::generate::Tenant;
use super::journal::Journal;
use super::random::Random;
use super::report::{Faults, Row};
use super::sampler::Sampler;
use super::servers::Servers;
use crate::services;
use crate::stack::Stack;
use kith_platform::testing::NOTE_WHAT_IS_DONE;

/// How long a phase's months may take once its faults are over.
const LIMIT: Duration = Duration::from_mins(20);
/// A run of `kith month` that gave up is resumed as often as this.
const MOST_RESUMED: usize = 3;

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Visits of one tenant in one phase.
    pub visits_a_month: usize,
    pub tenants: usize,
    pub seed: u64,
    /// Fewer faults in each phase.
    pub quick: bool,
}

/// Where it all happens.
#[derive(Debug)]
pub struct Stage {
    pub stack: Stack,
    pub servers: Servers,
    pub databases: Databases,
    pub size: Size,
    pub random: Random,
    /// Commands of earlier phases, and of the harness itself.
    pub known: BTreeSet<String>,
    /// What the tenants' ledgers must hold by now.
    pub predicted: Predicted,
    /// Visits taken in so far.
    pub visits: usize,
    /// The last phase's journal.
    pub journal: Journal,
    sampler: Option<Sampler>,
    tenants: Vec<Tenant>,
    months: u32,
}

/// The months of a phase on their way in.
#[derive(Debug)]
pub struct Load {
    runs: Vec<Run>,
    began: Instant,
}

#[derive(Debug)]
struct Run {
    slug: String,
    files: Files,
    /// `KITH_<SERVICE>_ADDRESS`, where the way to the services is another than the direct one.
    addresses: Vec<(String, String)>,
    child: Child,
    resumed: usize,
    prediction: Prediction,
    outcome: Option<bool>,
}

#[derive(Clone, Debug)]
struct Files {
    scenario: PathBuf,
    expected: PathBuf,
    journal: PathBuf,
    log: PathBuf,
}

impl Stage {
    /// Starts the seven processes on the servers of this run.
    pub async fn set(size: Size, servers: Servers) -> Self {
        // One user for all: what is delivered twice or late is published again by the harness, in the services' names.
        let stack = Stack::start().await;
        let databases = Databases::of(&stack);
        for service in services() {
            databases.run(service.name, NOTE_WHAT_IS_DONE).await;
        }
        let tenants = (1..=size.tenants).map(|number| Tenant::new(size.seed, number, size.visits_a_month));
        Self {
            tenants: tenants.collect(),
            sampler: Some(Sampler::start(databases.clone())),
            random: Random::new(size.seed),
            known: BTreeSet::new(),
            predicted: Predicted::new(),
            journal: Journal::default(),
            visits: 0,
            months: 0,
            stack,
            servers,
            databases,
            size,
        }
    }

    /// Takes every tenant's next month in while `fault` does what it does, and then checks everything.
    pub async fn phase(
        &mut self,
        name: &str,
        fault: impl AsyncFnOnce(&mut Self, &mut Load) -> Faults,
    ) -> Row {
        self.phase_by_way_of(name, &[], fault).await
    }

    /// The same with other ways to the services.
    pub async fn phase_by_way_of(
        &mut self,
        name: &str,
        addresses: &[(String, String)],
        fault: impl AsyncFnOnce(&mut Self, &mut Load) -> Faults,
    ) -> Row {
        eprintln!("{name}");
        let begin = Instant::now();
        let samples_before = self.samples();
        let mut load = self.load(addresses);
        let mut faults = fault(self, &mut load).await;
        let (journal, visits) = self.finish(load, &mut faults).await;
        let findings = books::check(&self.databases, &journal, &self.known, &self.predicted).await;
        self.journal = journal;
        let (samples, violations) = self.samples();
        faults.samples = samples - samples_before.0;
        if violations > samples_before.1 {
            faults
                .problems
                .push(format!("L1: {} samples saw an unbalanced transfer", violations - samples_before.1));
        }
        let slowest: Vec<Duration> =
            self.journal.commands.values().filter_map(super::journal::Command::recovered_after).collect();
        let row =
            Row { name: name.to_owned(), visits, took: begin.elapsed(), faults, findings, repeats: slowest };
        eprintln!("  {}", row.line());
        row
    }

    fn samples(&self) -> (usize, usize) {
        self.sampler.as_ref().map(Sampler::taken).unwrap_or_default()
    }

    /// Ends the services and lets go of their databases, for what may only be done to databases at rest.
    pub fn rest(&mut self) {
        self.sampler = None;
        for service in services() {
            self.stack.kill(service.name);
        }
    }

    /// Takes every tenant's next month in too, where a phase is not done with its faults.
    pub fn more(&mut self, load: &mut Load) {
        let addresses = load.runs.first().map(|run| run.addresses.clone()).unwrap_or_default();
        let more = self.load(&addresses);
        load.runs.extend(more.runs);
    }

    fn load(&mut self, addresses: &[(String, String)]) -> Load {
        let index = self.months;
        self.months += 1;
        let mut runs = Vec::new();
        for tenant in &self.tenants {
            let scenario = tenant.month(index, self.size.visits_a_month);
            let prediction = auditor::predict(&scenario);
            let file = |kind: &str| self.stack.folder().join(format!("{}-{index}.{kind}", tenant.slug()));
            let files = Files {
                scenario: file("scenario.json"),
                expected: file("expected.json"),
                journal: file("journal"),
                log: file("log"),
            };
            std::fs::write(&files.scenario, scenario.to_string()).expect("a scenario");
            std::fs::write(&files.expected, prediction.figures.to_string()).expect("figures");
            let child = spawn(&self.stack, &files, addresses);
            let (slug, addresses) = (tenant.slug(), addresses.to_vec());
            runs.push(Run { slug, files, addresses, child, resumed: 0, prediction, outcome: None });
            // The host is set up once, by the first who comes.
            if index == 0 && runs.len() == 1 && self.tenants.len() > 1 {
                std::thread::sleep(Duration::from_secs(2));
            }
        }
        Load { runs, began: Instant::now() }
    }

    /// Waits for every month, resumes what gave up, and adds up what was asked for.
    async fn finish(&mut self, mut load: Load, faults: &mut Faults) -> (Journal, usize) {
        let begin = Instant::now();
        while load.is_running(&self.stack) {
            if begin.elapsed() > LIMIT {
                faults.problems.push("W: the months do not end".to_owned());
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (mut journal, mut visits) = (Journal::default(), 0);
        for mut run in load.runs {
            run.child.kill().ok();
            run.child.wait().ok();
            journal.read(&run.files.journal);
            visits += run.prediction.visits;
            let ledger = self.predicted.entry(run.slug.clone()).or_default();
            let minutes: i64 = ["giver_paid_minutes", "care_coin_minutes", "gifted_minutes"]
                .into_iter()
                .flat_map(|name| run.prediction.figures[name].as_object().into_iter().flatten())
                .filter_map(|(_, minutes)| minutes.as_i64())
                .sum();
            for (kind, amount) in run.prediction.balances.iter().chain([(&"minutes".to_owned(), &minutes)]) {
                *ledger.entry(kind.clone()).or_default() += amount;
            }
            faults.resumed += run.resumed;
            if run.outcome != Some(true) {
                let problem = format!(
                    "L4: the month of {} does not come to its figures:\n{}",
                    run.slug,
                    tail(&run.files.log)
                );
                faults.problems.push(problem);
            }
        }
        self.known.extend(journal.commands.keys().cloned());
        self.visits += visits;
        (journal, visits)
    }
}

impl Load {
    /// Whether a month is still on its way in; resumes those that gave up.
    pub fn is_running(&mut self, stack: &Stack) -> bool {
        let mut running = false;
        for run in &mut self.runs {
            if run.outcome.is_some() {
                continue;
            }
            match run.child.try_wait().expect("its state") {
                None => running = true,
                Some(status) if status.success() => run.outcome = Some(true),
                Some(_) if run.resumed < MOST_RESUMED => {
                    run.resumed += 1;
                    run.child = spawn(stack, &run.files, &run.addresses);
                    running = true;
                }
                Some(_) => run.outcome = Some(false),
            }
        }
        running
    }

    /// Whether a month is still on its way in; resumes nothing.
    pub fn has_one_under_way(&mut self) -> bool {
        self.runs.iter_mut().any(|run| run.child.try_wait().expect("its state").is_none())
    }

    /// How long it has been.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

fn spawn(stack: &Stack, files: &Files, addresses: &[(String, String)]) -> Child {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&files.log).expect("a log");
    let (scenario, expected, journal) = (path(&files.scenario), path(&files.expected), path(&files.journal));
    let mut command = stack.kith(&["month", &scenario, "--expect", &expected, "--journal", &journal]);
    command.envs(addresses.iter().cloned());
    command.stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("kith is built")
}

/// The last lines of a file.
pub fn tail(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(30).collect();
    lines.into_iter().rev().map(|line| format!("    | {line}")).collect::<Vec<_>>().join("\n")
}
