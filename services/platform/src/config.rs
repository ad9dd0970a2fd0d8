//! Layered configuration: defaults, then a file, then `KITH__SECTION__KEY` in the environment. Validated at start,
//! printable with secrets hidden. Secrets are files in one folder, each named after what it opens.

mod mail;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;

use crate::broker::{Address, user_of};

pub use mail::{Mail, MailTls};

/// What a service is told at start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it serves and how much it takes.
    pub server: Server,
    /// Its PostgreSQL database.
    pub database: Database,
    /// RabbitMQ.
    pub broker: Broker,
    /// Tokens.
    pub auth: Auth,
    /// The server that takes our mail. Read by identity alone.
    pub mail: Mail,
    /// Secrets.
    pub secrets: Secrets,
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
}

/// Where a service serves and how much it takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Written with the bound address once the service serves; empty for none.
    pub ready_file: PathBuf,
    /// Whether gRPC reflection is on: local profile only.
    pub reflection: bool,
    /// Calls under way at once; more are shed.
    pub max_concurrent_calls: usize,
    /// Longest a call may take, in seconds.
    pub call_timeout_seconds: u64,
    /// How long the service goes on serving after it was told to stop, so that balancers notice, in milliseconds.
    pub lame_duck_milliseconds: u64,
    /// Longest that calls under way may take to finish after that, in seconds.
    pub drain_seconds: u64,
}

/// A service's PostgreSQL database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Name of the database; empty for `kith_<service>`.
    pub name: String,
    /// Connections of the app role.
    pub max_connections: u32,
}

/// RabbitMQ.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Virtual host.
    pub vhost: String,
    /// User name, for all services the same, with the secret `broker`. Empty for the service's own,
    /// `<prefix>-<service>`, with the secret `broker_<service>`: it may publish nothing but its own events.
    pub user: String,
    /// Before every exchange, queue and user of a service.
    pub prefix: String,
}

/// Tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Who signs: `iss`.
    pub issuer: String,
    /// For whom: `aud`, one operator's trust group.
    pub audience: String,
    /// Where the key set is: a gRPC address (`http://host:port`) or a file path.
    pub keys: String,
    /// How often the key set is fetched, in seconds; a token of an unknown key has it fetched at once.
    pub key_refresh_seconds: u64,
    /// For how long a key signs before the next one does, in seconds. Read by identity alone, as is all that follows.
    pub key_rotation_seconds: u64,
    /// How long a key is published before it signs, in seconds: long enough that a service which cannot fetch the key
    /// set for a while still knows every key that signs.
    pub key_lead_seconds: u64,
    /// How long an access token lives, in seconds.
    pub token_lifetime_seconds: u64,
    /// Where people sign in, such as `https://kith.example`: passkeys and outside providers are bound to it.
    pub origin: String,
    /// Hosts of outside providers that may lie inside the host's own network, by name or address, with commas between
    /// them; none where every provider is on the public internet. Nothing else inside is ever asked.
    pub internal_providers: String,
    /// The header in which a trusted proxy says who called, such as `x-real-ip`; empty where callers come directly.
    pub peer_header: String,
}

/// Secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Folder with one file a secret: `<service>_app`, `<service>_relay`, `broker_<service>` (or `broker`), `derive`,
    /// and `mail` where the mail server wants a password.
    pub folder: PathBuf,
}

/// Logs, traces and metrics.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Filter of log lines and spans, as in `info,sqlx=warn`; at `warn` there are no spans.
    pub log: String,
    /// JSON lines instead of text.
    pub json: bool,
    /// OTLP collector (gRPC); empty for none.
    pub otlp: String,
}

/// Largest AMQP frame. lapin keeps two buffers of 32 frames for every connection, written to in full: 8 MiB with
/// RabbitMQ's own 128 KiB. Larger events travel in several frames; RabbitMQ 4 takes no less than this.
const FRAME_BYTES: u32 = 8 * 1024;

const DEFAULTS: &str = r#"
[server]
listen = "127.0.0.1:0"
ready_file = ""
reflection = false
max_concurrent_calls = 256
call_timeout_seconds = 10
lame_duck_milliseconds = 0
drain_seconds = 30

[database]
host = "127.0.0.1"
port = 5432
name = ""
max_connections = 16

[broker]
host = "127.0.0.1"
port = 5672
vhost = "/"
user = ""
prefix = "kith"

[auth]
issuer = "kith"
audience = "kith"
keys = ""
key_refresh_seconds = 30
key_rotation_seconds = 2592000
key_lead_seconds = 1200
token_lifetime_seconds = 600
origin = "http://localhost:8080"
internal_providers = ""
peer_header = ""

[mail]
host = ""
port = 587
tls = "starttls"
user = ""
from = ""
poll_seconds = 2

[secrets]
folder = ""

[telemetry]
log = "info,sqlx=warn,lapin=warn,h2=warn,hyper=warn"
json = true
otlp = ""
"#;

impl Config {
    /// Reads defaults, the file that `KITH_CONFIG` names (if any) and the environment, and validates the whole.
    pub fn load() -> anyhow::Result<Self> {
        let file = std::env::var("KITH_CONFIG").ok().filter(|path| !path.is_empty());
        let environment = config::Environment::with_prefix("KITH").prefix_separator("__").separator("__");
        Self::from_layers(file.as_deref().map(Path::new), environment)
    }

    /// Reads defaults and these `KITH__SECTION__KEY` settings alone: for several services in one process.
    pub fn from_settings<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> anyhow::Result<Self> {
        let source = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let environment = config::Environment::with_prefix("KITH").prefix_separator("__").separator("__");
        Self::from_layers(None, environment.source(Some(source)))
    }

    fn from_layers(file: Option<&Path>, environment: config::Environment) -> anyhow::Result<Self> {
        let mut layers =
            config::Config::builder().add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(path) = file {
            layers = layers.add_source(config::File::from(path).format(config::FileFormat::Toml));
        }
        let config: Self = layers
            .add_source(environment.try_parsing(true))
            .build()
            .and_then(config::Config::try_deserialize)
            .context("the configuration cannot be read")?;
        config.validate()?;
        Ok(config)
    }

    /// The defaults, for tests to fill in.
    pub fn defaults() -> anyhow::Result<Self> {
        Self::from_layers(None, config::Environment::with_prefix("KITH_NOTHING").separator("__"))
    }

    fn validate(&self) -> anyhow::Result<()> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, problem: &str| {
            if !fine {
                problems.push(problem.to_owned());
            }
        };
        check(
            (1..=100_000).contains(&self.server.max_concurrent_calls),
            "server.max_concurrent_calls: 1 to 100000",
        );
        check((1..=300).contains(&self.server.call_timeout_seconds), "server.call_timeout_seconds: 1 to 300");
        check(self.server.drain_seconds <= 600, "server.drain_seconds: at most 600");
        check((2..=1000).contains(&self.database.max_connections), "database.max_connections: 2 to 1000");
        check(!self.database.host.is_empty(), "database.host: is missing");
        check(!self.broker.host.is_empty(), "broker.host: is missing");
        check(!self.broker.prefix.is_empty(), "broker.prefix: is missing");
        check(!self.auth.issuer.is_empty(), "auth.issuer: is missing");
        check(!self.auth.audience.is_empty(), "auth.audience: is missing");
        check(
            (2..=31_536_000).contains(&self.auth.key_rotation_seconds),
            "auth.key_rotation_seconds: 2 to 31536000",
        );
        check((1..=300).contains(&self.auth.key_refresh_seconds), "auth.key_refresh_seconds: 1 to 300");
        check(
            (self.auth.key_refresh_seconds * 3..=86_400).contains(&self.auth.key_lead_seconds),
            "auth.key_lead_seconds: three times auth.key_refresh_seconds at least, 86400 at most",
        );
        check(
            (10..=3600).contains(&self.auth.token_lifetime_seconds),
            "auth.token_lifetime_seconds: 10 to 3600",
        );
        check(!self.auth.origin.is_empty(), "auth.origin: is missing");
        self.mail.check(&mut check);
        if problems.is_empty() {
            return Ok(());
        }
        bail!("the configuration is not right:\n  {}", problems.join("\n  "))
    }

    /// What is in force, for people. Secrets are files and not part of it.
    pub fn render(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// A secret's content.
    pub fn secret(&self, name: &str) -> anyhow::Result<Secret> {
        let path = self.secrets.folder.join(name);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("the secret {name} cannot be read from {}", path.display()))?;
        Ok(Secret(text.trim_end().to_owned()))
    }

    /// The key from which a service derives keys for single purposes ([`crate::host::derive`]).
    pub fn derive_key(&self, service: &str) -> anyhow::Result<[u8; 32]> {
        use sha2::Digest as _;
        let secret = self.secret("derive")?;
        Ok(sha2::Sha256::digest(format!("{service}:{}", secret.reveal())).into())
    }

    /// How to reach a service's database as one of its roles (`app`, `relay` …).
    pub fn database_as(&self, service: &str, role: &str) -> anyhow::Result<PgConnectOptions> {
        let user = format!("{service}_{role}");
        let name = if self.database.name.is_empty() {
            format!("kith_{service}")
        } else {
            self.database.name.clone()
        };
        let password = self.secret(&user)?;
        Ok(PgConnectOptions::new_without_pgpass()
            .host(&self.database.host)
            .port(self.database.port)
            .username(&user)
            .password(password.reveal())
            .database(&name)
            .ssl_mode(sqlx::postgres::PgSslMode::Disable)
            .application_name(&user))
    }

    /// How to reach the broker.
    pub fn broker_as(&self, service: &'static str) -> anyhow::Result<Address> {
        let Broker { host, port, vhost, user, prefix } = &self.broker;
        let own_users = user.is_empty();
        let (user, password) = if own_users {
            (user_of(prefix, service), self.secret(&broker_secret(service))?)
        } else {
            (user.clone(), self.secret("broker")?)
        };
        let vhost = vhost.replace('/', "%2f");
        let url = format!(
            "amqp://{user}:{}@{host}:{port}/{vhost}?heartbeat=10&frame_max={FRAME_BYTES}",
            password.reveal()
        );
        Ok(Address { url, prefix: prefix.clone(), service, user, own_users })
    }
}

/// Names the secret of a service's own user of the broker.
pub fn broker_secret(service: &str) -> String {
    format!("broker_{service}")
}

/// Something that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> config::Environment {
        let source = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        config::Environment::with_prefix("KITH").prefix_separator("__").separator("__").source(Some(source))
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kith.toml");
        std::fs::write(&file, "[server]\ncall_timeout_seconds = 5\ndrain_seconds = 7\n").expect("a file");
        let config = Config::from_layers(Some(&file), environment(&[("KITH__SERVER__DRAIN_SECONDS", "9")]));
        let server = config.expect("a configuration").server;
        assert_eq!(
            (server.max_concurrent_calls, server.call_timeout_seconds, server.drain_seconds),
            (256, 5, 9)
        );
    }

    #[test]
    fn a_wrong_value_and_an_unknown_key_are_refused_by_name() {
        let wrong = Config::from_layers(None, environment(&[("KITH__SERVER__MAX_CONCURRENT_CALLS", "0")]));
        assert!(format!("{:#}", wrong.expect_err("refused")).contains("server.max_concurrent_calls"));
        let unknown = Config::from_layers(None, environment(&[("KITH__SERVER__COLOUR", "red")]));
        assert!(format!("{:#}", unknown.expect_err("refused")).contains("colour"));
    }

    #[test]
    fn a_service_comes_to_the_broker_as_itself_where_no_user_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, secret) in [("broker", "shared"), ("broker_teams", "own")] {
            std::fs::write(folder.path().join(name), secret).expect("a secret");
        }
        let mut config = Config::defaults().expect("the defaults are fine");
        config.secrets.folder = folder.path().to_owned();
        let own = config.broker_as("teams").expect("an address");
        assert_eq!((own.user.as_str(), own.own_users), ("kith-teams", true));
        assert!(own.url.starts_with("amqp://kith-teams:own@"), "{}", own.url);
        config.broker.user = "everybody".into();
        let shared = config.broker_as("teams").expect("an address");
        assert_eq!((shared.user.as_str(), shared.own_users), ("everybody", false));
        assert!(shared.url.starts_with("amqp://everybody:shared@"), "{}", shared.url);
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "(hidden)");
    }
}
