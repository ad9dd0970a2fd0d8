//! Makes the databases ready and says which services to run on them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kith_cli::instance;

use super::servers::Servers;
use super::service::ServiceSpec;

/// Migrates, and returns the services to run on these servers.
pub async fn prepare(servers: &Servers) -> Result<Vec<ServiceSpec>> {
    let secrets = servers.home.secrets();
    migrate(servers).await?;
    let mut specs = Vec::new();
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    for (name, settings) in instance::settings(of(servers), &secrets, &servers.service_ports)? {
        specs.push(ServiceSpec {
            name: name.to_owned(),
            program: this.with_file_name(format!("kith-{name}")),
            arguments: Vec::new(),
            environment: settings,
            ready_file: servers.home.run().join(format!("{name}.ready")),
        });
    }
    Ok(specs)
}

/// Makes databases, roles, queues and secrets ready. The secrets belong to the account that runs the services.
pub async fn migrate(servers: &Servers) -> Result<()> {
    let secrets = servers.home.secrets();
    if !servers.broker.own {
        eprintln!(
            "the services share one user of the broker that KITH_BROKER_URL points at: each could publish in another's \
             name; `kith broker definitions` gives each its own"
        );
    }
    instance::migrate(of(servers), &secrets).await?;
    servers.home.own_all(&secrets)
}

/// The settings of each service, for running them in one process.
pub fn settings(servers: &Servers) -> Result<BTreeMap<&'static str, BTreeMap<String, String>>> {
    instance::settings(of(servers), &servers.home.secrets(), &servers.service_ports)
}

fn of(servers: &Servers) -> instance::Servers<'_> {
    instance::Servers {
        database: &servers.database.url,
        broker: &servers.broker.url,
        own_users: servers.broker.own,
    }
}
