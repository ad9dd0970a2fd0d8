//! `kith supervise`: keeps the services running until it is told to stop. Runs detached, started by `kith up`.

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::process::ProcessId;
use super::service::{Backoff, READY_FILE_VARIABLE, Report, ServiceReport, ServiceSpec, State};
use super::services;

/// How long a service may take to end in good order.
pub const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Runs until SIGTERM or SIGINT; then stops all services side by side.
pub fn supervise(run: &Path, logs: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let told_to_end = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        keep_all_running(run, logs, told_to_end).await
    })
}

async fn keep_all_running(run: &Path, logs: &Path, told_to_end: impl Future<Output = ()>) -> Result<()> {
    let specs = services::read_specs(run)?;
    let board = Board::new(services::report_file(run), &specs)?;
    let (stop, stopping) = watch::channel(false);
    let mut keepers = JoinSet::new();
    for (index, spec) in specs.into_iter().enumerate() {
        let keeper = Keeper {
            log: logs.join(format!("{}.log", spec.name)),
            spec,
            index,
            board: Arc::clone(&board),
            stopping: stopping.clone(),
        };
        keepers.spawn(keeper.keep_running());
    }
    tokio::select! {
        () = told_to_end => {}
        // A keeper ends early only by a fault of its own: better to go down loudly than to watch six of seven.
        Some(outcome) = keepers.join_next() => outcome.context("a keeper failed")?,
    }
    stop.send_replace(true);
    while let Some(outcome) = keepers.join_next().await {
        outcome.context("a keeper failed")?;
    }
    Ok(())
}

/// The report file and what was last written to it.
struct Board {
    path: PathBuf,
    report: Mutex<Report>,
}

impl Board {
    fn new(path: PathBuf, specs: &[ServiceSpec]) -> Result<Arc<Self>> {
        let supervisor = ProcessId::of(std::process::id()).context("/proc cannot be read")?;
        let services = specs.iter().map(|spec| ServiceReport {
            name: spec.name.clone(),
            process: None,
            state: State::Starting,
            address: None,
            restarts: 0,
        });
        let report = Report { supervisor, services: services.collect() };
        report.save(&path)?;
        Ok(Arc::new(Self { path, report: Mutex::new(report) }))
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut ServiceReport)) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = report.services.get_mut(index) {
            change(service);
        }
        if let Err(error) = report.save(&self.path) {
            eprintln!("report not written: {error:#}");
        }
    }
}

/// Looks after one service.
struct Keeper {
    spec: ServiceSpec,
    index: usize,
    log: PathBuf,
    board: Arc<Board>,
    stopping: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep_running(self) {
        let mut backoff = Backoff::new();
        loop {
            let begin = Instant::now();
            let end = self.run_once().await;
            if *self.stopping.borrow() {
                self.board.update(self.index, |service| {
                    service.state = State::Stopped;
                    service.process = None;
                    service.address = None;
                });
                return;
            }
            let pause = backoff.pause_after(begin.elapsed());
            eprintln!("{} {end}; starting it again in {} ms", self.spec.name, pause.as_millis());
            self.board.update(self.index, |service| {
                service.state = State::Waiting;
                service.process = None;
                service.address = None;
                service.restarts += 1;
            });
            tokio::select! {
                () = sleep(pause) => {}
                () = self.told_to_stop() => {}
            }
        }
    }

    /// Starts the service and returns, in words, how it ended; by itself or because it was told to.
    async fn run_once(&self) -> String {
        if *self.stopping.borrow() {
            return "not started".to_owned();
        }
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return format!("does not start: {error:#}"),
        };
        self.board.update(self.index, |service| {
            service.state = State::Starting;
            service.process = child.id().and_then(ProcessId::of);
        });
        let ended = tokio::select! {
            ended = child.wait() => ended,
            never = self.announce_when_serving() => match never {},
            () = self.told_to_stop() => {
                stop(&mut child).await;
                return "stopped".to_owned();
            }
        };
        match ended {
            Ok(status) => format!("ended ({status})"),
            Err(error) => format!("cannot be waited for: {error}"),
        }
    }

    async fn told_to_stop(&self) {
        let mut stopping = self.stopping.clone();
        // The sender lives as long as the supervisor: an error means that everything ends anyway.
        drop(stopping.wait_for(|stop| *stop).await);
    }

    fn spawn(&self) -> Result<Child> {
        super::files::remove(&self.spec.ready_file)?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot open {}", self.log.display()))?;
        Command::new(&self.spec.program)
            .args(&self.spec.arguments)
            .envs(&self.spec.environment)
            .env(READY_FILE_VARIABLE, &self.spec.ready_file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", self.spec.program.display()))
    }

    /// Watches for the ready file and tells the board; ends with the service, never by itself.
    async fn announce_when_serving(&self) -> Infallible {
        let address = loop {
            if let Some(address) = self.spec.announced_address() {
                break address;
            }
            sleep(Duration::from_millis(10)).await;
        };
        self.board.update(self.index, |service| {
            service.state = State::Serving;
            service.address = Some(address);
        });
        std::future::pending().await
    }
}

/// SIGTERM, patience, then SIGKILL to the service and all it started.
async fn stop(child: &mut Child) {
    let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else {
        return;
    };
    let _ = rustix::process::kill_process(group, Signal::TERM);
    if timeout(STOP_PATIENCE, child.wait()).await.is_err() {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let _ = child.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::local::files;
    use crate::local::service::Report;

    fn shell_service(folder: &Path, name: &str, script: &str) -> ServiceSpec {
        ServiceSpec {
            name: name.to_owned(),
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: BTreeMap::from([("PORT".to_owned(), "7101".to_owned())]),
            ready_file: folder.join(format!("{name}.ready")),
        }
    }

    async fn reported(run: &Path, wanted: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match Report::load(&services::report_file(run)) {
                Some(report) if wanted(&report) => return report,
                last => assert!(Instant::now() < deadline, "not in time: {last:?}"),
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_killed_service_serves_again_within_a_second_and_all_end_together() {
        const SERVE: &str = r#"echo "127.0.0.1:$PORT" > "$KITH__SERVER__READY_FILE.new"
            mv "$KITH__SERVER__READY_FILE.new" "$KITH__SERVER__READY_FILE"
            while :; do sleep 0.05; done"#;
        let folder = tempfile::tempdir().expect("temporary folder");
        let run = folder.path();
        let specs = [shell_service(run, "one", SERVE), shell_service(run, "broken", "exit 3")];
        services::write_specs(run, &specs).expect("the plan");
        let (end, mut ended) = watch::channel(false);
        let supervised = keep_all_running(run, run, async {
            drop(ended.wait_for(|end| *end).await);
        });
        let observed = async {
            let before = reported(run, |report| report.services[0].state == State::Serving).await;
            assert_eq!(before.services[0].address.as_deref(), Some("127.0.0.1:7101"));
            let first = before.services[0].process.expect("a process");
            first.signal(Signal::KILL);
            let killed = Instant::now();
            let again = |report: &Report| {
                report.services[0].restarts == 1 && report.services[0].state == State::Serving
            };
            let after = reported(run, again).await;
            assert!(killed.elapsed() < Duration::from_secs(1), "took {:?}", killed.elapsed());
            reported(run, |report| report.services[1].restarts >= 2).await;
            end.send_replace(true);
            after.services[0].process.expect("a process")
        };
        let (outcome, second) = tokio::join!(supervised, observed);
        outcome.expect("an orderly end");
        assert!(!second.is_alive());
        let last = Report::load(&services::report_file(run)).expect("a report");
        assert!(
            last.services.iter().all(|service| service.state == State::Stopped && service.process.is_none())
        );
        assert!(files::read(&run.join("broken.log")).expect("a log").is_some());
    }
}
