//! `kith audit`: looks over the sealed audit of every service, and keeps the ends of its chains elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use kith_cli::instance;
use kith_platform::Service;
use kith_platform::chain::{self, Report, Trust};
use kith_platform::config::Config;
use kith_platform::id::{TenantId, Uuid};
use kith_platform::seal::{Checkpoint, Key};

/// Commands on the sealed audit.
#[derive(clap::Subcommand)]
pub enum Command {
    /// The audit: who did or saw what, sealed in chains of signed blocks
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(clap::Subcommand)]
pub enum AuditCommand {
    /// Looks over every chain and says what is not as it was sealed; exit status 1 where anything is not
    Verify {
        /// One service only, such as finance
        #[arg(long)]
        service: Option<String>,
        /// One tenant only
        #[arg(long)]
        tenant: Option<Uuid>,
        /// Ends of chains that were kept elsewhere: a file of `kith audit checkpoint`, or a service's log. Without one,
        /// what was cut off the end of a chain is not found
        #[arg(long)]
        checkpoint: Vec<PathBuf>,
        /// Another public key whose seals count, in hex: of an earlier secret, or of where a tenant came from
        #[arg(long)]
        trust: Vec<String>,
    },
    /// Prints the end of every chain, to be kept where nobody who can write the databases can write
    Checkpoint {
        /// One service only, such as finance
        #[arg(long)]
        service: Option<String>,
    },
    /// Prints each service's public key
    Keys,
}

/// How often a long look says how far it is.
const PROGRESS: Duration = Duration::from_secs(2);

pub fn run(command: Command) -> Result<ExitCode> {
    let Command::Audit(command) = command;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(async {
        match command {
            AuditCommand::Verify { service, tenant, checkpoint, trust } => {
                verify(service.as_deref(), tenant.map(TenantId), &checkpoint, &trust).await
            }
            AuditCommand::Checkpoint { service } => {
                checkpoints(service.as_deref()).await?;
                Ok(ExitCode::SUCCESS)
            }
            AuditCommand::Keys => {
                for (service, config) in chosen(None)? {
                    println!("{:<13} {}", service.name, Key::of(service.name, &config)?.public_hex());
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// The services that are meant, each with its configuration.
fn chosen(only: Option<&str>) -> Result<Vec<(&'static Service, Config)>> {
    let all = instance::services();
    let mut chosen = Vec::new();
    for service in all.iter().filter(|service| only.is_none_or(|only| only == service.name)) {
        chosen.push((*service, crate::local::config_of(service)?));
    }
    if chosen.is_empty() {
        let names: Vec<&str> = all.iter().map(|service| service.name).collect();
        bail!("there is no service {:?}; there are {}", only.unwrap_or_default(), names.join(", "));
    }
    Ok(chosen)
}

async fn verify(
    only: Option<&str>,
    tenant: Option<TenantId>,
    files: &[PathBuf],
    trusted: &[String],
) -> Result<ExitCode> {
    let mut kept: BTreeMap<String, Vec<Checkpoint>> = BTreeMap::new();
    for file in files {
        for checkpoint in read_checkpoints(file)? {
            kept.entry(checkpoint.service.clone()).or_default().push(checkpoint);
        }
    }
    let (mut blocks, mut rows, mut unsealed, mut faults) = (0, 0, 0, 0);
    for (service, config) in chosen(only)? {
        let mut trust = Trust {
            keys: vec![Key::of(service.name, &config)?.public()],
            checkpoints: kept.remove(service.name).unwrap_or_default(),
        };
        for key in trusted {
            trust.keys.push(chain::public_key(key).with_context(|| format!("{key} is no public key"))?);
        }
        let db = kith_platform::database(service, &config)?;
        let mut said = Instant::now();
        let progress = |tenant: TenantId, blocks: i64| {
            if said.elapsed() > PROGRESS {
                said = Instant::now();
                eprintln!("{}: tenant {tenant}: {blocks} blocks looked over", service.name);
            }
        };
        let reports = chain::verify_all(&db, tenant, &trust, progress).await?;
        for report in &reports {
            print(service.name, report, &trust);
            blocks += report.blocks;
            rows += report.rows;
            unsealed += report.unsealed;
            faults += report.faults.len();
        }
        if reports.is_empty() {
            println!("{}: nothing is written down", service.name);
        }
    }
    println!("{blocks} blocks, {rows} rows, {unsealed} rows not sealed yet, {faults} faults");
    if files.is_empty() {
        println!("no checkpoint was given: that nothing was cut off the end of a chain is not shown");
    }
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(service: &str, report: &Report, trust: &Trust) {
    let checkpoints =
        trust.checkpoints.iter().filter(|checkpoint| checkpoint.tenant == report.tenant.0).count();
    println!(
        "{service}: tenant {}: {} blocks, {} rows, {} not sealed yet, {checkpoints} checkpoints, {} faults",
        report.tenant,
        report.blocks,
        report.rows,
        report.unsealed,
        report.faults.len(),
    );
    for fault in &report.faults {
        println!("  {fault}");
    }
}

async fn checkpoints(only: Option<&str>) -> Result<()> {
    for (service, config) in chosen(only)? {
        let db = kith_platform::database(service, &config)?;
        for checkpoint in chain::ends(&db, service.name).await? {
            println!("{}", serde_json::to_string(&checkpoint)?);
        }
    }
    Ok(())
}

/// Reads checkpoints, one a line: as `kith audit checkpoint` prints them, or as they stand in a service's log.
fn read_checkpoints(file: &Path) -> Result<Vec<Checkpoint>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let checkpoints: Vec<Checkpoint> = text.lines().filter_map(checkpoint_in).collect();
    if checkpoints.is_empty() {
        bail!("{} holds no checkpoint", file.display());
    }
    Ok(checkpoints)
}

fn checkpoint_in(line: &str) -> Option<Checkpoint> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let logged = value.get("fields").and_then(|fields| fields.get("audit.checkpoint"));
    match logged.and_then(serde_json::Value::as_str) {
        Some(logged) => serde_json::from_str(logged).ok(),
        None => serde_json::from_value(value).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_from_a_line_of_its_own_and_from_a_log() {
        let checkpoint = Checkpoint {
            service: "teams".into(),
            tenant: Uuid::from_u128(7),
            number: 3,
            block_hash: "00".into(),
            sealed_at: "2026-11-21T12:00:00Z".parse().expect("a moment"),
            signature: "01".into(),
        };
        let line = serde_json::to_string(&checkpoint).expect("a line");
        assert_eq!(checkpoint_in(&line), Some(checkpoint.clone()));
        let log = serde_json::json!({ "level": "INFO", "fields": { "message": "sealed", "audit.checkpoint": line } });
        assert_eq!(checkpoint_in(&log.to_string()), Some(checkpoint));
        assert_eq!(checkpoint_in("serving"), None);
        assert_eq!(checkpoint_in("{\"level\":\"INFO\",\"fields\":{}}"), None);
    }
}
