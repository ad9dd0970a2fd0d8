//! What was asked for and what was acknowledged, as JSON lines: the truth against which a fault test holds the services.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use kith_platform::clock::Clock;
use serde_json::{Value, json};

/// A file to which each attempt and each final answer of a call that changes state is appended. No content of a call,
/// nobody's name: methods, request ids and event ids only.
pub struct Journal(Mutex<File>);

impl Journal {
    /// Appends to this file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(Mutex::new(file.with_context(|| format!("cannot write {}", path.display()))?)))
    }

    /// A call is about to be sent, once more or for the first time.
    pub(super) fn attempted(&self, request: &str, method: &str) {
        self.line(json!({ "what": "attempted", "request": request, "method": method }));
    }

    /// A service has said that it is done; `caused` as its answer says it.
    pub(super) fn acknowledged(&self, request: &str, caused: &[&str]) {
        let caused: Vec<&str> =
            caused.iter().flat_map(|value| value.split(',')).filter(|event| !event.is_empty()).collect();
        self.line(json!({ "what": "acknowledged", "request": request, "caused": caused }));
    }

    /// A service has decided against it, or nobody answered for too long.
    pub(super) fn refused(&self, request: &str, reason: &str) {
        self.line(json!({ "what": "refused", "request": request, "reason": reason }));
    }

    fn line(&self, mut entry: Value) {
        entry["at_ms"] = json!(Clock::System.now().timestamp_millis());
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A journal that cannot be written would tell less than what happened.
        writeln!(file, "{entry}").expect("the journal is written");
    }
}
