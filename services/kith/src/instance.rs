//! An instance: the seven services on their servers. Makes their databases ready, says how each is configured, and runs
//! all of them in one process.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use kith_platform::broker::{Address, Installation, User};
use kith_platform::config::{Config, Secret, broker_secret};
use kith_platform::id::Ids;
use kith_platform::lifecycle::Life;
use kith_platform::{Service, provision};
use sqlx::postgres::PgConnectOptions;

/// The seven, in the order of their default ports.
pub fn services() -> [&'static Service; 7] {
    [
        &kith_identity::SERVICE,
        &kith_teams::SERVICE,
        &kith_matching::SERVICE,
        &kith_appointments::SERVICE,
        &kith_finance::SERVICE,
        &kith_governance::SERVICE,
        &kith_evaluation::SERVICE,
    ]
}

/// Where the two servers are, as administrators reach them.
#[derive(Clone, Copy, Debug)]
pub struct Servers<'a> {
    /// `postgres://user:password@host:port/database`.
    pub database: &'a str,
    /// `amqp://user:password@host:port/vhost`.
    pub broker: &'a str,
    /// Whether the broker has the users of [`broker_definitions`]; the services share the user of the URL otherwise.
    pub own_users: bool,
}

/// The parts of a broker's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Broker {
    user: String,
    password: String,
    host: String,
    port: String,
    vhost: String,
}

impl Broker {
    fn parse(url: &str) -> Result<Self> {
        const FORM: &str = "KITH_BROKER_URL must have the form amqp://user:password@host:port/vhost";
        let rest = url.strip_prefix("amqp://").context(FORM)?;
        let (credentials, place) = rest.rsplit_once('@').context(FORM)?;
        let (user, password) = credentials.split_once(':').context(FORM)?;
        let (address, vhost) = place.split_once('/').unwrap_or((place, "%2f"));
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "5672"));
        let vhost = if vhost.is_empty() { "%2f" } else { vhost };
        if user.is_empty() || host.is_empty() || port.parse::<u16>().is_err() {
            bail!(FORM);
        }
        let own = |part: &str| part.to_owned();
        Ok(Self {
            user: own(user),
            password: own(password),
            host: own(host),
            port: own(port),
            vhost: vhost.replace("%2f", "/").replace("%2F", "/"),
        })
    }
}

/// The settings of each service as `KITH__SECTION__KEY`, by its name.
pub fn settings(
    servers: Servers<'_>,
    secrets: &Path,
    ports: &BTreeMap<String, u16>,
) -> Result<BTreeMap<&'static str, BTreeMap<String, String>>> {
    let database: PgConnectOptions =
        servers.database.parse().context("KITH_DATABASE_URL is not a PostgreSQL URL")?;
    let broker = Broker::parse(servers.broker)?;
    let port_of = |name: &str| ports.get(name).copied().unwrap_or_default();
    let keys = format!("http://127.0.0.1:{}", port_of("identity"));
    let mut all = BTreeMap::new();
    for service in services() {
        let issues_tokens = service.name == kith_identity::SERVICE.name;
        let pairs = [
            ("SERVER__LISTEN", format!("127.0.0.1:{}", port_of(service.name))),
            ("SERVER__REFLECTION", "true".to_owned()),
            ("DATABASE__HOST", database.get_host().to_owned()),
            ("DATABASE__PORT", database.get_port().to_string()),
            ("BROKER__HOST", broker.host.clone()),
            ("BROKER__PORT", broker.port.clone()),
            ("BROKER__USER", if servers.own_users { String::new() } else { broker.user.clone() }),
            ("BROKER__VHOST", broker.vhost.clone()),
            ("AUTH__KEYS", if issues_tokens { String::new() } else { keys.clone() }),
            ("SECRETS__FOLDER", secrets.display().to_string()),
        ];
        let named = pairs.into_iter().map(|(name, value)| (format!("KITH__{name}"), value)).collect();
        all.insert(service.name, named);
    }
    Ok(all)
}

/// Makes roles, databases, tables, queues and secrets of all seven. Harmless to repeat.
pub async fn migrate(servers: Servers<'_>, secrets: &Path) -> Result<()> {
    let admin: PgConnectOptions =
        servers.database.parse().context("KITH_DATABASE_URL is not a PostgreSQL URL")?;
    let broker = Broker::parse(servers.broker)?;
    let ids = Ids::system();
    for name in ["derive", "host_code"] {
        provision::secret_file(secrets, name, &ids)?;
    }
    if servers.own_users {
        broker_users(secrets)?;
    } else {
        provision::put_secret(secrets, "broker", &broker.password)?;
    }
    for service in services() {
        let database = format!("kith_{}", service.name);
        provision::roles(&admin, service, secrets, &ids).await?;
        provision::database(&admin, service, &database).await?;
        provision::migrate(&admin, service, &database).await?;
    }
    // Queues are declared before anybody publishes, so that the first event already has somewhere to go.
    let all = settings(servers, secrets, &BTreeMap::new())?;
    for service in services() {
        let prefix = config_of(&all, service)?.broker.prefix;
        declare(service, servers.broker, prefix).await?;
    }
    Ok(())
}

/// Declares what a service needs on a broker, as the administrator of the URL.
pub async fn declare(service: &Service, administrator: &str, prefix: String) -> Result<()> {
    let Broker { user, .. } = Broker::parse(administrator)?;
    let url = administrator.to_owned();
    let address = Address { url, prefix, service: service.name, user, own_users: false };
    address.declare(&(service.subscriptions)().aggregates()).await?;
    Ok(())
}

/// What a broker must be told so that each of the seven has a user of its own, as JSON that RabbitMQ reads. The
/// passwords are made where there are none yet.
pub fn broker_definitions(
    secrets: &Path,
    vhost: &str,
    prefix: &str,
    administrator: Option<(&str, &Secret)>,
) -> Result<String> {
    let users = broker_users(secrets)?;
    let installation = Installation { vhost, prefix, administrator, users: &users };
    Ok(serde_json::to_string_pretty(&kith_platform::broker::definitions(installation))?)
}

fn broker_users(secrets: &Path) -> Result<Vec<User>> {
    let ids = Ids::system();
    let user = |service: &'static Service| {
        let password = provision::secret_file(secrets, &broker_secret(service.name), &ids)?;
        let listens_to = (service.subscriptions)().aggregates();
        Ok(User { service: service.name, listens_to, password })
    };
    services().into_iter().map(user).collect()
}

fn config_of(all: &BTreeMap<&'static str, BTreeMap<String, String>>, service: &Service) -> Result<Config> {
    let settings = all.get(service.name).context("a service without settings")?;
    Config::from_settings(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Runs all seven in this process until it is told to stop.
pub async fn standalone(all: &BTreeMap<&'static str, BTreeMap<String, String>>) -> Result<()> {
    let first = config_of(all, services()[0])?;
    let guard = kith_platform::telemetry::start("standalone", &first.telemetry)?;
    let life = Life::new();
    life.listen_to_signals()?;
    let mut running = tokio::task::JoinSet::new();
    for service in services() {
        let config = config_of(all, service)?;
        println!("{:<13} {}", service.name, config.server.listen);
        let life = life.clone();
        running.spawn(async move { kith_platform::run(service, config, life).await.context(service.name) });
    }
    while let Some(ended) = running.join_next().await {
        let worked = ended.context("a service panicked").and_then(|result| result);
        life.soft.cancel();
        worked?;
    }
    guard.shut_down();
    if life.failed() {
        bail!("a background task ended by itself; the log says which");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_url_is_read_whole_or_refused() {
        let broker = Broker::parse("amqp://kith:se:cret@127.0.0.1:7156/%2f").expect("a broker");
        assert_eq!((broker.user.as_str(), broker.password.as_str()), ("kith", "se:cret"));
        assert_eq!(
            (broker.host.as_str(), broker.port.as_str(), broker.vhost.as_str()),
            ("127.0.0.1", "7156", "/")
        );
        assert!(Broker::parse("http://127.0.0.1").is_err());
        assert!(Broker::parse("amqp://127.0.0.1:1").is_err());
    }
}
