//! What the supervisor is told about a service, what it reports about it, and how long it waits to restart it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::files;
use super::process::ProcessId;

/// Tells a service where to write its address once it serves.
pub const READY_FILE_VARIABLE: &str = "KITH__SERVER__READY_FILE";

/// One program to keep running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Added to the environment of the supervisor.
    pub environment: BTreeMap<String, String>,
    /// Where the service writes its bound address, in one step, when it serves. Must be writable for its user.
    pub ready_file: PathBuf,
}

impl ServiceSpec {
    /// Returns the address the service announced, if it serves.
    pub fn announced_address(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.ready_file).ok()?;
        let address = text.trim();
        (!address.is_empty()).then(|| address.to_owned())
    }
}

/// What the supervisor knows, as written to `run/supervisor.json` at every change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub supervisor: ProcessId,
    pub services: Vec<ServiceReport>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    pub name: String,
    /// Present while it runs.
    #[serde(flatten)]
    pub process: Option<ProcessId>,
    pub state: State,
    pub address: Option<String>,
    pub restarts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Runs and has not announced its address yet.
    Starting,
    Serving,
    /// Ended; will be started again after a pause.
    Waiting,
    Stopped,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Serving => "serving",
            State::Waiting => "waiting to restart",
            State::Stopped => "stopped",
        }
    }
}

impl Report {
    pub fn save(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).context("cannot write the report as JSON")?;
        files::write(path, &json, 0o644)
    }

    /// Returns the last report, also of a supervisor that has ended.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }
}

/// The pauses before restarts: short at first, doubled each time, short again after half a minute of health.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(10);
    const HEALTHY: Duration = Duration::from_secs(30);

    pub fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// Returns the pause after a run of this length.
    pub fn pause_after(&mut self, lasted: Duration) -> Duration {
        if lasted >= Self::HEALTHY {
            self.next = Self::FIRST;
        }
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_seconds_and_start_anew_after_health() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u128> =
            (0..9).map(|_| backoff.pause_after(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(backoff.pause_after(Duration::from_secs(31)), Duration::from_millis(100));
    }

    #[test]
    fn report_round_trip_with_and_without_a_process() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("supervisor.json");
        let service = |process| ServiceReport {
            name: "teams".to_owned(),
            process,
            state: State::Waiting,
            address: None,
            restarts: 3,
        };
        let process = ProcessId { pid: 12, started: 34 };
        let services = vec![service(Some(process)), service(None)];
        Report { supervisor: process, services: services.clone() }.save(&path).expect("saved");
        assert_eq!(Report::load(&path).expect("the same").services, services);
    }
}
