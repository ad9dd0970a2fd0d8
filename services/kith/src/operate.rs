//! What an operator does beside starting and stopping: configuration, and events that were given up on.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use kith_cli::instance;
use kith_platform::broker::Publisher;
use kith_platform::config::Config;
use kith_platform::dead::{self, Decision};
use kith_platform::id::{TenantId, Uuid};
use kith_platform::resend;

/// Commands on a configured service; they read its `KITH__SECTION__KEY` settings.
#[derive(clap::Subcommand)]
pub enum Command {
    /// The configuration in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Events that a service gave up on, or lost on the way
    Events {
        /// Which service, such as finance
        service: String,
        #[command(subcommand)]
        command: EventsCommand,
    },
}

#[derive(clap::Subcommand)]
pub enum ConfigCommand {
    /// Checks the configuration and prints it; secrets are files and are not part of it
    Check,
}

#[derive(clap::Subcommand)]
pub enum EventsCommand {
    /// Lists events that were given up on; later events of the same aggregate wait for them
    List,
    /// Tries an event again
    Replay {
        event: Uuid,
        /// Why, without names; goes into the audit
        #[arg(long)]
        reason: String,
    },
    /// Goes on without an event
    Skip {
        event: Uuid,
        /// Why, without names; goes into the audit
        #[arg(long)]
        reason: String,
    },
    /// Asks for the newest event of each aggregate again, to mend what this service knows; harmless to repeat
    Resend {
        /// Which aggregate, such as teams.team; all that the service listens to where none is said
        aggregate: Option<String>,
        /// Of this tenant alone
        #[arg(long)]
        tenant: Option<Uuid>,
        /// This one alone
        #[arg(long, requires = "tenant", requires = "aggregate")]
        id: Option<Uuid>,
    },
}

pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Config(ConfigCommand::Check) => println!("{}", Config::load()?.render()?),
        Command::Events { service, command } => {
            let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
            runtime.block_on(events(&service, command))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn events(name: &str, command: EventsCommand) -> Result<()> {
    let all = instance::services();
    let service = all.iter().find(|service| service.name == name).with_context(|| {
        let names: Vec<&str> = all.iter().map(|service| service.name).collect();
        format!("there is no service {name:?}; there are {}", names.join(", "))
    })?;
    let config = crate::local::config_of(service)?;
    let db = kith_platform::database(service, &config)?;
    match command {
        EventsCommand::List => {
            let dead = dead::list(&db).await?;
            for event in &dead {
                println!(
                    "{} {} about {} of tenant {}: {} after {} attempts, received {}",
                    event.event_id,
                    event.event_type,
                    event.aggregate_id,
                    event.tenant,
                    event.last_error,
                    event.attempts,
                    event.received_at.format("%Y-%m-%d %H:%M:%S UTC"),
                );
            }
            println!("{} events were given up on", dead.len());
        }
        EventsCommand::Replay { event, reason } => {
            dead::decide(&db, event, Decision::Replay, &reason).await?;
            println!("{event} is tried again");
        }
        EventsCommand::Skip { event, reason } => {
            dead::decide(&db, event, Decision::Skip, &reason).await?;
            println!("{event} is skipped; what it says is not applied in {name}");
        }
        EventsCommand::Resend { aggregate, tenant, id } => {
            let listens_to = (service.subscriptions)().aggregates();
            let wanted = match &aggregate {
                Some(one) if listens_to.contains(&one.as_str()) => vec![one.as_str()],
                Some(one) => {
                    anyhow::bail!("{name} does not listen to {one}; it does to {}", listens_to.join(", "))
                }
                None => listens_to,
            };
            let publisher = Publisher::new(config.broker_as(service.name)?);
            for aggregate in wanted {
                resend::ask_for(&db, &publisher, service.name, aggregate, tenant.map(TenantId), id).await?;
                println!("{name} has asked for {aggregate} again");
            }
        }
    }
    Ok(())
}
