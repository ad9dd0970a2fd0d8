//! What PostgreSQL itself can do: pgbench with the prepared protocol, as administrator, without row security.

use std::path::PathBuf;
use std::process::Command;

use crate::chaos::databases::Databases;

/// Runs scripts against one service's database.
#[derive(Debug)]
pub struct Pgbench {
    url: String,
    folder: PathBuf,
}

impl Pgbench {
    /// For the database of a service, with scripts kept in this folder.
    pub fn new(databases: &Databases, service: &str, folder: PathBuf) -> Self {
        Self { url: databases.url_of(service), folder }
    }

    /// Writes a script.
    ///
    /// # Panics
    /// Where the folder is gone.
    pub fn script(&self, name: &str, sql: &str) -> PathBuf {
        let file = self.folder.join(format!("{name}.sql"));
        std::fs::write(&file, sql).expect("a script");
        file
    }

    /// Transactions a second of a script with so many clients over so many seconds.
    ///
    /// # Panics
    /// Where pgbench is not there, or a statement fails.
    pub async fn rate(&self, script: &std::path::Path, clients: usize, seconds: u64) -> f64 {
        let mut command = Command::new("pgbench");
        command
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={clients}"))
            .arg(format!("--time={}", seconds.max(1)))
            .arg("--file")
            .arg(script)
            .arg(&self.url);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it runs");
        let output = output.expect("pgbench is there: it comes with PostgreSQL");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = !output.status.success() || text.contains("aborted");
        assert!(!failed, "pgbench: {text}{}", String::from_utf8_lossy(&output.stderr));
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.expect("a rate")
    }
}
