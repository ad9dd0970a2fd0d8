//! The test world: a fresh database per test from a migrated template, the real app role with row security on, a test
//! clock, seeded ids. Events are delivered and applied by call; nothing sleeps.
//!
//! Needs `KITH_DATABASE_URL` (an administrator) and, where events really travel, `KITH_BROKER_URL`; `make test` sets
//! both.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use kith_proto::Event;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::broker::Message;
use crate::clock::Clock;
use crate::config::{Config, broker_secret};
use crate::context::Actor;
use crate::db::{Mode, Tx};
use crate::host::{Host, Service};
use crate::id::{Ids, PersonId, TenantId, Uuid, hex};
use crate::lifecycle::Life;
use crate::{provision, run};

/// SQL for an administrator: from now on the database writes down what is applied, in which order and transaction. A done event
/// leaves no other trace than that it waits no more.
pub const NOTE_WHAT_IS_DONE: &str = "create schema noted;
    create table noted.done (place bigint generated always as identity, transaction xid8 default pg_current_xact_id(), tenant uuid,
        aggregate_type text, aggregate_id uuid, event_no bigint, snapshot boolean);
    create function noted.note() returns trigger language plpgsql security definer as $$
    begin
        insert into noted.done (tenant, aggregate_type, aggregate_id, event_no, snapshot)
            select tenant_id, aggregate_type, aggregate_id, event_no, snapshot from gone order by event_no;
        return null;
    end $$;
    create trigger note_what_is_done after delete on platform.inbox_todo referencing old table as gone
        for each statement execute function noted.note()";

/// One test's world.
#[derive(Debug)]
pub struct World {
    admin: PgConnectOptions,
    /// Stands at noon UTC of 21 November 2026 until it is moved.
    pub clock: Clock,
    /// The same in every run.
    pub ids: Ids,
    /// Before every exchange and queue of this test.
    pub prefix: String,
    broker_url: Option<String>,
    secrets: PathBuf,
    own_secrets: Option<PathBuf>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The moment at which test clocks start.
pub fn start_of_time() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().expect("a moment")
}

/// Passwords of test roles: the same for all tests of this checkout on one server, since roles belong to the whole server.
fn test_secrets(server: &PgConnectOptions) -> PathBuf {
    let folder = format!("../../target/kith-test-secrets/{}-{}", server.get_host(), server.get_port());
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)
}

impl World {
    /// A world with nothing in it.
    ///
    /// # Panics
    /// Where no server is given to test with.
    pub fn new() -> Self {
        let url = std::env::var("KITH_DATABASE_URL").expect(
            "tests need KITH_DATABASE_URL; run them with `make test`, or after eval \"$(kith servers env)\"",
        );
        let admin: PgConnectOptions = url.parse().expect("KITH_DATABASE_URL is a PostgreSQL URL");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            secrets: test_secrets(&admin),
            admin,
            clock: Clock::test(start_of_time()),
            ids: Ids::seeded(42),
            prefix: format!("test-{}-{number}", std::process::id()),
            broker_url: std::env::var("KITH_BROKER_URL").ok(),
            own_secrets: None,
        }
    }

    /// The configuration of a service in this world, with a database of its own.
    pub async fn config(&self, service: &Service) -> Config {
        let mut config = Config::defaults().expect("the defaults are fine");
        config.database.host = self.admin.get_host().to_owned();
        config.database.port = self.admin.get_port();
        config.database.name = self.database(service).await;
        config.database.max_connections = 4;
        config.secrets.folder = self.secrets.clone();
        config.broker.prefix = self.prefix.clone();
        if let Some(url) = &self.broker_url {
            let (credentials, place) =
                url.trim_start_matches("amqp://").split_once('@').expect("user:password@host");
            let (user, password) = credentials.split_once(':').expect("user:password");
            let (host, port) = place.split('/').next().and_then(|at| at.split_once(':')).expect("host:port");
            config.broker.host = host.to_owned();
            config.broker.port = port.parse().expect("a port");
            if let Some(own) = &self.own_secrets {
                copy_secrets(&self.secrets, own);
                config.secrets.folder = own.clone();
                // Users of its own: see `with_broker`.
                config.broker.user = String::new();
            } else {
                config.broker.user = user.to_owned();
                provision::put_secret(&config.secrets.folder, "broker", password).expect("a secret");
            }
        }
        let broker =
            if config.broker.user.is_empty() { broker_secret(service.name) } else { "broker".to_owned() };
        for name in [broker.as_str(), "derive"] {
            provision::secret_file(&config.secrets.folder, name, &Ids::system()).expect("a secret");
        }
        config
    }

    /// A world with a broker of its own, on which each service has a user; who makes the world gives the broker its
    /// [`crate::broker::definitions`], with the passwords from the folder of secrets.
    #[must_use]
    pub fn with_broker(mut self, url: String, own_secrets: PathBuf) -> Self {
        self.broker_url = Some(url);
        self.own_secrets = Some(own_secrets);
        self
    }

    /// A service without its server and its loops: calls go to its handlers, events come by [`Self::deliver`].
    pub async fn host(&self, service: &Service) -> Host {
        self.host_with(service, self.config(service).await).await
    }

    /// The same with a configuration of its own, or a second one over the same database, as a replica is.
    pub async fn host_with(&self, service: &Service, config: Config) -> Host {
        let host =
            run::open(service, config, Life::new(), self.clock.clone(), self.ids.clone()).expect("a host");
        (service.prepare)(host.clone()).await.expect("the service is prepared");
        host
    }

    /// A tenant that the service knows, in London.
    pub async fn tenant(&self, host: &Host, preparing: bool) -> TenantId {
        let tenant = TenantId(self.ids.uuid(self.clock.now()));
        self.know_tenant(host, tenant, preparing).await;
        tenant
    }

    /// Lets a service know a tenant, or know its other state.
    pub async fn know_tenant(&self, host: &Host, tenant: TenantId, preparing: bool) {
        let state = if preparing { "preparing" } else { "live" };
        let work = async |tx: &mut Tx| tx.remember_tenant(state, "Europe/London", 1).await;
        host.within(tenant, Actor::Service { tenant }, Mode::Apply, work).await.expect("the tenant is known");
    }

    /// Somebody.
    pub fn person(&self) -> PersonId {
        PersonId(self.ids.uuid(self.clock.now()))
    }

    /// Delivers an event as the broker would and applies everything that is ready.
    pub async fn deliver<E: Event>(
        &self,
        host: &Host,
        tenant: TenantId,
        aggregate: impl Into<Uuid>,
        no: i64,
        event: &E,
    ) {
        let message = Message {
            tenant_id: tenant,
            event_id: self.ids.uuid(self.clock.now()),
            aggregate_type: E::AGGREGATE.to_owned(),
            aggregate_id: aggregate.into(),
            event_no: no,
            event_type: E::TYPE.to_owned(),
            payload: event.encode_to_vec(),
            traceparent: None,
            time: self.clock.now(),
            snapshot_for: None,
        };
        self.receive(host, &[message]).await;
    }

    /// Receives messages as they come from the broker and applies everything that is ready.
    pub async fn receive(&self, host: &Host, messages: &[Message]) {
        let mut conn = host.db().relay().await.expect("a connection");
        host.inbox().store(&mut conn, messages).await.expect("the events are stored");
        drop(conn);
        while host.inbox().apply_ready().await.expect("the events are applied") > 0 {}
    }

    /// Seals what the service has written down; answers how many rows.
    pub async fn seal(&self, host: &Host) -> usize {
        host.sealer().expect("the key to seal with").seal().await.expect("the audit is sealed")
    }

    /// Lets a service know that its copies of consents and hats are complete at this moment, as the watermarks of all whom
    /// it may hear would.
    pub async fn know_copies(&self, host: &Host) {
        for aggregate in crate::watermark::watched() {
            self.know_copy(host, aggregate).await;
        }
    }

    /// The same of one copy alone: of `<service>.<aggregate>`.
    pub async fn know_copy(&self, host: &Host, aggregate: &str) {
        let now = self.clock.now();
        self.receive(host, &[crate::watermark::message(aggregate, now, self.ids.uuid(now))]).await;
    }

    /// Until which moment a service would say that every event of an aggregate of its own is published.
    pub async fn complete_until(&self, host: &Host, aggregate: &str) -> DateTime<Utc> {
        let mut conn = host.db().relay().await.expect("a connection");
        let asked = crate::watermark::complete_until(&mut conn, aggregate, self.clock.now()).await;
        asked.expect("an answer")
    }

    /// What a service has written for others, in order, as it would reach the broker.
    pub async fn written(&self, host: &Host) -> Vec<Message> {
        let mut conn = host.db().relay().await.expect("a connection");
        let rows = sqlx::query!(
            "select tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload, traceparent,
                 created_at
             from platform.outbox order by seq"
        )
        .fetch_all(&mut *conn)
        .await
        .expect("the outbox");
        rows.into_iter()
            .map(|row| Message {
                tenant_id: TenantId(row.tenant_id),
                event_id: row.event_id,
                aggregate_type: row.aggregate_type,
                aggregate_id: row.aggregate_id,
                event_no: row.event_no,
                event_type: row.event_type,
                payload: row.payload,
                traceparent: row.traceparent,
                time: row.created_at,
                snapshot_for: None,
            })
            .collect()
    }

    /// An administrator's connection to a service's database: for what no role of the service may do.
    pub async fn admin(&self, host: &Host) -> PgConnection {
        self.admin_of(&host.config().database.name).await
    }

    /// An administrator's connection to a database of this world.
    pub async fn admin_of(&self, database: &str) -> PgConnection {
        self.admin.clone().database(database).connect().await.expect("a connection as administrator")
    }

    /// Makes a call whose connection is lost while it reads that table.
    pub async fn cut_at<T>(&self, host: &Host, table: &str, call: impl Future<Output = T>) -> T {
        let (mut holding, mut admin) = (self.admin(host).await, self.admin(host).await);
        sql(&mut holding, format!("begin; lock table {table}")).await;
        let cut = async {
            let waits = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock' and pid <> pg_backend_pid()";
            let longest = tokio::time::Instant::now() + std::time::Duration::from_secs(4);
            while sqlx::query(waits).execute(&mut admin).await.expect("a look").rows_affected() == 0 {
                assert!(tokio::time::Instant::now() < longest, "nobody reads {table}");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let (answer, ()) = tokio::join!(call, cut);
        sql(&mut holding, "rollback".to_owned()).await;
        answer
    }

    /// A fresh database for a service, copied from its migrated template.
    async fn database(&self, service: &Service) -> String {
        let mut conn = self.admin.connect().await.expect("PostgreSQL answers");
        let template = template_name(service, &self.secrets);
        sqlx::raw_sql("select pg_advisory_lock(4207850)").execute(&mut conn).await.expect("the lock");
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&template)
            .fetch_one(&mut conn)
            .await
            .expect("the list of databases");
        if !exists {
            remove_leftovers(&mut conn).await;
            let building = format!("{template}_new");
            sql(&mut conn, format!("drop database if exists \"{building}\" with (force)")).await;
            let system = Ids::system();
            provision::roles(&self.admin, service, &self.secrets, &system).await.expect("the roles");
            provision::database(&self.admin, service, &building).await.expect("the template");
            provision::migrate(&self.admin, service, &building).await.expect("the tables");
            sql(&mut conn, format!("alter database \"{building}\" rename to \"{template}\"")).await;
        }
        sqlx::raw_sql("select pg_advisory_unlock(4207850)")
            .execute(&mut conn)
            .await
            .expect("the lock is given back");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let database = format!("kith_test_{}_{}_{number}", std::process::id(), service.name);
        sql(&mut conn, format!("drop database if exists \"{database}\" with (force)")).await;
        sql(
            &mut conn,
            format!("create database \"{database}\" template \"{template}\" owner {}_owner", service.name),
        )
        .await;
        provision::database(&self.admin, service, &database).await.expect("the grants");
        conn.close().await.ok();
        database
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// What is there already is left: passwords that a broker was told must not change.
fn copy_secrets(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder of secrets");
    for entry in std::fs::read_dir(from).expect("the folder of secrets") {
        let entry = entry.expect("a secret");
        let copy = to.join(entry.file_name());
        if !copy.exists() {
            std::fs::copy(entry.path(), copy).expect("a copy");
        }
    }
}

/// Names the template after what is in it, so that a changed migration makes a new one.
fn template_name(service: &Service, secrets: &Path) -> String {
    let mut hash = Sha256::new();
    for migration in provision::MIGRATOR.iter().chain(service.migrations.iter()) {
        hash.update(&migration.checksum);
    }
    hash.update(secrets.to_string_lossy().as_bytes());
    let digest = hex(&hash.finalize()[..6]);
    format!("kith_template_{}_{digest}", service.name)
}

/// Removes databases of test processes that are gone.
async fn remove_leftovers(conn: &mut PgConnection) {
    let left: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'kith\\_test\\_%'")
            .fetch_all(&mut *conn)
            .await
            .expect("the list of databases");
    for database in left {
        let process = database.split('_').nth(2).unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            sql(conn, format!("drop database if exists \"{database}\" with (force)")).await;
        }
    }
}

async fn sql(conn: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(conn).await.expect("the administrator's statement works");
}

/// A request as the door lets it in for that person.
pub fn request_of<M>(tenant: TenantId, person: PersonId, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Actor::Person { tenant, person, session: Uuid::nil() });
    request
}

/// The code and reason of a refusal.
pub fn reason(status: &Status) -> (Code, String) {
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default();
    (status.code(), reason)
}

/// The names of the fields that a refusal finds wrong.
pub fn wrong_fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let Some(bad_request) = details.bad_request() else {
        return Vec::new();
    };
    bad_request.field_violations.iter().map(|violation| violation.field.clone()).collect()
}
