//! The stack's own RabbitMQ node: a private one with its own cookie, name server (epmd), ports and password.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kith_cli::instance;
use kith_platform::config::Secret;
use rustix::process::Signal;

use super::amqp;
use super::files;
use super::home::Home;
use super::ports::Ports;
use super::process::{self, ProcessId};

const USER: &str = "kith";
const PREFIX: &str = "kith";
const SECRET: &str = "rabbitmq";
const COOKIE: &str = "erlang";
const START_LIMIT: Duration = Duration::from_mins(2);

/// Returns the node's process if it runs.
pub fn running(home: &Home) -> Option<ProcessId> {
    ProcessId::load(&pid_file(home))
}

/// Returns the process of the stack's own epmd: the one we started, or one that the node started at its port
/// after ours was lost. Another stack's epmd at the same port is told apart by the HOME it was started with.
pub fn running_epmd(home: &Home, port: u16) -> Option<ProcessId> {
    ProcessId::load(&epmd_pid_file(home)).or_else(|| {
        let listener = process::listener(port)?;
        let started_in = listener.started_with("HOME")?;
        (listener.name() == "epmd" && started_in == home.rabbitmq()).then_some(listener)
    })
}

/// Returns the address to connect to, if the broker was ever set up.
pub fn url(home: &Home, port: u16) -> Result<Option<String>> {
    let password = home.existing_secret(SECRET)?;
    Ok(password.map(|password| format!("amqp://{USER}:{password}@127.0.0.1:{port}/%2f")))
}

/// Starts the node if it does not run, and returns when it lets us in.
pub fn start(home: &Home, sbin: &Path, ports: &Ports) -> Result<()> {
    let password = home.secret(SECRET)?;
    let definitions = definitions(home, &password)?;
    if running(home).is_some() {
        start_epmd(home, ports)?;
        wait_until_it_lets_us_in(home, ports, &password, None)?;
        if files::read(&definitions_file(home))?.is_some_and(|known| known == definitions) {
            return Ok(());
        }
        import(home, sbin, ports, &definitions)?;
        return home.write(&definitions_file(home), definitions.as_bytes(), 0o600);
    }
    home.write(&definitions_file(home), definitions.as_bytes(), 0o600)?;
    write_configuration(home, ports)?;
    start_epmd(home, ports)?;
    let output = home.append(&home.log("rabbitmq-start"))?;
    let mut command = home.detached_command(sbin.join("rabbitmq-server"));
    set_environment(&mut command, home, ports);
    let node = command
        .stdout(output.try_clone().context("cannot share the log")?)
        .stderr(output)
        .spawn()
        .context("cannot run rabbitmq-server")?;
    if let Some(process) = ProcessId::of(node.id()) {
        process.save(home, &pid_file(home))?;
    }
    wait_until_it_lets_us_in(home, ports, &password, Some(node))
}

/// The users of this node: the administrator, and one for each service with the password that it is given.
fn definitions(home: &Home, password: &str) -> Result<String> {
    let administrator = Secret::new(password);
    let definitions =
        instance::broker_definitions(&home.secrets(), "/", PREFIX, Some((USER, &administrator)))?;
    home.own_all(&home.secrets())?;
    Ok(definitions)
}

/// Tells the running node of definitions: what it has of the same names is replaced, the rest stays.
pub fn import(home: &Home, sbin: &Path, ports: &Ports, definitions: &str) -> Result<()> {
    let file = home.rabbitmq().join("import.json");
    home.write(&file, definitions.as_bytes(), 0o600)?;
    let mut command = home.command(sbin.join("rabbitmqctl"));
    set_environment(&mut command, home, ports);
    command.args(["--quiet", "--timeout", "60", "import_definitions"]).arg(&file).stdin(Stdio::null());
    let done = command.output().context("cannot run rabbitmqctl")?;
    files::remove(&file)?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    bail!("RabbitMQ does not take the definitions:\n{}", String::from_utf8_lossy(&said).trim())
}

/// Stops the node and its epmd if they run.
pub fn stop(home: &Home, sbin: Option<&Path>, ports: &Ports) -> Result<()> {
    if let Some(node) = running(home) {
        let asked = sbin.is_some_and(|sbin| ask_to_shut_down(home, sbin, ports));
        if !asked || !node.gone_within(Duration::from_secs(30)) {
            // Erlang shuts down in good order on SIGTERM too.
            node.stop(&[(Signal::TERM, Duration::from_secs(20))]);
        }
    }
    files::remove(&pid_file(home))?;
    if let Some(epmd) = running_epmd(home, ports.epmd) {
        epmd.stop(&[(Signal::TERM, Duration::from_secs(3))]);
    }
    files::remove(&epmd_pid_file(home))
}

fn ask_to_shut_down(home: &Home, sbin: &Path, ports: &Ports) -> bool {
    let mut command = home.command(sbin.join("rabbitmqctl"));
    set_environment(&mut command, home, ports);
    command.args(["--quiet", "--timeout", "30", "shutdown"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs epmd as a child of nobody but ours, so that its id is known: the node would start one in the background
/// that outlives it.
fn start_epmd(home: &Home, ports: &Ports) -> Result<()> {
    if running_epmd(home, ports.epmd).is_some() {
        return Ok(());
    }
    let log = home.log("epmd");
    let output = home.append(&log)?;
    let mut epmd = home
        .detached_command(epmd_program())
        .env("HOME", home.rabbitmq())
        .args(["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"])
        .stdout(output.try_clone().context("cannot share the log")?)
        .stderr(output)
        .spawn()
        .context("cannot run epmd, a part of Erlang")?;
    if let Some(process) = ProcessId::of(epmd.id()) {
        process.save(home, &epmd_pid_file(home))?;
    }
    let accepts = process::poll(Duration::from_secs(10), || {
        let ended = epmd.try_wait().ok().flatten().is_some();
        (ended || process::accepts(ports.epmd)).then_some(!ended)
    });
    if accepts == Some(true) {
        return Ok(());
    }
    bail!("epmd does not answer on port {}; the end of {}:\n{}", ports.epmd, log.display(), files::tail(&log))
}

/// Erlang keeps its own beside its virtual machine; otherwise the search path has one.
fn epmd_program() -> PathBuf {
    let runtimes = std::fs::read_dir("/usr/lib/erlang").into_iter().flatten().flatten();
    let mut programs: Vec<PathBuf> = runtimes
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("erts-"))
        .map(|entry| entry.path().join("bin/epmd"))
        .filter(|program| program.is_file())
        .collect();
    programs.sort();
    programs.pop().unwrap_or_else(|| PathBuf::from("epmd"))
}

fn write_configuration(home: &Home, ports: &Ports) -> Result<()> {
    let folder = home.rabbitmq();
    let configuration = configuration(ports, &definitions_file(home));
    home.write(&folder.join("rabbitmq.conf"), configuration.as_bytes(), 0o600)?;
    home.write(&folder.join("enabled_plugins"), b"[].\n", 0o644)?;
    // Present and empty, so that nothing under /etc/rabbitmq is read.
    home.write(&folder.join("advanced.config"), b"[].\n", 0o644)?;
    home.write(&folder.join("rabbitmq-env.conf"), b"", 0o644)?;
    let cookie = home.secret(COOKIE)?;
    home.write(&folder.join(".erlang.cookie"), cookie.as_bytes(), 0o400)
}

fn configuration(ports: &Ports, definitions: &Path) -> String {
    // The log of quorum queues is held in memory until it has this size; the default of 512 MB is for big servers.
    format!(
        "# Written by kith at every start.\n\
         listeners.tcp.1 = 127.0.0.1:{}\n\
         load_definitions = {}\n\
         vm_memory_high_watermark.absolute = 768MiB\n\
         disk_free_limit.absolute = 100MB\n\
         raft.wal_max_size_bytes = 67108864\n\
         log.file.level = info\n",
        ports.broker,
        definitions.display()
    )
}

fn set_environment(command: &mut Command, home: &Home, ports: &Ports) {
    let folder = home.rabbitmq();
    command
        .env("HOME", &folder)
        .env("RABBITMQ_NODENAME", format!("kith-{}@localhost", home.short_hash()))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", ports.broker.to_string())
        .env("RABBITMQ_DIST_PORT", ports.broker_distribution.to_string())
        .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", home.logs())
        .env("RABBITMQ_LOGS", home.log("rabbitmq"))
        .env("RABBITMQ_PID_FILE", folder.join("node.pid"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
        .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config"))
        .env("RABBITMQ_CONF_ENV_FILE", folder.join("rabbitmq-env.conf"))
        .env("ERL_EPMD_PORT", ports.epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_CRASH_DUMP", home.log("rabbitmq-crash"))
        // The start script replaces itself with the node instead of waiting for it: its id is the node's.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2")
        .env("RABBITMQ_CTL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1");
}

fn wait_until_it_lets_us_in(home: &Home, ports: &Ports, password: &str, node: Option<Child>) -> Result<()> {
    let mut node = node;
    let mut last_answer = None;
    let outcome = process::poll(START_LIMIT, || {
        // A child of ours is asked by `try_wait`, which also reaps it.
        let ended = match &mut node {
            Some(node) => node.try_wait().ok().flatten().is_some(),
            None => running(home).is_none(),
        };
        if ended {
            return Some(false);
        }
        match amqp::sign_in(ports.broker, USER, password) {
            Ok(()) => Some(true),
            Err(error) => {
                last_answer = Some(error);
                None
            }
        }
    });
    let log = home.log("rabbitmq");
    match outcome {
        Some(true) => Ok(()),
        Some(false) => {
            let start_log = home.log("rabbitmq-start");
            bail!(
                "RabbitMQ ended while starting; the end of {}:\n{}",
                start_log.display(),
                files::tail(&start_log)
            )
        }
        None => bail!(
            "RabbitMQ does not let us in on port {} ({}); the end of {}:\n{}",
            ports.broker,
            last_answer.map(|error| error.to_string()).unwrap_or_default(),
            log.display(),
            files::tail(&log)
        ),
    }
}

fn definitions_file(home: &Home) -> PathBuf {
    home.rabbitmq().join("definitions.json")
}

fn pid_file(home: &Home) -> PathBuf {
    home.run().join("rabbitmq.json")
}

fn epmd_pid_file(home: &Home) -> PathBuf {
    home.run().join("epmd.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_keeps_to_the_loopback_and_names_the_users() {
        let text = configuration(&Ports::default(), Path::new("/stack/rabbit/definitions.json"));
        assert!(text.contains("listeners.tcp.1 = 127.0.0.1:7156\n"));
        assert!(text.contains("load_definitions = /stack/rabbit/definitions.json\n"));
    }
}
