//! The local stack: a private PostgreSQL, a private RabbitMQ and the services, without root, systemd or
//! containers. The commands of the operator are here; each part has a file of its own.

mod account;
mod amqp;
mod broker;
mod files;
mod footprint;
mod home;
mod packages;
mod ports;
mod postgres;
mod prepare;
mod process;
mod rabbitmq;
mod servers;
mod service;
mod services;
mod supervisor;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use kith_platform::Service;
use kith_platform::config::Config;

use home::Home;
use servers::{Server, Servers};
use service::State;

/// Commands on the local stack.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Starts the local stack: both servers and all services
    Up,
    /// Stops the local stack and leaves nothing running; data stays
    Stop,
    /// Shows each part of the local stack with its address and state
    Status,
    /// The two servers alone
    #[command(subcommand)]
    Servers(ServersCommand),
    /// The broker's users: one for each service, which may publish nothing but its own events
    #[command(subcommand)]
    Broker(broker::BrokerCommand),
    /// Makes databases, roles, queues and secrets ready, and says where the one-time host code is
    Migrate,
    /// Runs all seven services in this one process, in the foreground
    Standalone {
        /// Beside the running stack on free ports, with a ready file per service in this folder: for `kith footprint`
        #[arg(long, hide = true)]
        trial: Option<PathBuf>,
    },
    /// Shows memory and start time of each service
    Footprint {
        /// How often each service is started for the measurement; 0 leaves it out
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Keeps services running; started by `kith up`
    #[command(hide = true)]
    Supervise { run: PathBuf, logs: PathBuf },
}

#[derive(clap::Subcommand)]
pub enum ServersCommand {
    /// Starts PostgreSQL and RabbitMQ
    Up,
    /// Stops PostgreSQL and RabbitMQ; data stays
    Stop,
    /// Prints their addresses for a shell: eval "$(kith servers env)"
    Env,
}

pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up => up(),
        Command::Stop => stop(),
        Command::Status => status(),
        Command::Servers(ServersCommand::Up) => servers_up(),
        Command::Servers(ServersCommand::Stop) => servers_stop(),
        Command::Servers(ServersCommand::Env) => servers_env(),
        Command::Broker(command) => broker::run(command),
        Command::Migrate => migrate(),
        Command::Standalone { trial: None } => standalone(),
        Command::Standalone { trial: Some(folder) } => standalone_trial(&folder),
        Command::Footprint { rounds } => footprint(rounds),
        Command::Supervise { run, logs } => supervisor::supervise(&run, &logs).map(|()| ExitCode::SUCCESS),
    }
}

fn up() -> Result<ExitCode> {
    let home = Home::open_or_create()?;
    let _lock = home.lock()?;
    let servers = servers::up(&home)?;
    let specs = runtime()?.block_on(prepare::prepare(&servers))?;
    services::up(&home, specs)?;
    print_parts(&servers);
    Ok(ExitCode::SUCCESS)
}

fn migrate() -> Result<ExitCode> {
    let home = Home::open_or_create()?;
    let _lock = home.lock()?;
    let servers = servers::up(&home)?;
    runtime()?.block_on(prepare::migrate(&servers))?;
    println!("ready; the one-time host code is in {}", home.secret_file("host_code").display());
    Ok(ExitCode::SUCCESS)
}

/// All seven in this process, on the ports of the stack.
fn standalone() -> Result<ExitCode> {
    let home = Home::open_or_create()?;
    let servers = {
        let _lock = home.lock()?;
        if services::supervisor(&home).is_some() {
            bail!("the services run already as seven processes; what to do: `kith stop` first");
        }
        servers::up(&home)?
    };
    runtime()?.block_on(async {
        prepare::migrate(&servers).await?;
        kith_cli::instance::standalone(&prepare::settings(&servers)?).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// All seven in this process beside the running stack, to be measured.
fn standalone_trial(folder: &std::path::Path) -> Result<ExitCode> {
    let (_, servers) = known_servers()?;
    let mut all = prepare::settings(&servers)?;
    for (name, settings) in &mut all {
        settings.insert("KITH__SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned());
        let ready_file = folder.join(name).display().to_string();
        settings.insert(service::READY_FILE_VARIABLE.to_owned(), ready_file);
    }
    runtime()?.block_on(kith_cli::instance::standalone(&all))?;
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("cannot start the async runtime")
}

/// The configuration of one service: what the environment says where it names a database, otherwise that of the local
/// stack where there is one. Which it is, is said: what is looked over or changed must not be another installation's.
pub fn config_of(service: &Service) -> Result<Config> {
    let is_named = |variable: &std::ffi::OsStr| {
        variable.to_str().is_some_and(|name| name == "KITH_CONFIG" || name.starts_with("KITH__DATABASE__"))
    };
    let settings = if std::env::vars_os().any(|(variable, _)| is_named(&variable)) {
        None
    } else {
        settings_of(service.name)?
    };
    let config = match &settings {
        Some(settings) => {
            Config::from_settings(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())))?
        }
        None => Config::load()?,
    };
    let stack = if settings.is_some() { " of the local stack" } else { "" };
    let database = config.database_as(service.name, "app")?;
    eprintln!(
        "{}: {} on {}:{}{stack}",
        service.name,
        database.get_database().unwrap_or_default(),
        database.get_host(),
        database.get_port()
    );
    Ok(config)
}

fn settings_of(service: &str) -> Result<Option<std::collections::BTreeMap<String, String>>> {
    let Some(home) = Home::existing()? else { return Ok(None) };
    let Some(servers) = servers::known(&home)? else { return Ok(None) };
    Ok(prepare::settings(&servers)?.remove(service))
}

/// Points `kith month` at the local stack's ports and private files, where it is not told otherwise.
pub fn fill_in(arguments: &mut kith_cli::month::Args) {
    let Ok(Some(home)) = Home::existing() else { return };
    arguments.use_secrets(&home.secret_file("host_code"), &home.secret_file("month"));
    use_ports(&mut arguments.addresses);
}

/// The same for a command of the host's operator.
pub fn fill_in_operator(arguments: &mut kith_cli::operator::Operator) {
    let Ok(Some(home)) = Home::existing() else { return };
    arguments.use_secrets(&home.secret_file("host_code"), &home.secret_file("month"));
    use_ports(&mut arguments.addresses);
}

/// Points a command at the local stack's ports, where it is not told otherwise.
pub fn use_ports(addresses: &mut kith_cli::client::Addresses) {
    if let Ok(Some(home)) = Home::existing()
        && let Ok(Some(servers)) = servers::known(&home)
    {
        addresses.use_ports(&servers.service_ports);
    }
}

fn stop() -> Result<ExitCode> {
    let Some(home) = Home::existing()? else {
        println!("nothing runs: no local stack was set up here");
        return Ok(ExitCode::SUCCESS);
    };
    let _lock = home.lock()?;
    services::stop(&home)?;
    servers::stop(&home)?;
    println!("stopped; the data stays in {}", home.root().display());
    Ok(ExitCode::SUCCESS)
}

/// Exit status 1 where a part does not serve.
fn status() -> Result<ExitCode> {
    let (_, servers) = known_servers()?;
    let all_serve = print_parts(&servers);
    Ok(if all_serve { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn servers_up() -> Result<ExitCode> {
    let home = Home::open_or_create()?;
    let _lock = home.lock()?;
    let servers = servers::up(&home)?;
    print_rows(&[server_row(&servers.database), server_row(&servers.broker)]);
    Ok(ExitCode::SUCCESS)
}

fn servers_stop() -> Result<ExitCode> {
    let Some(home) = Home::existing()? else {
        println!("nothing runs: no local stack was set up here");
        return Ok(ExitCode::SUCCESS);
    };
    let _lock = home.lock()?;
    if services::supervisor(&home).is_some() {
        eprintln!("the services still run and will miss the servers; `kith stop` stops everything");
    }
    servers::stop(&home)?;
    println!("stopped; the data stays in {}", home.root().display());
    Ok(ExitCode::SUCCESS)
}

fn servers_env() -> Result<ExitCode> {
    let (_, servers) = known_servers()?;
    println!("export KITH_DATABASE_URL='{}'", servers.database.url);
    println!("export KITH_BROKER_URL='{}'", servers.broker.url);
    Ok(ExitCode::SUCCESS)
}

fn footprint(rounds: usize) -> Result<ExitCode> {
    let (home, _) = known_servers()?;
    footprint::print(&home, rounds)?;
    Ok(ExitCode::SUCCESS)
}

fn known_servers() -> Result<(Home, Servers)> {
    const ADVICE: &str =
        "no local stack was set up here; what to do: `kith up`, or `kith servers up` for the servers alone";
    let Some(home) = Home::existing()? else { bail!(ADVICE) };
    let servers = servers::known(&home)?.context(ADVICE)?;
    Ok((home, servers))
}

/// Prints one line per server and service, and returns whether all of them serve.
fn print_parts(servers: &Servers) -> bool {
    let mut rows = vec![server_row(&servers.database), server_row(&servers.broker)];
    let mut all_serve = servers.database.is_reachable() && servers.broker.is_reachable();
    if let Some(report) = services::report(&servers.home) {
        let supervised = report.supervisor.is_alive();
        for service in report.services {
            all_serve &= supervised && service.state == State::Serving;
            let state = if supervised { service.state.as_str() } else { "its supervisor has ended" };
            let restarts = match service.restarts {
                0 => String::new(),
                1 => ", restarted once".to_owned(),
                count => format!(", restarted {count} times"),
            };
            rows.push(vec![
                service.name,
                service.address.unwrap_or_else(|| "-".to_owned()),
                format!("{state}{restarts}"),
            ]);
        }
    }
    print_rows(&rows);
    all_serve
}

fn server_row(server: &Server) -> Vec<String> {
    vec![server.name.to_owned(), server.address(), server.state().to_owned()]
}

fn print_rows(rows: &[Vec<String>]) {
    print!("{}", table::render(&["name", "address", "state"], &[], rows));
}
