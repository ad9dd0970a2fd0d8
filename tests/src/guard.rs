//! Runs a harness on servers of its own: one process around the one that does the work looks after what must be gone at
//! the end, whatever becomes of it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::chaos::servers::{Servers, end_leftovers};

/// Set for the process that does the work: the folder of its servers.
const INSIDE: &str = "KITH_HARNESS_SERVERS";

/// The folder of the servers, in the process that does the work.
pub fn inside() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

/// Starts the servers and this program again to do the work; ends all of it afterwards.
///
/// # Panics
/// Where the servers do not start.
pub async fn run(name: &str, keep: bool) -> ExitCode {
    let (servers_folder, work) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::Builder::new().prefix(&format!("kith-{name}-")).tempdir().expect("a folder"),
    );
    let servers = Servers::within(servers_folder.path());
    servers.up();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(std::env::args().skip(1))
        .env(INSIDE, servers_folder.path())
        .env("TMPDIR", work.path())
        .envs(servers.urls())
        .spawn()
        .expect("this program again");
    let mut terminated = signal(SignalKind::terminate()).expect("signals are heard");
    let outcome = loop {
        if let Some(status) = child.try_wait().expect("its state") {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            break code.map_or(ExitCode::FAILURE, ExitCode::from);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => continue,
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
        child.kill().ok();
        child.wait().ok();
        break ExitCode::FAILURE;
    };
    end_leftovers(work.path());
    servers.stop();
    if keep {
        eprintln!("kept: {}", work.keep().display());
    }
    outcome
}

/// The commit that this checkout stands at, and whether files differ from it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let changed =
        if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { " with changes" };
    format!("{}{changed}", git(&["rev-parse", "--short", "HEAD"]))
}
