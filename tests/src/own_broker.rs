//! A broker of one test's own: it can be killed, and told of other users, without harm to the other tests.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::stack::binary;

/// A private RabbitMQ; it ends with the test.
#[derive(Debug)]
pub struct OwnBroker {
    folder: TempDir,
}

impl OwnBroker {
    /// Starts one.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start() -> Self {
        let broker = Self { folder: tempfile::tempdir().expect("a folder") };
        broker.up();
        broker
    }

    /// Starts it again, or leaves it running. A port that is not free yet after a kill is asked for once more.
    pub fn up(&self) {
        for _ in 0..2 {
            if self.kith(&["servers", "up"]).output().expect("kith is built").status.success() {
                return;
            }
        }
        self.succeed(&["servers", "up"]);
    }

    /// Its URL for the administrator, as `kith servers env` prints it.
    pub fn url(&self) -> String {
        let text = self.succeed(&["servers", "env"]);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("export KITH_BROKER_URL='"))
            .expect("the broker's URL");
        line.trim_end_matches('\'').to_owned()
    }

    /// Tells it of users and what they may do.
    pub fn import(&self, definitions: &str) {
        let file = self.folder.path().join("of-the-test.json");
        std::fs::write(&file, definitions).expect("a file");
        self.succeed(&["broker", "import", &file.display().to_string()]);
    }

    /// Kills it as a power cut would.
    pub fn kill(&self) {
        let text = std::fs::read_to_string(self.folder.path().join("run/rabbitmq.json"))
            .expect("the broker's process");
        let process: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let pid = process["pid"].as_i64().expect("a process id").to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill").success());
    }

    fn kith(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("kith"));
        command.args(arguments).env("KITH_LOCAL_DIR", self.folder.path()).env_remove("KITH_BROKER_URL");
        command.stdin(Stdio::null());
        command
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let done = self.kith(arguments).output().expect("kith is built");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        self.kith(&["servers", "stop"]).output().ok();
    }
}
