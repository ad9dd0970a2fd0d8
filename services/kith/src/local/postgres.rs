//! The stack's own PostgreSQL: made with generated passwords, on the loopback only, started and stopped.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::files;
use super::home::Home;
use super::process::{self, ProcessId};

const SUPERUSER: &str = "kith_admin";
const SECRET: &str = "postgres";
const SETTINGS_FILE: &str = "kith.conf";
/// A Unix socket's path must fit into 107 bytes.
const LONGEST_SOCKET_FOLDER: usize = 80;

/// Returns the major version of the data folder, if there is one.
pub fn data_major(home: &Home) -> Option<String> {
    let text = fs::read_to_string(home.postgres_data().join("PG_VERSION")).ok()?;
    Some(text.trim().to_owned())
}

/// Returns the postmaster if it runs. The pid file may be left over from one that was killed, and its number
/// may be somebody else's by now: only a `postgres` working in our data folder counts.
pub fn running(home: &Home) -> Option<ProcessId> {
    let data = home.postgres_data();
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let process = ProcessId::of(text.lines().next()?.trim().parse().ok()?)?;
    is_ours(process, &data).then_some(process)
}

/// Returns the address to connect to as superuser, if the server was ever set up.
pub fn url(home: &Home, port: u16) -> Result<Option<String>> {
    let password = home.existing_secret(SECRET)?;
    Ok(password.map(|password| format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres")))
}

/// Clears away what a killed postmaster leaves: its children, which hold the
/// shared memory, and its pid and lock files.
pub fn clear_leftovers(home: &Home) -> Result<()> {
    if running(home).is_some() {
        return Ok(());
    }
    let data = home.postgres_data();
    let orphans: Vec<ProcessId> = process::all().filter(|process| is_ours(*process, &data)).collect();
    for orphan in orphans {
        // They notice the postmaster's death by themselves; a nudge helps one that is stuck.
        if !orphan.gone_within(Duration::from_secs(2)) {
            orphan.stop(&[(Signal::QUIT, Duration::from_secs(3))]);
        }
    }
    files::remove(&data.join("postmaster.pid"))?;
    // PostgreSQL takes a killed postmaster that nobody has reaped yet for a living one, and would not start.
    for entry in fs::read_dir(home.run()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Starts the server if it does not run, making the data folder first if there is none.
pub fn start(home: &Home, bin: &Path, port: u16) -> Result<()> {
    if running(home).is_some() {
        return wait_until_it_answers(home, bin, port);
    }
    home.secret(SECRET)?;
    if data_major(home).is_none() {
        make_data_folder(home, bin)?;
    }
    home.write(&home.postgres_data().join(SETTINGS_FILE), settings(home, port).as_bytes(), 0o600)?;
    let log = home.log("postgres");
    drop(home.append(&log)?);
    let mut command = home.command(bin.join("pg_ctl"));
    command.arg("-D").arg(home.postgres_data()).arg("-l").arg(&log).args(["-w", "-t", "120", "start"]);
    // `pg_ctl` hands its own output on to the server it leaves behind: into a pipe would mean waiting for ever.
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cannot run pg_ctl")?;
    if !status.success() {
        bail!("PostgreSQL does not start; the end of {}:\n{}", log.display(), files::tail(&log));
    }
    wait_until_it_answers(home, bin, port)
}

/// Stops the server if it runs; connections are closed, nothing is lost.
pub fn stop(home: &Home) -> Result<()> {
    if let Some(postmaster) = running(home) {
        // SIGINT is what `pg_ctl -m fast` sends, SIGQUIT is `-m immediate`.
        postmaster.stop(&[(Signal::INT, Duration::from_mins(1)), (Signal::QUIT, Duration::from_secs(5))]);
    }
    clear_leftovers(home)
}

fn is_ours(process: ProcessId, data: &Path) -> bool {
    matches!(process.name().as_str(), "postgres" | "postmaster") && process.has_working_folder(data)
}

/// Makes the data folder beside its place and moves it there when it is whole.
fn make_data_folder(home: &Home, bin: &Path) -> Result<()> {
    let data = home.postgres_data();
    let draft = data.with_extension("new");
    if draft.exists() {
        fs::remove_dir_all(&draft).with_context(|| format!("cannot remove {}", draft.display()))?;
    }
    let mut command = home.command(bin.join("initdb"));
    command
        .arg("-D")
        .arg(&draft)
        .args(["-U", SUPERUSER, "--locale=C.UTF-8", "-E", "UTF8"])
        .args(["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"])
        .arg(format!("--pwfile={}", home.secret_file(SECRET).display()));
    run(&mut command, "initdb")?;
    let settings = draft.join("postgresql.conf");
    let mut text = fs::read_to_string(&settings).context("initdb left no postgresql.conf")?;
    text.push_str("\ninclude '");
    text.push_str(SETTINGS_FILE);
    text.push_str("'\n");
    home.write(&settings, text.as_bytes(), 0o600)?;
    fs::rename(&draft, &data).with_context(|| format!("cannot make {}", data.display()))
}

fn settings(home: &Home, port: u16) -> String {
    let folder = home.run().display().to_string();
    // TCP is what everything here uses; a socket is a convenience that a long path must not turn into a failure.
    let sockets =
        if folder.len() > LONGEST_SOCKET_FOLDER { String::new() } else { folder.replace('\'', "''") };
    format!(
        "# Written by kith at every start.\n\
         listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = '{sockets}'\n\
         max_connections = 400\n\
         shared_buffers = 64MB\n\
         fsync = on\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n"
    )
}

fn wait_until_it_answers(home: &Home, bin: &Path, port: u16) -> Result<()> {
    let answers = process::poll(Duration::from_mins(2), || {
        let mut command = home.command(bin.join("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        let ready = match command.status() {
            Ok(status) => status.success(),
            Err(_) => process::accepts(port),
        };
        ready.then_some(())
    });
    let log = home.log("postgres");
    answers.with_context(|| {
        format!(
            "PostgreSQL does not answer on port {port}; the end of {}:\n{}",
            log.display(),
            files::tail(&log)
        )
    })
}

fn run(command: &mut Command, name: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    bail!("{name} failed:\n{}", files::last_lines(&String::from_utf8_lossy(&text), 12))
}
