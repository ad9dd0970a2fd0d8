//! The broker's users: printed for an operator's own broker, or told to the stack's.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use kith_cli::instance;
use kith_platform::config::Config;

use super::home::Home;
use super::ports::Ports;
use super::{packages, rabbitmq};

#[derive(clap::Subcommand)]
pub enum BrokerCommand {
    /// Prints what RabbitMQ must be told so that each service has a user of its own, for `load_definitions` or
    /// `rabbitmqctl import_definitions`
    ///
    /// Made from the configuration: `KITH__BROKER__VHOST`, `KITH__BROKER__PREFIX` and the folder of secrets, where
    /// passwords are made that are not there yet; of the local stack where there is one. It holds hashes of passwords and no
    /// administrator: a broker without users needs one beside it.
    Definitions,
    /// Tells the local stack's running broker of further definitions; what has the same names is replaced
    Import { file: PathBuf },
}

pub fn run(command: BrokerCommand) -> Result<ExitCode> {
    match command {
        BrokerCommand::Definitions => definitions(),
        BrokerCommand::Import { file } => import(&file),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn definitions() -> Result<()> {
    let local = Home::existing()?;
    let mut config = Config::load()?;
    if let Some(home) = local.as_ref().filter(|_| config.secrets.folder.as_os_str().is_empty()) {
        config.secrets.folder = home.secrets();
    }
    let folder = &config.secrets.folder;
    if folder.as_os_str().is_empty() {
        bail!("no folder for the passwords; what to do: set KITH__SECRETS__FOLDER");
    }
    let definitions =
        instance::broker_definitions(folder, &config.broker.vhost, &config.broker.prefix, None)?;
    if let Some(home) = local.filter(|home| *folder == home.secrets()) {
        home.own_all(folder)?;
    }
    println!("{definitions}");
    Ok(())
}

fn import(file: &std::path::Path) -> Result<()> {
    const ADVICE: &str = "no local broker runs here; what to do: `kith servers up`";
    let definitions =
        std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let home = Home::existing()?.context(ADVICE)?;
    let _lock = home.lock()?;
    if rabbitmq::running(&home).is_none() {
        bail!(ADVICE);
    }
    let scripts = packages::rabbitmq_scripts().context("RabbitMQ's programs are missing")?;
    rabbitmq::import(&home, &scripts, &Ports::load(&home)?, &definitions)
}
