//! A broker of one test's own, so that it can be killed without harm to the others.

use std::process::{Command, Stdio};

use crate::stack::binary;

/// See the module. Stops with the test.
#[derive(Debug)]
pub struct Broker {
    folder: tempfile::TempDir,
}

impl Broker {
    /// A broker that serves.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start() -> Self {
        let broker = Self { folder: tempfile::tempdir().expect("a folder") };
        broker.up();
        broker
    }

    fn kith(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("kith"));
        command.args(arguments).env("KITH_LOCAL_DIR", self.folder.path()).env_remove("KITH_BROKER_URL");
        command.stdin(Stdio::null());
        command
    }

    /// Starts it again, with what it had kept. A port that is not free yet after a kill is asked for once more.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn up(&self) {
        let mut said = String::new();
        for _ in 0..3 {
            let done = self.kith(&["servers", "up"]).output().expect("kith is built");
            if done.status.success() {
                return;
            }
            said = String::from_utf8_lossy(&done.stderr).into_owned();
        }
        panic!("the broker does not start: {said}");
    }

    /// Its URL, as `kith servers env` prints it.
    ///
    /// # Panics
    /// Where there is none.
    pub fn url(&self) -> String {
        let output = self.kith(&["servers", "env"]).output().expect("kith is built").stdout;
        let text = String::from_utf8_lossy(&output).into_owned();
        let url = text.lines().find_map(|line| line.strip_prefix("export KITH_BROKER_URL='"));
        url.expect("the broker's URL").trim_end_matches('\'').to_owned()
    }

    /// Kills it as a power cut would (SIGKILL).
    ///
    /// # Panics
    /// Where it does not run.
    pub fn kill(&self) {
        let text = std::fs::read_to_string(self.folder.path().join("run/rabbitmq.json"));
        let process: serde_json::Value =
            serde_json::from_str(&text.expect("the broker's process")).expect("JSON");
        let pid = process["pid"].as_i64().expect("a process id").to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill").success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kith(&["servers", "stop"]).output().ok();
    }
}
