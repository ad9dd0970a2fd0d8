//! The services as `kith up` and `kith stop` see them: starts the supervisor, waits for it, stops it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::files;
use super::home::Home;
use super::process::{self, ProcessId};
use super::service::{Report, ServiceSpec, State};
use super::supervisor::STOP_PATIENCE;

const START_LIMIT: Duration = Duration::from_mins(2);
/// A service that has ended this often without ever serving will not serve by waiting longer.
const HOPELESS_AFTER: u32 = 5;

/// What runs or shall run: the specs, and which build of each program is meant.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    services: Vec<ServiceSpec>,
    builds: Vec<String>,
}

/// Returns the supervisor if it runs.
pub fn supervisor(home: &Home) -> Option<ProcessId> {
    report(home).map(|report| report.supervisor).filter(|supervisor| supervisor.is_alive())
}

/// Returns what the supervisor last reported, also after its end.
pub fn report(home: &Home) -> Option<Report> {
    Report::load(&report_file(&home.run()))
}

pub fn report_file(run: &Path) -> PathBuf {
    run.join("supervisor.json")
}

fn plan_file(run: &Path) -> PathBuf {
    run.join("services.json")
}

pub fn read_specs(run: &Path) -> Result<Vec<ServiceSpec>> {
    read_plan(run)?
        .map(|plan| plan.services)
        .with_context(|| format!("{} is missing", plan_file(run).display()))
}

/// Writes a plan as `up` does, for tests of the supervisor.
#[cfg(test)]
pub fn write_specs(run: &Path, specs: &[ServiceSpec]) -> Result<()> {
    let plan = Plan { services: specs.to_vec(), builds: Vec::new() };
    files::write(&plan_file(run), &serde_json::to_vec(&plan)?, 0o600)
}

fn read_plan(run: &Path) -> Result<Option<Plan>> {
    let path = plan_file(run);
    let Some(text) = files::read(&path)? else { return Ok(None) };
    serde_json::from_str(&text).with_context(|| format!("{} cannot be understood", path.display()))
}

/// Sees to it that exactly these services run, and returns when all of them serve. Services that run already
/// from the same programs with the same settings are left alone.
pub fn up(home: &Home, specs: Vec<ServiceSpec>) -> Result<()> {
    let run = home.run();
    let plan = plan(home, specs)?;
    if supervisor(home).is_some() {
        if read_plan(&run).ok().flatten().as_ref() == Some(&plan) {
            return wait_until_all_serve(home);
        }
        eprintln!("programs or settings of the services have changed: starting them anew");
    }
    stop(home)?;
    if plan.services.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_vec_pretty(&plan).context("cannot write the services as JSON")?;
    home.write(&plan_file(&run), &json, 0o600)?;
    start_supervisor(home)?;
    wait_until_all_serve(home)
}

fn plan(home: &Home, specs: Vec<ServiceSpec>) -> Result<Plan> {
    let mut plan = Plan { services: Vec::new(), builds: Vec::new() };
    for mut spec in specs {
        spec.program = home.reachable_program(&spec.program)?;
        plan.builds.push(build_of(&spec.program)?);
        plan.services.push(spec);
    }
    Ok(plan)
}

/// Tells one build of a program from another by its length and time of change.
fn build_of(program: &Path) -> Result<String> {
    let describe = || -> Result<String> {
        let metadata = fs::metadata(program)?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH)?;
        Ok(format!("{}-{}", metadata.len(), changed.as_nanos()))
    };
    describe().with_context(|| format!("cannot look at {}; what to do: build it first", program.display()))
}

fn start_supervisor(home: &Home) -> Result<()> {
    let program = std::env::current_exe().context("this program's own file cannot be found")?;
    let program = home.reachable_program(&program)?;
    let log = home.log("supervisor");
    let output = home.append(&log)?;
    let mut supervisor = home
        .account()
        .detached_command(&program)
        .arg("supervise")
        .args([home.run(), home.logs()])
        .current_dir(home.root())
        .stdout(output.try_clone().context("cannot share the log")?)
        .stderr(output)
        .spawn()
        .context("cannot start the supervisor")?;
    let pid = supervisor.id();
    let started = process::poll(Duration::from_secs(10), || {
        if supervisor.try_wait().ok().flatten().is_some() {
            return Some(false);
        }
        report(home).is_some_and(|report| report.supervisor.pid == pid).then_some(true)
    });
    if started == Some(true) {
        return Ok(());
    }
    bail!("the supervisor does not start; the end of {}:\n{}", log.display(), files::tail(&log))
}

fn wait_until_all_serve(home: &Home) -> Result<()> {
    let outcome = process::poll(START_LIMIT, || {
        let report = report(home)?;
        if !report.supervisor.is_alive() {
            return Some(Err(("supervisor".to_owned(), "has ended".to_owned())));
        }
        let waited_for = report.services.iter().find(|service| service.state != State::Serving);
        match waited_for {
            None => Some(Ok(())),
            Some(service) if service.restarts >= HOPELESS_AFTER => {
                Some(Err((service.name.clone(), format!("ended {} times without serving", service.restarts))))
            }
            Some(_) => None,
        }
    });
    match outcome {
        Some(Ok(())) => Ok(()),
        Some(Err((name, what))) => {
            let log = home.log(&name);
            bail!("{name} {what}; the end of {}:\n{}", log.display(), files::tail(&log))
        }
        None => bail!("not every service serves after {} s; see `kith status`", START_LIMIT.as_secs()),
    }
}

/// Stops the supervisor and every service, also those a killed supervisor left behind.
pub fn stop(home: &Home) -> Result<()> {
    if let Some(supervisor) = supervisor(home) {
        supervisor.stop(&[(Signal::TERM, STOP_PATIENCE + Duration::from_secs(5))]);
    }
    let left: Vec<ProcessId> = report(home)
        .map(|report| report.services.into_iter().filter_map(|service| service.process).collect())
        .unwrap_or_default();
    for process in &left {
        process.signal(Signal::TERM);
    }
    for process in left {
        if !process.gone_within(STOP_PATIENCE) {
            process.stop(&[]);
        }
    }
    let run = home.run();
    // A plan of an older version that cannot be read any more must not keep anybody from stopping.
    for spec in read_plan(&run).ok().flatten().map(|plan| plan.services).unwrap_or_default() {
        files::remove(&spec.ready_file)?;
    }
    files::remove(&report_file(&run))?;
    files::remove(&plan_file(&run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuilt_program_is_another_build() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = folder.path().join("program");
        fs::write(&program, "one").expect("written");
        let first = build_of(&program).expect("a build");
        assert_eq!(build_of(&program).expect("the same"), first);
        fs::write(&program, "two!").expect("written");
        assert_ne!(build_of(&program).expect("another"), first);
    }
}
