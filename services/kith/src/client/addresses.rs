//! Where the seven services are.

use std::fmt;

use anyhow::{Context, Result};
use tonic::transport::{Channel, Endpoint};

const MOST_HEADER_BYTES: u32 = 1024 * 1024;

/// One of the seven services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Identity,
    Teams,
    Matching,
    Appointments,
    Finance,
    Governance,
    Evaluation,
}

impl Service {
    /// All seven, in the order of their ports.
    pub const ALL: [Self; 7] = [
        Self::Identity,
        Self::Teams,
        Self::Matching,
        Self::Appointments,
        Self::Finance,
        Self::Governance,
        Self::Evaluation,
    ];

    /// The name in contracts and event types.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Teams => "teams",
            Self::Matching => "matching",
            Self::Appointments => "appointments",
            Self::Finance => "finance",
            Self::Governance => "governance",
            Self::Evaluation => "evaluation",
        }
    }

    /// The service that a name stands for.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The addresses of the services, for the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Addresses {
    /// Address of the identity service
    #[arg(long, env = "KITH_IDENTITY_ADDRESS", default_value = "http://127.0.0.1:7101", value_name = "URL")]
    pub identity: String,
    /// Address of the teams service
    #[arg(long, env = "KITH_TEAMS_ADDRESS", default_value = "http://127.0.0.1:7102", value_name = "URL")]
    pub teams: String,
    /// Address of the matching service
    #[arg(long, env = "KITH_MATCHING_ADDRESS", default_value = "http://127.0.0.1:7103", value_name = "URL")]
    pub matching: String,
    /// Address of the appointments service
    #[arg(
        long,
        env = "KITH_APPOINTMENTS_ADDRESS",
        default_value = "http://127.0.0.1:7104",
        value_name = "URL"
    )]
    pub appointments: String,
    /// Address of the finance service
    #[arg(long, env = "KITH_FINANCE_ADDRESS", default_value = "http://127.0.0.1:7105", value_name = "URL")]
    pub finance: String,
    /// Address of the governance service
    #[arg(
        long,
        env = "KITH_GOVERNANCE_ADDRESS",
        default_value = "http://127.0.0.1:7106",
        value_name = "URL"
    )]
    pub governance: String,
    /// Address of the evaluation service
    #[arg(
        long,
        env = "KITH_EVALUATION_ADDRESS",
        default_value = "http://127.0.0.1:7107",
        value_name = "URL"
    )]
    pub evaluation: String,
}

impl Addresses {
    /// The address of one service.
    pub fn of(&self, service: Service) -> &str {
        match service {
            Service::Identity => &self.identity,
            Service::Teams => &self.teams,
            Service::Matching => &self.matching,
            Service::Appointments => &self.appointments,
            Service::Finance => &self.finance,
            Service::Governance => &self.governance,
            Service::Evaluation => &self.evaluation,
        }
    }

    /// Takes these ports on the loopback where an address was left at its default.
    pub fn use_ports(&mut self, ports: &std::collections::BTreeMap<String, u16>) {
        for (place, service) in Service::ALL.into_iter().enumerate() {
            let address = match service {
                Service::Identity => &mut self.identity,
                Service::Teams => &mut self.teams,
                Service::Matching => &mut self.matching,
                Service::Appointments => &mut self.appointments,
                Service::Finance => &mut self.finance,
                Service::Governance => &mut self.governance,
                Service::Evaluation => &mut self.evaluation,
            };
            if *address == format!("http://127.0.0.1:{}", 7101 + place)
                && let Some(port) = ports.get(service.name())
            {
                *address = format!("http://127.0.0.1:{port}");
            }
        }
    }

    /// Prepares a connection that is made with its first call, and made anew whenever it breaks.
    pub(super) fn channel(&self, service: Service) -> Result<Channel> {
        let written = self.of(service);
        let url = if written.contains("://") { written.to_owned() } else { format!("http://{written}") };
        let endpoint = Endpoint::from_shared(url)
            .with_context(|| format!("{written:?} is no address of the {service} service"))?
            .connect_timeout(std::time::Duration::from_secs(5))
            // A call may cause many events, and its answer names each in a header.
            .http2_max_header_list_size(MOST_HEADER_BYTES)
            .tcp_nodelay(true);
        Ok(endpoint.connect_lazy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        addresses: Addresses,
    }

    #[test]
    fn the_seven_stand_in_a_row_unless_told_otherwise() {
        let line: Line = clap::Parser::parse_from(["kith", "--teams", "10.0.0.7:99"]);
        let written: Vec<&str> = Service::ALL.iter().map(|service| line.addresses.of(*service)).collect();
        assert_eq!(written[0], "http://127.0.0.1:7101");
        assert_eq!(written[1], "10.0.0.7:99");
        assert_eq!(written[6], "http://127.0.0.1:7107");
        assert_eq!(Service::named("finance"), Some(Service::Finance));
        assert_eq!(Service::named("common"), None);
    }
}
