//! The two servers of the stack together: given from outside or our own, started and stopped side by side.

use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::home::Home;
use super::packages::{self, Needed};
use super::ports::{self, Ports, Running};
use super::postgres;
use super::rabbitmq;
use super::services;

/// How long the ports of an earlier start may be busy before somebody else is taken to have them.
const PORT_PATIENCE: Duration = Duration::from_secs(3);

/// Where the servers are and which ports the services get.
#[derive(Clone, Debug)]
pub struct Servers {
    pub home: Home,
    pub database: Server,
    pub broker: Server,
    /// Port of each service on the loopback, by name.
    pub service_ports: BTreeMap<String, u16>,
}

/// One server as the services need to know it.
#[derive(Clone, Debug)]
pub struct Server {
    pub name: &'static str,
    pub url: String,
    /// False where the operator pointed us at a server of theirs, which is never started or stopped here.
    pub own: bool,
}

impl Server {
    /// Returns host and port, without user and password.
    pub fn address(&self) -> String {
        host_and_port(&self.url, if self.name == "postgres" { 5432 } else { 5672 })
    }

    pub fn is_reachable(&self) -> bool {
        let addresses = self.address().to_socket_addrs().into_iter().flatten();
        addresses
            .into_iter()
            .any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
    }

    pub fn state(&self) -> &'static str {
        match (self.own, self.is_reachable()) {
            (true, true) => "serving",
            (true, false) => "down",
            (false, true) => "given, reachable",
            (false, false) => "given, not reachable",
        }
    }
}

/// Starts what does not run yet. Doing it again changes nothing.
pub fn up(home: &Home) -> Result<Servers> {
    let remembered = Ports::remembered(home)?;
    let patience = if remembered.is_some() { PORT_PATIENCE } else { Duration::ZERO };
    let mut ports = remembered.unwrap_or_default();
    let (own_database, own_broker) = own_servers(home, &ports)?;
    if own_database {
        postgres::clear_leftovers(home)?;
    }
    let major = postgres::data_major(home);
    let programs = packages::ensure(Needed {
        postgres: own_database,
        postgres_major: major.as_deref(),
        rabbitmq: own_broker,
    })?;
    let running = Running {
        postgres: !own_database || postgres::running(home).is_some(),
        broker: !own_broker || rabbitmq::running(home).is_some(),
        epmd: !own_broker || rabbitmq::running_epmd(home, ports.epmd).is_some(),
        services: services::supervisor(home).is_some(),
    };
    let deadline = Instant::now() + patience;
    ports.move_busy(running, |port| ports::becomes_free(port, deadline))?;
    ports.save(home)?;

    let starting: Vec<&str> = [(running.postgres, "PostgreSQL"), (running.broker, "RabbitMQ")]
        .into_iter()
        .filter_map(|(runs, name)| (!runs).then_some(name))
        .collect();
    if !starting.is_empty() {
        eprintln!("starting {} in {}", starting.join(" and "), home.root().display());
    }
    let begin = Instant::now();
    thread::scope(|scope| {
        let database = programs.postgres.as_deref().map(|bin| {
            scope.spawn(|| {
                told("PostgreSQL", running.postgres, begin, postgres::start(home, bin, ports.postgres))
            })
        });
        let broker = programs.rabbitmq.as_deref().map(|sbin| {
            scope.spawn(|| told("RabbitMQ", running.broker, begin, rabbitmq::start(home, sbin, &ports)))
        });
        let outcomes = [database, broker].into_iter().flatten().map(joined);
        outcomes.collect::<Vec<_>>().into_iter().collect::<Result<()>>()
    })?;
    let servers =
        known(home)?.ok_or_else(|| anyhow!("the servers are up, yet their passwords are missing"))?;
    for (server, variable) in [(&servers.database, "KITH_DATABASE_URL"), (&servers.broker, "KITH_BROKER_URL")]
    {
        if !server.is_reachable() {
            bail!(
                "{} does not answer at {}\n\
                 what to do: start the server that {variable} points at, or unset {variable} to have one here",
                server.name,
                server.address()
            );
        }
    }
    Ok(servers)
}

/// Says when a server that was started here is ready.
fn told(name: &str, ran_before: bool, begin: Instant, outcome: Result<()>) -> Result<()> {
    if outcome.is_ok() && !ran_before {
        eprintln!("{name} is ready after {:.1} s", begin.elapsed().as_secs_f64());
    }
    outcome
}

/// Stops our own servers; others' are left alone.
pub fn stop(home: &Home) -> Result<()> {
    let ports = Ports::load(home)?;
    let programs = if rabbitmq::running(home).is_some() { packages::rabbitmq_scripts() } else { None };
    thread::scope(|scope| {
        let database = scope.spawn(|| postgres::stop(home));
        let broker = scope.spawn(|| rabbitmq::stop(home, programs.as_deref(), &ports));
        let outcomes = [joined(database), joined(broker)];
        outcomes.into_iter().collect()
    })
}

/// Returns the servers without starting anything; `None` where they were never set up.
pub fn known(home: &Home) -> Result<Option<Servers>> {
    let ports = Ports::load(home)?;
    let database = known_server("postgres", "KITH_DATABASE_URL", postgres::url(home, ports.postgres)?);
    let broker = known_server("rabbitmq", "KITH_BROKER_URL", rabbitmq::url(home, ports.broker)?);
    let (Some(database), Some(broker)) = (database, broker) else { return Ok(None) };
    Ok(Some(Servers { home: home.clone(), database, broker, service_ports: ports.services }))
}

fn known_server(name: &'static str, variable: &str, own: Option<String>) -> Option<Server> {
    let given = given(variable, own.as_deref());
    let is_own = given.is_none();
    given.or(own).map(|url| Server { name, url, own: is_own })
}

fn own_servers(home: &Home, ports: &Ports) -> Result<(bool, bool)> {
    let database = given("KITH_DATABASE_URL", postgres::url(home, ports.postgres)?.as_deref());
    let broker = given("KITH_BROKER_URL", rabbitmq::url(home, ports.broker)?.as_deref());
    Ok((database.is_none(), broker.is_none()))
}

/// Returns the server the operator points at. Our own, taken over from `kith servers env`, is no such: it is
/// known by its generated password, whatever its port was then.
fn given(variable: &str, own: Option<&str>) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty())?;
    let is_own = own.is_some_and(|own| credentials(own) == credentials(&url));
    (!is_own).then_some(url)
}

/// Returns the part of an address between scheme and host.
fn credentials(url: &str) -> Option<&str> {
    url.split_once("://")?.1.rsplit_once('@').map(|(credentials, _)| credentials)
}

fn joined(handle: thread::ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    handle.join().unwrap_or_else(|_| Err(anyhow!("a thread of this command failed")))
}

fn host_and_port(url: &str, default_port: u16) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { host.to_owned() } else { format!("{host}:{default_port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_server_is_known_by_its_password() {
        let own = credentials("amqp://kith:secret@127.0.0.1:7156/%2f");
        assert_eq!(credentials("amqp://kith:secret@127.0.0.1:7256/other"), own);
        assert_ne!(credentials("amqp://guest:guest@127.0.0.1:7156/%2f"), own);
    }

    #[test]
    fn addresses_are_shown_without_passwords() {
        assert_eq!(host_and_port("postgres://a:b@db.example:6000/postgres?x=y", 5432), "db.example:6000");
        assert_eq!(host_and_port("amqp://a:b@broker/%2f", 5672), "broker:5672");
        assert_eq!(host_and_port("amqp://[::1]", 5672), "[::1]:5672");
    }
}
