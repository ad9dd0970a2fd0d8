//! Makes the databases ready and says which services to run on them.

use anyhow::Result;

use super::servers::Servers;
use super::service::ServiceSpec;

/// Returns the services to run on these servers.
#[expect(clippy::unused_async, reason = "making databases ready awaits them; the services are not built yet")]
pub async fn prepare(servers: &Servers) -> Result<Vec<ServiceSpec>> {
    Ok(Vec::with_capacity(servers.service_ports.len()))
}
