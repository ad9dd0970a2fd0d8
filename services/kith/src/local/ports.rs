//! The ports of the local stack: chosen once, remembered in `stack.json`, chosen anew only when somebody else
//! has taken one meanwhile.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::files;
use super::home::Home;
use super::process;

/// The services in the order they are shown, with their ports from 7101 on.
pub const SERVICES: [&str; 7] =
    ["identity", "teams", "matching", "appointments", "finance", "governance", "evaluation"];

const FIRST_SERVICE_PORT: u16 = 7101;
/// How far a replacement for a busy port lies from it; the default ports fit in between.
const STEP: u16 = 100;

/// Every port of one stack, all on the loopback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    pub postgres: u16,
    pub broker: u16,
    /// Erlang distribution of the broker, which its own command line tool uses.
    pub broker_distribution: u16,
    /// Erlang's name server for this broker alone.
    pub epmd: u16,
    pub services: BTreeMap<String, u16>,
}

impl Default for Ports {
    fn default() -> Self {
        let services = (FIRST_SERVICE_PORT..).zip(SERVICES).map(|(port, name)| (name.to_owned(), port));
        Self {
            postgres: 7154,
            broker: 7156,
            broker_distribution: 7157,
            epmd: 7158,
            services: services.collect(),
        }
    }
}

/// Which parts of the stack run now, so that their busy ports are their own.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four parts that run or not, independently")]
pub struct Running {
    pub postgres: bool,
    pub broker: bool,
    pub epmd: bool,
    pub services: bool,
}

impl Ports {
    /// Returns the remembered ports, or the default ones.
    pub fn load(home: &Home) -> Result<Self> {
        Ok(Self::remembered(home)?.unwrap_or_default())
    }

    /// Returns the ports of an earlier start.
    pub fn remembered(home: &Home) -> Result<Option<Self>> {
        let path = state_file(home);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        serde_json::from_str(&text).with_context(|| {
            format!("{} cannot be understood; what to do: `kith stop`, then remove that file", path.display())
        })
    }

    pub fn save(&self, home: &Home) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("cannot write the ports as JSON")?;
        home.write(&state_file(home), &text, 0o644)
    }

    /// Moves each port that is not ours and not free to one that is.
    pub fn move_busy(&mut self, running: Running, is_free: impl Fn(u16) -> bool) -> Result<()> {
        let mut taken: Vec<u16> = Vec::new();
        let fixed = [
            (&mut self.postgres, running.postgres),
            (&mut self.broker, running.broker),
            (&mut self.broker_distribution, running.broker),
            (&mut self.epmd, running.epmd),
        ];
        let services = self.services.values_mut().map(|port| (port, running.services));
        for (port, ours) in fixed.into_iter().chain(services) {
            if !ours {
                *port = choose(*port, &taken, &is_free).with_context(|| {
                    format!("no free port found near {port}; what to do: stop what uses them")
                })?;
            }
            taken.push(*port);
        }
        Ok(())
    }
}

/// Returns the preferred port if it is free, else the next free one in steps above it.
fn choose(preferred: u16, taken: &[u16], is_free: impl Fn(u16) -> bool) -> Option<u16> {
    let mut candidate = preferred;
    loop {
        if !taken.contains(&candidate) && is_free(candidate) {
            return Some(candidate);
        }
        candidate = candidate.checked_add(STEP)?;
    }
}

/// Returns whether nobody listens on the port, here or on every interface. Until the deadline a busy port gets
/// time: one of a process that was just killed is free a moment later.
pub fn becomes_free(port: u16, deadline: Instant) -> bool {
    let patience = deadline.saturating_duration_since(Instant::now());
    process::poll(patience, || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).is_some()
}

fn state_file(home: &Home) -> PathBuf {
    home.root().join("stack.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_stays_and_a_busy_one_moves_past_the_taken() {
        assert_eq!(choose(7154, &[], |_| true), Some(7154));
        assert_eq!(choose(7154, &[7254], |port| port != 7154), Some(7354));
        assert_eq!(choose(65_500, &[], |_| false), None);
    }

    #[test]
    fn the_port_of_a_running_server_is_never_moved() {
        let mut ports = Ports::default();
        let running = Running { broker: true, ..Running::default() };
        ports.move_busy(running, |port| port != 7156 && port != 7101 && port != 7158).expect("ports");
        assert_eq!((ports.postgres, ports.broker, ports.epmd), (7154, 7156, 7258));
        assert_eq!(ports.services["identity"], 7201);
        assert_eq!(ports.services["teams"], 7102);
    }

    #[test]
    fn two_ports_never_become_the_same() {
        let mut ports = Ports { postgres: 7056, ..Ports::default() };
        ports.move_busy(Running::default(), |port| port != 7056).expect("ports");
        assert_eq!((ports.postgres, ports.broker), (7156, 7256));
    }

    #[test]
    fn state_file_round_trip() {
        let mut ports = Ports { postgres: 9000, ..Ports::default() };
        ports.services.insert("teams".to_owned(), 9001);
        let text = serde_json::to_string(&ports).expect("JSON");
        assert_eq!(serde_json::from_str::<Ports>(&text).expect("the same"), ports);
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        assert!(!becomes_free(port, Instant::now()));
        drop(socket);
        assert!(becomes_free(port, Instant::now()));
    }
}
