//! `kith footprint`: memory of each running service, and how long each takes from start to serving.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::files;
use super::home::Home;
use super::process::ProcessId;
use super::service::{READY_FILE_VARIABLE, ServiceSpec};
use super::services;
use super::table;

/// Gives a service that is measured a port of its own beside the one that runs.
const ADDRESS_VARIABLE: &str = "KITH__SERVER__LISTEN";
const START_LIMIT: Duration = Duration::from_secs(30);

/// Prints the table. Each service is started `rounds` times more, one at a time, beside the one that runs.
pub fn print(home: &Home, rounds: usize) -> Result<()> {
    let Some(report) = services::report(home).filter(|report| report.supervisor.is_alive()) else {
        bail!("no services run here; what to do: `kith up` first");
    };
    let specs = services::read_specs(&home.run())?;
    let mut rows = Vec::new();
    for service in &report.services {
        let memory = service.process.map(Memory::of).transpose()?;
        let spec = specs.iter().find(|spec| spec.name == service.name);
        let start = match spec {
            Some(spec) if rounds > 0 => Some(Starts::measure(home, spec, rounds)?),
            _ => None,
        };
        rows.push(row(&service.name, memory, start.as_ref()));
    }
    rows.push(row("supervisor", Some(Memory::of(report.supervisor)?), None));
    if rounds > 0 {
        let (memory, start) = measure_standalone(home, specs.len())?;
        let start = Starts { median: start, shortest: start, longest: start };
        rows.push(row("all in one process", Some(memory), Some(&start)));
    }
    let head = ["service", "resident MB", "proportional MB", "start ms (median)", "[min..max]"];
    print!("{}", table::render(&head, &[1, 2, 3, 4], &rows));
    Ok(())
}

fn row(name: &str, memory: Option<Memory>, starts: Option<&Starts>) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        name.to_owned(),
        memory.map_or_else(dash, |memory| megabytes(memory.resident_kb)),
        memory.map_or_else(dash, |memory| megabytes(memory.proportional_kb)),
        starts.map_or_else(dash, |starts| format!("{:.1}", milliseconds(starts.median))),
        starts.map_or_else(dash, |starts| {
            format!("[{:.1}..{:.1}]", milliseconds(starts.shortest), milliseconds(starts.longest))
        }),
    ]
}

fn megabytes(kilobytes: u64) -> String {
    format!("{}.{}", kilobytes / 1024, kilobytes % 1024 * 10 / 1024)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Memory of one process, in kB as the kernel counts it.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// VmRSS: all pages it has in memory, shared ones counted in full.
    pub resident_kb: u64,
    /// PSS: shared pages divided among those who share them.
    pub proportional_kb: u64,
}

impl Memory {
    pub fn of(process: ProcessId) -> Result<Self> {
        let field = |file: &str, name: &str| -> Result<u64> {
            let path = format!("/proc/{}/{file}", process.pid);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            kilobytes(&text, name).with_context(|| format!("{path} has no {name}"))
        };
        Ok(Self { resident_kb: field("status", "VmRSS:")?, proportional_kb: field("smaps_rollup", "Pss:")? })
    }
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Times from start to serving over several rounds.
#[derive(Clone, Copy, Debug)]
pub struct Starts {
    pub median: Duration,
    pub shortest: Duration,
    pub longest: Duration,
}

impl Starts {
    pub fn measure(home: &Home, spec: &ServiceSpec, rounds: usize) -> Result<Self> {
        let mut times = Vec::new();
        for _ in 0..rounds.max(1) {
            times.push(measure_start(home, spec)?);
        }
        times.sort();
        Ok(Self { median: times[times.len() / 2], shortest: times[0], longest: times[times.len() - 1] })
    }
}

/// Starts the service once more on a free port and returns the time until it announced its address; stops it.
pub fn measure_start(home: &Home, spec: &ServiceSpec) -> Result<Duration> {
    let mut trial = spec.clone();
    trial.ready_file = home.run().join(format!("{}.trial", spec.name));
    files::remove(&trial.ready_file)?;
    let log: File = home.append(&home.log("footprint"))?;
    let mut command = home.account().command(&trial.program);
    command
        .args(&trial.arguments)
        .envs(&trial.environment)
        .env(ADDRESS_VARIABLE, "127.0.0.1:0")
        .env(READY_FILE_VARIABLE, &trial.ready_file)
        .current_dir(home.root())
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("cannot share the log")?)
        .stderr(log);
    let begin = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {}", trial.program.display()))?;
    let outcome = loop {
        if trial.announced_address().is_some() {
            break Ok(begin.elapsed());
        }
        if let Some(status) = child.try_wait().context("cannot wait for the service")? {
            break Err(format!("ended before it served ({status})"));
        }
        if begin.elapsed() > START_LIMIT {
            break Err(format!("does not serve within {} s", START_LIMIT.as_secs()));
        }
        thread::sleep(Duration::from_micros(500));
    };
    if let Some(process) = ProcessId::of(child.id()) {
        process.stop(&[(Signal::TERM, Duration::from_secs(15))]);
    }
    child.wait().context("cannot wait for the service")?;
    files::remove(&trial.ready_file)?;
    outcome.map_err(|what| {
        let log = home.log("footprint");
        anyhow::anyhow!("{} {what}; the end of {}:\n{}", spec.name, log.display(), files::tail(&log))
    })
}

/// Starts all services in one process beside those that run; returns its memory and the time until all serve.
fn measure_standalone(home: &Home, services: usize) -> Result<(Memory, Duration)> {
    let folder = tempfile::tempdir().context("cannot make a folder for the trial")?;
    let log: File = home.append(&home.log("footprint"))?;
    let begin = Instant::now();
    let mut child = Command::new(std::env::current_exe().context("cannot tell where this program is")?)
        .args(["standalone", "--trial"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("cannot share the log")?)
        .stderr(log)
        .spawn()
        .context("cannot run all services in one process")?;
    let mut serve_after = None;
    while serve_after.is_none() && begin.elapsed() < START_LIMIT && child.try_wait()?.is_none() {
        let ready =
            fs::read_dir(folder.path())?.flatten().filter(|file| file.path().extension().is_none()).count();
        if ready == services {
            serve_after = Some(begin.elapsed());
        }
        thread::sleep(Duration::from_millis(1));
    }
    let process = ProcessId::of(child.id());
    // Idle, not starting: a second for what runs beside the calls to settle.
    thread::sleep(Duration::from_secs(1));
    let memory = process.map(Memory::of);
    if let Some(process) = process {
        process.stop(&[(Signal::TERM, Duration::from_secs(15))]);
    }
    child.wait().context("cannot wait for the trial")?;
    match (serve_after, memory) {
        (Some(time), Some(memory)) => Ok((memory?, time)),
        _ => bail!("all in one process do not serve; see {}", home.log("footprint").display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_this_process_is_read() {
        let me = ProcessId::of(std::process::id()).expect("this process");
        let memory = Memory::of(me).expect("its memory");
        assert!(memory.resident_kb > 100);
        assert!(memory.proportional_kb <= memory.resident_kb * 2);
    }

    #[test]
    fn fields_are_found_by_name() {
        let text = "Rss:    2048 kB\nPss:    1536 kB\nPss_Dirty:  10 kB\n";
        assert_eq!(kilobytes(text, "Pss:"), Some(1536));
        assert_eq!(megabytes(1536), "1.5");
    }
}
