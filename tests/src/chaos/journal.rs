//! Reads what `kith month --journal` wrote: what was asked for and what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// An event as an answer named it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caused {
    /// `<service>.<aggregate>`.
    pub aggregate_type: String,
    /// UUID.
    pub event_id: String,
}

/// One command that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// `/kith.<service>.v1.<Service>/<Method>`.
    pub method: String,
    /// How often it was sent.
    pub attempts: usize,
    first_at_ms: u64,
    /// When a service said that it was done, and what that caused.
    pub acknowledged: Option<(u64, BTreeSet<Caused>)>,
}

impl Command {
    /// How long it took from its first attempt to its answer, where it was sent more than once.
    pub fn recovered_after(&self) -> Option<Duration> {
        let (at_ms, _) = self.acknowledged.as_ref()?;
        (self.attempts > 1).then(|| Duration::from_millis(at_ms.saturating_sub(self.first_at_ms)))
    }

    /// `identity` of `/kith.identity.v1.…`.
    pub fn service(&self) -> &str {
        self.method.split('.').nth(1).unwrap_or_default()
    }
}

/// Commands by request id.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// By request id.
    pub commands: BTreeMap<String, Command>,
    /// Commands that a service decided against.
    pub refused: BTreeSet<String>,
}

impl Journal {
    /// Adds a file's lines. A half-written last line is left out.
    pub fn read(&mut self, path: &Path) {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for line in text.lines() {
            if let Ok(line) = serde_json::from_str::<Value>(line) {
                self.take(&line);
            }
        }
    }

    fn take(&mut self, line: &Value) {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let (request, at_ms) = (text("request"), line["at_ms"].as_u64().unwrap_or_default());
        let command = self.commands.entry(request.to_owned()).or_default();
        match text("what") {
            "attempted" => {
                text("method").clone_into(&mut command.method);
                // The same command of a later run is a new attempt of its own once it was answered.
                if command.acknowledged.is_none() {
                    if command.attempts == 0 {
                        command.first_at_ms = at_ms;
                    }
                    command.attempts += 1;
                }
            }
            "acknowledged" => {
                let caused = line["caused"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let caused = caused.filter_map(read_caused).collect();
                command.acknowledged.get_or_insert((at_ms, caused));
            }
            _ => {
                self.refused.insert(request.to_owned());
            }
        }
    }

    /// Says that a command was acknowledged; for mutations.
    pub fn pretend(&mut self, request: &str, method: &str) {
        let acknowledged = Some((0, BTreeSet::new()));
        let command = Command { method: method.to_owned(), attempts: 1, first_at_ms: 0, acknowledged };
        self.commands.insert(request.to_owned(), command);
    }
}

/// `<event type>;<aggregate id>;<event id>`.
fn read_caused(written: &str) -> Option<Caused> {
    let mut parts = written.trim().split(';');
    let (event_type, event_id) = (parts.next()?, parts.nth(1)?);
    let aggregate_type = event_type.rsplitn(3, '.').last()?.to_owned();
    Some(Caused { aggregate_type, event_id: event_id.to_owned() })
}
