//! A PostgreSQL and a RabbitMQ of this run's own, which may be killed without harm to anybody else.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::stack::binary;

/// Both servers, in a folder of their own.
#[derive(Clone, Debug)]
pub struct Servers {
    folder: PathBuf,
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Term,
}

impl Servers {
    /// The servers in this folder.
    pub fn within(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn kith(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("kith"));
        command.args(arguments).stdin(Stdio::null()).env("KITH_LOCAL_DIR", &self.folder);
        command.env_remove("KITH_DATABASE_URL").env_remove("KITH_BROKER_URL");
        command
    }

    /// Starts what does not run.
    ///
    /// # Panics
    /// Where that does not succeed.
    pub fn up(&self) {
        let done = self.kith(&["servers", "up"]).output().expect("kith is built");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Stops both.
    pub fn stop(&self) {
        self.kith(&["servers", "stop"]).output().ok();
    }

    /// The addresses as `KITH_DATABASE_URL` and `KITH_BROKER_URL`.
    pub fn urls(&self) -> Vec<(String, String)> {
        let output = self.kith(&["servers", "env"]).output().expect("kith is built").stdout;
        let text = String::from_utf8_lossy(&output).into_owned();
        let pairs = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
    }

    /// Ends the broker and waits until it is gone.
    pub fn end_broker(&self, blow: Blow) {
        let text =
            std::fs::read_to_string(self.folder.join("run/rabbitmq.json")).expect("the broker's process");
        let process: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        end(u32::try_from(process["pid"].as_u64().expect("a process id")).expect("a process id"), blow);
    }

    /// Kills the postmaster and waits until it is gone.
    pub fn kill_database(&self) {
        let text =
            std::fs::read_to_string(self.folder.join("pgdata/postmaster.pid")).expect("the postmaster");
        end(text.lines().next().and_then(|line| line.trim().parse().ok()).expect("a process id"), Blow::Kill);
    }
}

/// Ends a process and waits until it is gone.
///
/// # Panics
/// Where it is still there after two minutes.
fn end(process: u32, blow: Blow) {
    signal(process, if blow == Blow::Kill { "-KILL" } else { "-TERM" });
    let end = Instant::now() + Duration::from_mins(2);
    while is_alive(process) {
        assert!(Instant::now() < end, "process {process} does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to one process.
pub fn signal(process: u32, signal: &str) {
    Command::new("kill").args([signal, &process.to_string()]).status().expect("kill");
}

/// Whether a process is there and is no zombie.
fn is_alive(process: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return false };
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Kills whatever still runs with this folder in its environment: what this run started, and nothing else.
pub fn end_leftovers(folder: &Path) -> usize {
    let wanted = folder.to_string_lossy().into_owned();
    let mut ended = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if process != std::process::id() && String::from_utf8_lossy(&environment).contains(&wanted) {
            signal(process, "-KILL");
            ended += 1;
        }
    }
    ended
}
