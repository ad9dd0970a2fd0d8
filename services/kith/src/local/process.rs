//! Other processes: telling them apart for certain, waiting for their end, stopping them. Reads `/proc`.
//!
//! A process is named by its id and its start time together, so that an id given to somebody else is never
//! mistaken for ours. One that has ended but was not reaped (PID 1 does not always do it) counts as gone.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::home::Home;

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// One certain process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub pid: u32,
    /// Clock ticks after boot at which it started.
    pub started: u64,
}

impl ProcessId {
    /// Returns the living process with this id.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        parse_stat(&stat).map(|started| Self { pid, started })
    }

    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends the signal if the process still lives.
    pub fn signal(self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (true, Some(pid)) = (self.is_alive(), pid) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Returns whether the process has ended within the time.
    pub fn gone_within(self, limit: Duration) -> bool {
        poll(limit, || if self.is_alive() { None } else { Some(()) }).is_some()
    }

    /// Sends each signal in turn, moving on to the next when its time is over; ends with SIGKILL.
    pub fn stop(self, steps: &[(Signal, Duration)]) {
        for (signal, patience) in steps {
            self.signal(*signal);
            if self.gone_within(*patience) {
                return;
            }
        }
        self.signal(Signal::KILL);
        self.gone_within(Duration::from_secs(5));
    }

    /// Returns the short name of its program, as the kernel keeps it.
    pub fn name(self) -> String {
        fs::read_to_string(format!("/proc/{}/comm", self.pid)).unwrap_or_default().trim().to_owned()
    }

    pub fn has_working_folder(self, folder: &Path) -> bool {
        fs::read_link(format!("/proc/{}/cwd", self.pid)).is_ok_and(|cwd| cwd == folder)
    }

    /// Returns the value a variable had in its environment when it started, as far as that may be read.
    pub fn started_with(self, variable: &str) -> Option<PathBuf> {
        let environment = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let prefix = format!("{variable}=");
        let entry =
            environment.split(|byte| *byte == 0).find(|entry| entry.starts_with(prefix.as_bytes()))?;
        Some(PathBuf::from(OsStr::from_bytes(&entry[prefix.len()..])))
    }

    pub fn save(self, home: &Home, path: &Path) -> Result<()> {
        let json = serde_json::to_vec(&self).context("cannot write a process id as JSON")?;
        home.write(path, &json, 0o644)
    }

    /// Returns the process named in the file if it still lives.
    pub fn load(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let recorded: Self = serde_json::from_str(&text).ok()?;
        recorded.is_alive().then_some(recorded)
    }
}

/// Returns the start time out of `/proc/<pid>/stat`; `None` for a zombie. The name in it may hold anything, so
/// counting begins after its closing parenthesis.
fn parse_stat(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Returns all living processes.
pub fn all() -> impl Iterator<Item = ProcessId> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(ProcessId::of)
}

/// Returns the process that listens on this TCP port of the loopback or of every interface, as far as its
/// descriptors may be read.
pub fn listener(port: u16) -> Option<ProcessId> {
    let mut inodes = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        inodes.extend(listening_inodes(&text, port));
    }
    if inodes.is_empty() {
        return None;
    }
    let sockets: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    all().find(|process| {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", process.pid)).into_iter().flatten().flatten();
        descriptors
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
    })
}

/// Returns the socket inodes in state LISTEN (0A) at the port, out of a `/proc/net/tcp` table.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let mut inodes = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let (Some(local), Some(&"0A"), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9))
            && local.ends_with(&suffix)
        {
            inodes.push((*inode).to_owned());
        }
    }
    inodes
}

/// Returns whether something accepts connections at this port of the loopback.
pub fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Asks again and again until there is an answer or the time is over.
pub fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_found_behind_a_name_with_parentheses() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 98765 10 1";
        assert_eq!(parse_stat(stat), Some(98765));
    }

    #[test]
    fn a_zombie_counts_as_gone() {
        let stat = "12 (sh) Z 1 12 12 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0";
        assert_eq!(parse_stat(stat), None);
    }

    #[test]
    fn this_process_lives_and_another_start_time_is_somebody_else() {
        let me = ProcessId::of(std::process::id()).expect("this process");
        assert!(me.is_alive());
        assert!(!ProcessId { started: me.started + 1, ..me }.is_alive());
    }

    #[test]
    fn the_environment_at_the_start_is_read() {
        let mut child =
            std::process::Command::new("sleep").arg("60").env("HOME", "/some/where").spawn().expect("sleep");
        let process = ProcessId::of(child.id()).expect("a process");
        let home = poll(Duration::from_secs(5), || {
            process.started_with("HOME").filter(|_| process.name() == "sleep")
        });
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert_eq!(home.as_deref(), Some(Path::new("/some/where")));
    }

    #[test]
    fn only_listening_sockets_at_the_port_are_taken() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1BF2 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4711 1\n\
            1: 0100007F:1BF2 0100007F:9999 01 00000000:00000000 00:00000000 00000000  0 0 4712 1\n\
            2: 0100007F:1BF3 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4713 1\n";
        assert_eq!(listening_inodes(table, 0x1BF2), ["4711"]);
    }

    #[test]
    fn the_listener_of_a_port_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        assert_eq!(listener(port).map(|process| process.pid), Some(std::process::id()));
        assert!(accepts(port));
    }
}
