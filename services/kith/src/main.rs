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

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Local(command) => local::run(command),
    }
}
