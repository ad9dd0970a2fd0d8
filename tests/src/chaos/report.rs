//! What came of it, as a table that a person can read.

use std::fmt::Write as _;
use std::time::Duration;

use super::books::Findings;
use super::stage::Size;

/// What a phase did.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// How many faults while months were on their way in.
    pub count: usize,
    /// How long after each fault everything was at work again.
    pub recoveries: Vec<Duration>,
    /// How often a month's client gave up and was started again.
    pub resumed: usize,
    /// How often the ledger was looked at meanwhile.
    pub samples: usize,
    /// What else is to be told.
    pub notes: Vec<String>,
    /// What did not hold, each beginning with its invariant.
    pub problems: Vec<String>,
}

impl Faults {
    /// Takes in how a recovery went.
    pub fn recovered(&mut self, outcome: Result<Duration, String>) {
        match outcome {
            Ok(after) => self.recoveries.push(after),
            Err(problem) => self.problems.push(format!("D5: {problem}")),
        }
    }
}

/// A phase and what was found after it.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub visits: usize,
    pub took: Duration,
    pub faults: Faults,
    pub findings: Findings,
    /// Of the commands that were sent more than once: from the first attempt to the answer.
    pub repeats: Vec<Duration>,
}

impl Row {
    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.findings.is_well() && self.faults.problems.is_empty()
    }

    /// The row in one line.
    pub fn line(&self) -> String {
        let Findings { attempted, acknowledged, applied, lost, duplicated, unexpected, recovered, .. } =
            &self.findings;
        format!(
            "{:<34} {:>5} {:>6} {:>9} {:>12} {:>8} {:>5} {:>10} {:>10} {:>9} {:>8} {:>8} {:>7} {:>6.1}",
            self.name,
            self.faults.count,
            self.visits,
            attempted,
            acknowledged,
            applied,
            lost,
            duplicated,
            unexpected,
            recovered,
            seconds(percentile(&self.repeats, 99)),
            seconds(percentile(&self.faults.recoveries, 99)),
            self.faults.samples,
            self.took.as_secs_f64(),
        )
    }
}

/// A deliberate fault and whether it was noticed.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// The invariant that it breaks.
    pub invariant: &'static str,
    pub what: &'static str,
    pub caught: bool,
    /// By what, or why not.
    pub by: String,
}

/// Everything that a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    pub size: Size,
    pub commit: String,
    pub rows: Vec<Row>,
    pub mutations: Vec<Mutation>,
    pub took: Duration,
}

impl Report {
    /// Whether nothing is lost, duplicated or unexpected, every invariant held, and every mutation was caught.
    pub fn is_well(&self) -> bool {
        !self.rows.is_empty()
            && self.rows.iter().all(Row::is_well)
            && self.mutations.iter().all(|one| one.caught)
    }

    /// The report as text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let visits: usize = self.rows.iter().map(|row| row.visits).sum();
        let _ = writeln!(
            text,
            "chaos: commit {}, seed {}, {} visits over {} tenants, {} cores, {:.0} s\n",
            self.commit,
            self.size.seed,
            visits,
            self.size.tenants,
            std::thread::available_parallelism().map_or(0, usize::from),
            self.took.as_secs_f64()
        );
        let _ = writeln!(
            text,
            "{:<34} {:>5} {:>6} {:>9} {:>12} {:>8} {:>5} {:>10} {:>10} {:>9} {:>8} {:>8} {:>7} {:>6}",
            "phase",
            "N",
            "visits",
            "attempted",
            "acknowledged",
            "applied",
            "lost",
            "duplicated",
            "unexpected",
            "recovered",
            "p99 call",
            "p99 back",
            "samples",
            "took s"
        );
        for row in &self.rows {
            let _ = writeln!(text, "{}", row.line());
        }
        for row in &self.rows {
            for note in &row.faults.notes {
                let _ = writeln!(text, "  {}: {note}", row.name);
            }
        }
        let bad: Vec<_> = self.rows.iter().filter(|row| !row.is_well()).collect();
        for row in &bad {
            let problems: Vec<_> = row.faults.problems.iter().chain(&row.findings.problems).collect();
            let _ = writeln!(text, "\nWRONG in {}: {} problems", row.name, problems.len());
            for problem in problems.into_iter().take(20) {
                let _ = writeln!(text, "  {problem}");
            }
        }
        if !self.mutations.is_empty() {
            let caught = self.mutations.iter().filter(|one| one.caught).count();
            let _ = writeln!(text, "\nmutations caught: {caught} of {}", self.mutations.len());
            for one in &self.mutations {
                let verdict = if one.caught { "caught" } else { "MISSED" };
                let _ = writeln!(text, "  {verdict} {:<4} {:<62} {}", one.invariant, one.what, one.by);
            }
        }
        let faults: usize = self.rows.iter().map(|row| row.faults.count).sum();
        let _ = writeln!(
            text,
            "\n{faults} faults. N: faults under load; recovered: commands sent more than once that got their answer; p99 call: from\n\
             their first attempt to the answer; p99 back: from the end of the fault until everything written before is applied\n\
             everywhere; samples: looks at the ledger's balance. With no failure in N trials the 95 % bound is about 3/N."
        );
        text
    }
}

/// The nearest-rank percentile.
pub fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1).map(|index| sorted[index])
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()))
}
