//! What came of a run: a line for each row, and whether its floor holds.

use std::fmt::Write as _;
use std::time::Duration;

use super::slots::median;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    Higher,
    /// Times and sizes.
    Lower,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    /// What `ours` and `limit` are counted in.
    pub unit: &'static str,
    /// One figure a round.
    pub ours: Vec<f64>,
    /// One figure a round; empty where ours is held against the floor itself.
    pub limit: Vec<f64>,
    pub better: Better,
    /// None for a row that is there for information.
    pub floor: Option<f64>,
    pub goal: Option<f64>,
    /// What was checked before, and what else there is to say.
    pub notes: Vec<String>,
}

impl Row {
    /// A row of rates.
    pub fn rates(name: &str, unit: &'static str, floor: f64, goal: f64) -> Self {
        Self::new(name, unit, Better::Higher, Some((floor, goal)))
    }

    /// A row of times.
    pub fn times(name: &str, unit: &'static str, floor: f64, goal: f64) -> Self {
        Self::new(name, unit, Better::Lower, Some((floor, goal)))
    }

    /// A row without a floor.
    pub fn information(name: &str, unit: &'static str, better: Better) -> Self {
        Self::new(name, unit, better, None)
    }

    fn new(name: &str, unit: &'static str, better: Better, wanted: Option<(f64, f64)>) -> Self {
        let (floor, goal) = wanted.unzip();
        let (ours, limit, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.to_owned(), unit, ours, limit, better, floor, goal, notes }
    }

    /// Adds a round.
    pub fn round(&mut self, ours: f64, limit: f64) {
        self.ours.push(ours);
        self.limit.push(limit);
        eprintln!(
            "  {}: {} {}, limit {}, ratio {:.3}",
            self.name,
            figure(ours),
            self.unit,
            figure(limit),
            ours / limit
        );
    }

    /// Says something more.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Ours over the limit in each round; ours itself where there is no limit.
    pub fn ratios(&self) -> Vec<f64> {
        if self.limit.is_empty() {
            return self.ours.clone();
        }
        self.ours.iter().zip(&self.limit).map(|(ours, limit)| ours / limit).collect()
    }

    /// Whether a figure is at least as good as wanted.
    fn reaches(&self, wanted: Option<f64>) -> bool {
        let ratio = median(&self.ratios());
        wanted.is_none_or(|wanted| match self.better {
            Better::Higher => ratio >= wanted,
            Better::Lower => ratio <= wanted,
        })
    }

    /// Whether the floor holds.
    pub fn holds(&self) -> bool {
        !self.ours.is_empty() && self.reaches(self.floor)
    }

    fn verdict(&self) -> &'static str {
        match self.floor {
            None => "-",
            Some(_) if !self.holds() => "UNDER ITS FLOOR",
            Some(_) if self.reaches(self.goal) => "goal",
            Some(_) => "floor",
        }
    }

    fn cells(&self) -> [String; 7] {
        let ratios = self.ratios();
        let (least, most) = ratios
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(least, most), ratio| (least.min(*ratio), most.max(*ratio)));
        let limit = if self.limit.is_empty() { "-".to_owned() } else { figure(median(&self.limit)) };
        let wanted =
            |wanted: Option<f64>| wanted.map_or_else(|| "-".to_owned(), |wanted| format!("{wanted}"));
        [
            self.name.clone(),
            format!("{} {}", figure(median(&self.ours)), self.unit),
            limit,
            format!("{} [{}..{}]", figure(median(&ratios)), figure(least), figure(most)),
            wanted(self.floor),
            wanted(self.goal),
            self.verdict().to_owned(),
        ]
    }
}

/// Three digits that count, and no more than needed.
pub fn figure(number: f64) -> String {
    match number.abs() {
        large if large >= 100.0 => format!("{number:.0}"),
        middle if middle >= 10.0 => format!("{number:.1}"),
        small if small >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// The report of a run.
#[derive(Clone, Debug)]
pub struct Report {
    pub date: String,
    pub commit: String,
    pub machine: String,
    pub seed: u64,
    /// How slots were cut.
    pub pace: String,
    pub rows: Vec<Row>,
    pub took: Duration,
}

impl Report {
    /// Whether every floor holds.
    pub fn is_well(&self) -> bool {
        self.rows.iter().all(Row::holds)
    }

    /// The whole report as text.
    pub fn render(&self) -> String {
        let mut text = format!(
            "make bench: {}, commit {}, {}, seed {}, {}, took {} s\n\n",
            self.date,
            self.commit,
            self.machine,
            self.seed,
            self.pace,
            self.took.as_secs()
        );
        let head =
            ["row", "ours", "limit", "ratio [min..max]", "floor", "goal", "reaches"].map(str::to_owned);
        let lines: Vec<[String; 7]> = [head].into_iter().chain(self.rows.iter().map(Row::cells)).collect();
        let widths: Vec<usize> = (0..7)
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for line in &lines {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(text, "{}", cells.join("  ").trim_end()).ok();
        }
        for row in self.rows.iter().filter(|row| !row.notes.is_empty()) {
            writeln!(text, "\n{}:", row.name).ok();
            for note in &row.notes {
                writeln!(text, "  {note}").ok();
            }
        }
        let missed: Vec<&str> =
            self.rows.iter().filter(|row| !row.holds()).map(|row| row.name.as_str()).collect();
        if missed.is_empty() {
            text.push_str("\nEvery floor holds.\n");
        } else {
            writeln!(text, "\nUnder the floor: {}", missed.join("; ")).ok();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(row: Row) -> Report {
        Report {
            date: "today".into(),
            commit: "abc".into(),
            machine: "one core".into(),
            seed: 1,
            pace: "1 s".into(),
            rows: vec![row],
            took: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_missed_floor_fails_the_run_and_a_lower_time_is_better() {
        let mut rates = Row::rates("calls", "/s", 0.5, 0.85);
        rates.round(60.0, 100.0);
        assert!(report(rates.clone()).is_well());
        rates.round(10.0, 100.0);
        rates.round(10.0, 100.0);
        assert!(!report(rates).is_well());
        let mut times = Row::times("time", "ms", 1.0, 0.1);
        times.round(2.0, 1.0);
        assert!(report(times.clone()).render().contains("UNDER ITS FLOOR"));
        assert!(!report(times).is_well());
    }

    #[test]
    fn a_row_that_was_never_measured_holds_nothing() {
        assert!(!report(Row::rates("calls", "/s", 0.0, 0.0)).rows[0].holds());
    }
}
