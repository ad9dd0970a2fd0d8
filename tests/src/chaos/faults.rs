//! Processes and servers that die: D1, D3, D5, D7, D9.

use std::time::{Duration, Instant};

use super::report::Faults;
use super::servers::{Blow, signal};
use super::stage::{Load, Stage};
use crate::services;

/// How long recovery may take at most.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// How long a crash point is waited for: however slow the machine.
const CRASH_PATIENCE: Duration = Duration::from_mins(3);
/// After so long without one, further months are taken in: those under way may have nothing left for this service.
const MORE_AFTER: Duration = Duration::from_secs(8);
const MOST_MORE: u32 = 4;

/// Whether months are on their way in: takes more of them in where there were not faults enough yet.
pub fn goes_on(stage: &mut Stage, load: &mut Load, count: usize, enough: usize) -> bool {
    if load.is_running(&stage.stack) {
        return true;
    }
    if count >= enough {
        return false;
    }
    stage.more(load);
    true
}

/// The months in peace: what everything else is held against.
pub async fn peace(stage: &mut Stage, load: &mut Load) -> Faults {
    while load.is_running(&stage.stack) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Faults {
        notes: vec![format!("months in peace took {:.1} s", load.elapsed().as_secs_f64())],
        ..Faults::default()
    }
}

/// D1: kills every service in turn, as long as months are on their way in.
pub async fn kill_services(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    let mut names: Vec<&'static str> = services().iter().map(|service| service.name).collect();
    stage.random.shuffle(&mut names);
    let enough = if stage.size.quick { 14 } else { 700 };
    for round in 0_usize.. {
        let wait = stage.random.between(50, 300);
        tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        if !goes_on(stage, load, faults.count, enough) {
            break;
        }
        let name = names[round % names.len()];
        stage.stack.restart(name);
        faults.count += 1;
        stage.stack.wait_until_serving(name);
        let back = stage.databases.until_resumed(PATIENCE).await;
        faults.recovered(back);
    }
    faults
}

/// D3: aborts services at each of the eight points, once each, and starts them again without.
pub async fn crash_points(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    let mut pairs: Vec<(&str, &'static str)> = Vec::new();
    for point in ["K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8"] {
        let among = if stage.size.quick {
            vec!["appointments", "finance"]
        } else {
            services().map(|one| one.name).to_vec()
        };
        pairs.extend(among.into_iter().map(|name| (point, name)));
    }
    stage.random.shuffle(&mut pairs);
    let (mut hit, mut never) = (std::collections::BTreeMap::<&str, usize>::new(), Vec::new());
    let enough = pairs.len() * if stage.size.quick { 1 } else { 8 };
    for (place, (point, name)) in pairs.iter().copied().cycle().enumerate() {
        if !goes_on(stage, load, place, enough) {
            break;
        }
        stage.stack.restart_with(name, &[("KITH_CRASH_POINT", point)]);
        let (begin, mut more) = (Instant::now(), 0);
        while !stage.stack.has_ended(name) && begin.elapsed() < CRASH_PATIENCE {
            goes_on(stage, load, place, enough);
            if more < MOST_MORE && begin.elapsed() > MORE_AFTER * (more + 1) {
                more += 1;
                stage.more(load);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if stage.stack.has_ended(name) {
            faults.count += 1;
            *hit.entry(point).or_default() += 1;
        } else {
            never.push(format!("{point} of {name}"));
        }
        stage.stack.restart(name);
        stage.stack.wait_until_serving(name);
        let back = stage.databases.until_resumed(PATIENCE).await;
        faults.recovered(back);
    }
    faults.notes.push(format!("crashes by point: {hit:?}"));
    if !never.is_empty() {
        faults.problems.push(format!(
            "D3: not reached within {} s: {}",
            CRASH_PATIENCE.as_secs(),
            never.join(", ")
        ));
    }
    if hit.len() < 8 {
        faults
            .problems
            .push(format!("D3: only the points {:?} were reached", hit.keys().collect::<Vec<_>>()));
    }
    faults
}

/// D5: ends the broker, by SIGKILL and SIGTERM in turn, and starts it again.
pub async fn end_broker(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    let most = if stage.size.quick { 2 } else { 20 };
    let before: Vec<Option<u32>> = services().iter().map(|service| stage.stack.pid(service.name)).collect();
    while faults.count < most {
        tokio::time::sleep(Duration::from_secs(1)).await;
        goes_on(stage, load, faults.count, most);
        stage.servers.end_broker(if faults.count.is_multiple_of(2) { Blow::Kill } else { Blow::Term });
        faults.count += 1;
        stage.servers.up();
        let back = stage.databases.until_resumed(PATIENCE).await;
        faults.recovered(back);
    }
    let after: Vec<Option<u32>> = services().iter().map(|service| stage.stack.pid(service.name)).collect();
    if before != after || services().iter().any(|service| stage.stack.has_ended(service.name)) {
        faults.problems.push("D5: a service ended with the broker".to_owned());
    }
    faults
}

/// D7: kills the postmaster and starts it again.
pub async fn kill_database(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    let most = if stage.size.quick { 3 } else { 50 };
    while faults.count < most {
        let wait = stage.random.between(800, 2500);
        tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        goes_on(stage, load, faults.count, most);
        stage.servers.kill_database();
        faults.count += 1;
        stage.servers.up();
        let back = stage.databases.until_resumed(PATIENCE).await;
        faults.recovered(back);
    }
    if services().iter().any(|service| stage.stack.has_ended(service.name)) {
        faults.problems.push("D7: a service ended with the database".to_owned());
    }
    faults
}

/// D9: one consumer stands still (SIGSTOP) for some seconds; the others must not notice.
pub async fn slow_consumer(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    let victim = "evaluation";
    let still = Duration::from_secs(if stage.size.quick { 4 } else { 20 });
    let mut lags = (Vec::new(), Vec::new());
    let enough = if stage.size.quick { 2 } else { 5 };
    while faults.count < enough {
        goes_on(stage, load, faults.count, enough);
        for stopped in [false, true] {
            let process = stage.stack.pid(victim).expect("it runs");
            if stopped {
                signal(process, "-STOP");
                faults.count += 1;
            }
            let begin = Instant::now();
            while begin.elapsed() < still {
                goes_on(stage, load, faults.count, enough + 1);
                if let Ok(lag) = stage.databases.until_resumed_but(victim, PATIENCE).await {
                    if stopped { lags.1.push(lag) } else { lags.0.push(lag) }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            signal(process, "-CONT");
        }
        let back = stage.databases.until_resumed(PATIENCE).await;
        faults.recovered(back);
    }
    let p99 = |lags: &[Duration]| super::report::percentile(lags, 99).unwrap_or_default().as_secs_f64();
    faults.notes.push(format!(
        "the others' p99 lag: {:.2} s (N {}) while {victim} ran, {:.2} s (N {}) while it stood still",
        p99(&lags.0),
        lags.0.len(),
        p99(&lags.1),
        lags.1.len()
    ));
    if lags.1.is_empty() {
        faults.problems.push("D9: nothing was measured while it stood still".to_owned());
    }
    if p99(&lags.1) > 5.0 + 2.0 * p99(&lags.0) {
        faults.problems.push("D9: the others were held up".to_owned());
    }
    faults
}
