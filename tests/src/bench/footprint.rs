//! Memory at rest and the time from start to serving, as `kith footprint` measures them on a stack that `kith up` started.

use std::path::Path;
use std::process::{Command, Stdio};

use super::report::{Better, Row};
use crate::services;
use crate::stack::binary;

/// Starts a stack in the folder of this run's servers, measures it, and stops it.
///
/// # Panics
/// Where it does not start.
pub fn rows(servers: &Path, rounds: usize) -> Vec<Row> {
    let rounds = rounds.to_string();
    succeed(servers, &["up"]);
    let table = succeed(servers, &["footprint", "--rounds", &rounds]);
    succeed(servers, &["stop"]);
    let mut largest = Row::times("idle memory, largest service", "MB", 40.0, 18.0);
    let mut all = Row::times("idle memory, all seven", "MB", 280.0, 120.0);
    let mut start = Row::times("start to serving, slowest service", "ms", 500.0, 60.0);
    let names = services().map(|service| service.name);
    let measured: Vec<Vec<f64>> =
        table.lines().filter(|line| names.contains(&first_word(line))).map(numbers).collect();
    assert_eq!(measured.len(), names.len(), "kith footprint says:\n{table}");
    let resident = |line: &Vec<f64>| line[0];
    largest.ours.push(measured.iter().map(resident).fold(0.0, f64::max));
    all.ours.push(measured.iter().map(resident).sum());
    if let Some(slowest) = measured.iter().max_by(|one, other| one[2].total_cmp(&other[2])) {
        start.ours.extend(&slowest[2..5]);
    }
    largest.note("resident, as the kernel counts it; shared pages in full");
    start.note(format!("median and range of {rounds} starts beside the running stack"));
    let mut standalone = Row::information("all seven in one process", "MB", Better::Lower);
    let together = table.lines().find(|line| line.starts_with("all in one process"));
    standalone.ours.extend(together.map(numbers).and_then(|numbers| numbers.first().copied()));
    vec![largest, all, start, standalone]
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// Resident, proportional, median start, and its range.
fn numbers(line: &str) -> Vec<f64> {
    let plain = line.replace("..", " ").replace(['[', ']'], " ");
    plain.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn succeed(servers: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(binary("kith"));
    command.args(arguments).stdin(Stdio::null()).env("KITH_LOCAL_DIR", servers);
    command.env_remove("KITH_DATABASE_URL").env_remove("KITH_BROKER_URL");
    let done = command.output().expect("kith is built");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_read() {
        let line = "identity   17.2   12.9   45.1   [40.0..60.5]";
        assert_eq!((first_word(line), numbers(line)), ("identity", vec![17.2, 12.9, 45.1, 40.0, 60.5]));
    }
}
