//! `kith`, the operator's command.

mod audit;
mod local;
mod operate;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

/// Runs and looks after Kith.
#[derive(Parser)]
#[command(name = "kith", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    #[command(flatten)]
    Local(local::Command),
    #[command(flatten)]
    Operate(operate::Command),
    #[command(flatten)]
    Audit(audit::Command),
    /// Takes a circle's month in through the public API, prints it, and compares it with expected figures
    Month(Box<kith_cli::month::Args>),
    /// Creates, lists, suspends, freezes and releases tenants
    Tenant(Box<kith_cli::tenant::Args>),
    /// Puts everything that the seven services hold about a person into one file
    SubjectAccess(Box<kith_cli::subject_access::Args>),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Local(command) => local::run(command),
        Command::Operate(command) => operate::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Month(mut arguments) => {
            local::fill_in(&mut arguments);
            let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime");
            runtime.and_then(|runtime| runtime.block_on(kith_cli::month::run(*arguments)))
        }
        Command::Tenant(mut arguments) => {
            local::fill_in_operator(&mut arguments.operator);
            let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime");
            runtime.and_then(|runtime| runtime.block_on(kith_cli::tenant::run(*arguments)))
        }
        Command::SubjectAccess(mut arguments) => {
            local::use_ports(&mut arguments.addresses);
            let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime");
            runtime.and_then(|runtime| runtime.block_on(kith_cli::subject_access::run(*arguments)))
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("kith: {error:#}");
        ExitCode::FAILURE
    })
}
