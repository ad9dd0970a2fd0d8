//! `kith`, the operator's command.

mod local;

use std::process::ExitCode;

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
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Local(command) => local::run(command),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("kith: {error:#}");
        ExitCode::FAILURE
    })
}
