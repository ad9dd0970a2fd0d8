//! Starts a service and runs it until it is told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use kith_proto::common::v1::access_log_service_server::AccessLogServiceServer;
use kith_proto::common::v1::break_glass_service_server::BreakGlassServiceServer;
use kith_proto::common::v1::data_rights_service_server::DataRightsServiceServer;
use kith_proto::common::v1::operations_service_server::OperationsServiceServer;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;

use crate::access_log::AccessLog;
use crate::auth::{Verifier, fetch_keys};
use crate::authz::Policy;
use crate::backlog::Operations;
use crate::break_glass::BreakGlass;
use crate::broker::{Publisher, hand_on_marks};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, Shared};
use crate::host::{Host, Service};
use crate::id::Ids;
use crate::lifecycle::Life;
use crate::outbox::Relay;
use crate::rights::DataRights;
use crate::server::{DoorLayer, Gathered};
use crate::watch::Watch;
use crate::{error, provision, resend, sweep, telemetry, tenant};

const MAX_STREAMS: u32 = 128;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const MAX_PENDING_RESETS: usize = 20;
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(5);
/// For calls under way on a connection that has come of age.
const CONNECTION_GRACE: Duration = Duration::from_mins(1);
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEY_FETCH_PAUSE: Duration = Duration::from_millis(250);
const START_PAUSE: Duration = Duration::from_millis(500);
/// After a fetch that failed, where there are keys to go on with.
const KEY_FETCH_ANEW: Duration = Duration::from_secs(2);
const CLOSING: Duration = Duration::from_secs(1);
const READINESS_POLL: Duration = Duration::from_secs(1);
/// The first start is waited for; it takes one round over the broker.
const JOINING_POLL: Duration = Duration::from_millis(50);

/// The whole of a service's `main`: one process, one service.
pub fn main(service: &Service) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kith-{}: no runtime: {error}", service.name);
            return ExitCode::FAILURE;
        }
    };
    let worked = runtime.block_on(async {
        let config = Config::load()?;
        let guard = telemetry::start(service.name, &config.telemetry)?;
        let life = Life::new();
        life.listen_to_signals()?;
        let ran = run(service, config, life.clone()).await;
        guard.shut_down();
        ran.map(|()| life.failed())
    });
    match worked {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("kith-{}: {error:#}", service.name);
            ExitCode::FAILURE
        }
    }
}

/// Starts a service and runs it until its life ends.
pub async fn run(service: &Service, config: Config, life: Life) -> anyhow::Result<()> {
    let ready_file = config.server.ready_file.clone();
    let lame_duck = Duration::from_millis(config.server.lame_duck_milliseconds);
    let drain = Duration::from_secs(config.server.drain_seconds);
    let running = start(service, config, life.clone(), Clock::System, Ids::system()).await?;
    if !ready_file.as_os_str().is_empty() {
        // Written aside and renamed, so that nobody reads half of it.
        let aside = ready_file.with_extension("new");
        std::fs::write(&aside, running.address.to_string())?;
        std::fs::rename(&aside, &ready_file)?;
    }
    tracing::info!(service.name = service.name, server.address = %running.address, "serving");
    life.soft.cancelled().await;
    running.not_ready().await;
    tokio::select! {
        () = tokio::time::sleep(lame_duck) => {}
        () = life.hard.cancelled() => {}
    }
    running.stop.cancel();
    life.tasks.close();
    tokio::select! {
        () = life.tasks.wait() => {}
        () = life.hard.cancelled() => {}
        () = tokio::time::sleep(drain) => tracing::warn!("calls under way did not finish in time"),
    }
    life.hard.cancel();
    // A call that did not finish holds its connection: it is left to PostgreSQL's own timeouts.
    tokio::time::timeout(CLOSING, running.host.db().close()).await.ok();
    Ok(())
}

/// A service's database, for the operator's command.
pub fn database(service: &Service, config: &Config) -> anyhow::Result<Db> {
    let policy = Policy::new(service.policy.0, service.policy.1)?;
    let shared = Shared::new(Clock::System, Ids::system(), policy);
    let app = config.database_as(service.name, "app")?;
    let relay = config.database_as(service.name, "relay")?;
    Ok(Db::open(app, relay, 2, shared))
}

/// A service that serves.
#[derive(Debug)]
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    /// The service.
    pub host: Host,
    health: tonic_health::server::HealthReporter,
    stop: tokio_util::sync::CancellationToken,
}

impl Running {
    async fn not_ready(&self) {
        self.health.set_service_status("", ServingStatus::NotServing).await;
    }
}

/// Opens a service's pools and puts its host together, without serving.
pub(crate) fn open(
    service: &Service,
    config: Config,
    life: Life,
    clock: Clock,
    ids: Ids,
) -> anyhow::Result<Host> {
    let policy = Policy::new(service.policy.0, service.policy.1)?;
    let shared = Shared::new(clock.clone(), ids, policy);
    let app = config.database_as(service.name, "app")?;
    let relay = config.database_as(service.name, "relay")?;
    let db = Db::open(app, relay, config.database.max_connections, shared);
    let verifier = Verifier::new(&config.auth.issuer, &config.auth.audience, clock);
    let derive = config.derive_key(service.name)?;
    Host::new(service, config, db, verifier, life, derive)
}

/// Starts serving: answers once calls are taken.
pub(crate) async fn start(
    service: &Service,
    config: Config,
    life: Life,
    clock: Clock,
    ids: Ids,
) -> anyhow::Result<Running> {
    let host = open(service, config, life.clone(), clock, ids)?;
    prepare(service, &host, &life).await?;
    work_beside(&host, &life)?;

    let listener = TcpListener::bind(host.config().server.listen)
        .await
        .with_context(|| format!("cannot listen on {}", host.config().server.listen))?;
    let address = listener.local_addr()?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("live", ServingStatus::Serving).await;
    health.set_service_status("", ServingStatus::NotServing).await;
    watch_readiness(&host, &life, health.clone());

    let operations = OperationsServiceServer::new(Operations(host.clone()));
    let access_log = AccessLogServiceServer::new(AccessLog::new(host.clone()));
    let break_glass = BreakGlassServiceServer::new(BreakGlass::new(host.clone()));
    let rights = DataRightsServiceServer::new(DataRights(host.clone()));
    let mut routes = (service.routes)(&host)
        .add_service(crate::limited!(operations))
        .add_service(crate::limited!(access_log))
        .add_service(crate::limited!(break_glass))
        .add_service(crate::limited!(rights))
        .add_service(health_service);
    if host.config().server.reflection {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(kith_proto::DESCRIPTOR_SET)
            .build_v1()?;
        routes = routes.add_service(reflection);
    }
    let calls = Arc::new(Semaphore::new(host.config().server.max_concurrent_calls));
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .max_connection_age(MAX_CONNECTION_AGE)
        .max_connection_age_grace(CONNECTION_GRACE)
        .layer(DoorLayer { host: host.clone(), calls })
        .add_routes(routes);
    let stop = tokio_util::sync::CancellationToken::new();
    let (stopping, soft) = (stop.clone(), life.soft.clone());
    life.guard("server", async move {
        // Said here: the server's own setting is ignored for connections that come from elsewhere, and an answer in two
        // packets would wait for the client's delayed acknowledgement, 40 ms.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let incoming = incoming.map(|stream| stream.map(Gathered::new));
        let served = server.serve_with_incoming_shutdown(incoming, stopping.cancelled()).await;
        if let Err(error) = served {
            tracing::error!(error.kind = %error, "the server failed");
        }
        // Ended without being told to: the guard takes that as a failure.
        let _ = soft;
    });
    Ok(Running { address, host, health, stop })
}

/// Checks the database and makes in it what the service needs. A database that is being restarted, or is too busy to
/// answer, is waited for: it must not end what starts just then. What waiting does not mend ends the start.
async fn prepare(service: &Service, host: &Host, life: &Life) -> anyhow::Result<()> {
    loop {
        let prepared = async {
            provision::check(&mut *host.db().relay().await?, service).await?;
            (service.prepare)(host.clone()).await
        };
        match prepared.await {
            Err(failure) if error::may_pass(&failure) && !life.soft.is_cancelled() => {
                tracing::warn!("the database does not answer, and the start waits for it");
            }
            ended => return ended,
        }
        tokio::select! {
            () = tokio::time::sleep(START_PAUSE) => {}
            () = life.soft.cancelled() => {}
        }
    }
}

/// What runs beside the calls: outbox, inbox, seals, keys.
fn work_beside(host: &Host, life: &Life) -> anyhow::Result<()> {
    let publisher = Publisher::new(host.inbox().address.clone());
    let relay = Relay {
        db: host.db().clone(),
        clock: host.shared().clock.clone(),
        publisher: publisher.clone(),
        woken: host.inbox().wrote.clone(),
    };
    let soft = life.soft.clone();
    life.guard("outbox", async move { relay.run(&soft).await });
    let (inbox, soft) = (host.inbox().clone(), life.soft.clone());
    life.guard("inbox.receive", async move { inbox.receive(&soft).await });
    let (inbox, soft) = (host.inbox().clone(), life.soft.clone());
    life.guard("inbox.marks", async move {
        hand_on_marks(&inbox.address, &inbox.subscriptions.aggregates(), &soft).await;
        // Where there are none, it has nothing to do until the end.
        soft.cancelled().await;
    });
    let (inbox, soft) = (host.inbox().clone(), life.soft.clone());
    life.guard("inbox.apply", async move { inbox.apply(&soft).await });
    let (watch, soft) =
        (Watch { service: host.name(), inbox: host.inbox().clone(), publisher }, life.soft.clone());
    life.guard("inbox.watch", async move { watch.run(&soft).await });
    let (fencing, soft) = (host.clone(), life.soft.clone());
    life.guard("fences", async move { tenant::keep_saying(&fencing, &soft).await });
    let (sealer, soft) = (host.sealer()?, life.soft.clone());
    life.guard("audit.seal", async move { sealer.run(&soft).await });
    let (db, soft) = (host.db().clone(), life.soft.clone());
    life.guard("sweep", async move { sweep::run(&db, &soft).await });
    if !host.config().auth.keys.is_empty() {
        let (host, soft) = (host.clone(), life.soft.clone());
        life.guard("keys", async move { keep_keys(&host, &soft).await });
    }
    Ok(())
}

/// Keeps the key set fresh: from the database at start, then from the configured place.
async fn keep_keys(host: &Host, stop: &tokio_util::sync::CancellationToken) {
    if let Ok(Some(jwks)) = host.db().kept_keys().await {
        host.verifier().use_keys(&jwks).ok();
    }
    let refresh = Duration::from_secs(host.config().auth.key_refresh_seconds);
    while !stop.is_cancelled() {
        let mut pause = KEY_FETCH_PAUSE;
        match fetch_keys(&host.config().auth.keys).await {
            Ok(jwks) => {
                let kept = match host.verifier().use_keys(&jwks) {
                    Ok(()) => host.db().keep_keys(&jwks).await,
                    Err(error) => Err(error),
                };
                if kept.is_ok() {
                    pause = refresh;
                }
            }
            Err(_) if host.verifier().has_keys() => pause = KEY_FETCH_ANEW.min(refresh),
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            () = host.verifier().unknown_key.notified() => tokio::time::sleep(KEY_FETCH_PAUSE).await,
        }
    }
}

/// Readiness follows the dependencies, liveness does not: an outage must not restart everything. A service that has not
/// yet heard everything that it listens to is not ready.
fn watch_readiness(host: &Host, life: &Life, health: tonic_health::server::HealthReporter) {
    let (host, soft) = (host.clone(), life.soft.clone());
    life.guard("readiness", async move {
        let mut joined = false;
        while !soft.is_cancelled() {
            if !joined {
                let aggregates = host.inbox().subscriptions.aggregates();
                joined = resend::is_joined(host.db(), &aggregates).await.unwrap_or(false);
            }
            let ready = joined && host.verifier().has_keys() && host.db().ping().await.is_ok();
            let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            health.set_service_status("", status).await;
            tokio::select! {
                () = soft.cancelled() => {}
                () = tokio::time::sleep(if joined { READINESS_POLL } else { JOINING_POLL }) => {}
            }
        }
        // The last word: a look at the dependencies may have been under way when the stop came.
        health.set_service_status("", ServingStatus::NotServing).await;
    });
}
