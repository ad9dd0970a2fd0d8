//! A bad network: between services and servers, and between clients and services (D13: cancelled requests).

use std::time::Duration;

use super::faults::{PATIENCE, goes_on};
use super::proxy::{End, Proxy, Way};
use super::report::{Faults, Row};
use super::stage::Stage;
use crate::services;

/// Puts proxies between the services and their servers, and lets the network misbehave.
pub async fn between_services_and_servers(stage: &mut Stage) -> Row {
    let first = stage.stack.config("finance").clone();
    let (database, broker) =
        (Proxy::before(first.database.port).await, Proxy::before(first.broker.port).await);
    redirect(stage, database.port, broker.port);
    let row = stage
        .phase("network between services, servers", async |stage, load| {
            let mut faults = Faults::default();
            let mut random = stage.random.fork("network");
            let mut kinds = std::collections::BTreeMap::<&str, usize>::new();
            let enough = if stage.size.quick { 12 } else { 300 };
            while goes_on(stage, load, faults.count, enough) {
                let proxy = if random.percent(50) { &database } else { &broker };
                let (kind, lasts) = misbehave(proxy, &mut random);
                *kinds.entry(kind).or_default() += 1;
                faults.count += 1;
                tokio::time::sleep(lasts).await;
                proxy.set(Way::Open);
                let back = stage.databases.until_resumed(PATIENCE).await;
                faults.recovered(back);
            }
            faults.notes.push(format!("by kind: {kinds:?}"));
            faults
        })
        .await;
    redirect(stage, first.database.port, first.broker.port);
    row
}

fn misbehave(proxy: &Proxy, random: &mut super::random::Random) -> (&'static str, Duration) {
    let milliseconds = |number: i64| Duration::from_millis(number.unsigned_abs());
    match random.below(6) {
        0 => {
            proxy.set(Way::Late(milliseconds(random.between(2, 40))));
            ("late", milliseconds(random.between(300, 1500)))
        }
        1 => {
            proxy.set(Way::Sliced(usize::try_from(random.between(1, 64)).expect("a size")));
            ("sliced", milliseconds(random.between(300, 1000)))
        }
        2 => {
            proxy.set(Way::Stalled);
            ("stalled", milliseconds(random.between(300, 3000)))
        }
        3 => {
            proxy.end(End::Cut);
            ("cut", milliseconds(random.between(50, 300)))
        }
        4 => {
            proxy.end(End::Reset);
            ("reset", milliseconds(random.between(50, 300)))
        }
        _ => {
            let time = milliseconds(random.between(200, 1500));
            proxy.end(End::SlowClose(time));
            ("slow close", time)
        }
    }
}

/// Starts every service again with its servers at these ports.
fn redirect(stage: &mut Stage, database: u16, broker: u16) {
    for service in services() {
        stage.stack.configure(service.name, |config| {
            config.database.port = database;
            config.broker.port = broker;
        });
        stage.stack.restart(service.name);
    }
    for service in services() {
        stage.stack.wait_until_serving(service.name);
    }
}

/// D13: every connection between clients and a service ends at a random moment, many times a second, with whatever was
/// asked on it. The clients ask again.
pub async fn cancelled_requests(stage: &mut Stage) -> Row {
    let (mut proxies, mut addresses) = (Vec::new(), Vec::new());
    for service in services() {
        let proxy = Proxy::before(stage.stack.config(service.name).server.listen.port()).await;
        let name = format!("KITH_{}_ADDRESS", service.name.to_uppercase());
        addresses.push((name, format!("http://127.0.0.1:{}", proxy.port)));
        proxies.push(proxy);
    }
    stage
        .phase_by_way_of("D13 requests cancelled", &addresses, async |stage, load| {
            let mut faults = Faults::default();
            let mut random = stage.random.fork("cancelled");
            let enough = if stage.size.quick { 100 } else { 5_000 };
            while goes_on(stage, load, faults.count, enough) {
                let wait = random.between(5, 150);
                tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
                let how = if random.percent(50) { End::Reset } else { End::Cut };
                random.pick(&proxies).end(how);
                faults.count += 1;
            }
            faults
        })
        .await
}
