//! What hosts a service: the one way in which a call becomes a transaction, and the list of what runs beside it.

mod in_one;
mod saved;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use kith_proto::{Command, Shows};
use sha2::Sha256;
use sqlx::migrate::Migrator;
use tokio::sync::{Notify, Semaphore};
use tonic::{Request, Response, Status};

use crate::auth::Verifier;
use crate::causality::{CAUSED, Seen};
use crate::config::Config;
use crate::context::Actor;
use crate::db::{Db, Mode, Saved, Tx};
use crate::error::{Common, Error, Kind, Result};
use crate::fields::Fields;
use crate::id::{TenantId, Uuid};
use crate::inbox::{Inbox, Settled, Subscriptions};
use crate::lifecycle::Life;
use crate::seal::{Key, Sealer};

use saved::answer_saved;
pub use saved::content_hash;

/// What a service is: its wiring list. Everything else about running it is in the platform.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name, as in packages, queues and databases.
    pub name: &'static str,
    /// Its own migrations.
    pub migrations: &'static Migrator,
    /// `policy.cedar` and `schema.cedarschema`.
    pub policy: (&'static str, &'static str),
    /// What it listens to.
    pub subscriptions: fn() -> Subscriptions,
    /// What it serves.
    pub routes: fn(&Host) -> tonic::service::Routes,
    /// What must be there before it serves, and what runs beside it; most services need nothing.
    pub prepare: fn(Host) -> futures_util::future::BoxFuture<'static, anyhow::Result<()>>,
    /// Roles of its database beside `app` and `relay`.
    pub extra_roles: &'static [&'static str],
}

/// For [`Service::prepare`] where there is nothing to prepare.
pub fn nothing_to_prepare(_: Host) -> futures_util::future::BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async { Ok(()) })
}

/// A running service; cheap to clone.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    config: Config,
    db: Db,
    inbox: Inbox,
    verifier: Verifier,
    life: Life,
    derive_key: [u8; 32],
    waiters: Semaphore,
    audited: Arc<Notify>,
}

/// How many calls may wait for events at once; they hold no database connection.
const MAX_WAITERS: usize = 256;
/// The longest that a call waits for what its caller has already seen elsewhere.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// An event older than this counts as applied.
const OLD: chrono::Duration = chrono::Duration::hours(1);
/// How often a command that met another at the same row is tried.
const TRIES: usize = 4;

impl Host {
    pub(crate) fn new(
        service: &Service,
        config: Config,
        db: Db,
        verifier: Verifier,
        life: Life,
        derive_key: [u8; 32],
    ) -> anyhow::Result<Self> {
        let inbox = Inbox {
            db: db.clone(),
            address: config.broker_as(service.name)?,
            subscriptions: (service.subscriptions)(),
            stored: Arc::default(),
            commits: Arc::default(),
            applied: Arc::new(Notify::new()),
            wrote: Arc::new(Notify::new()),
            bound: Arc::default(),
        };
        let waiters = Semaphore::new(MAX_WAITERS);
        let (name, audited) = (service.name, Arc::new(Notify::new()));
        Ok(Self(Arc::new(Inner { name, config, db, inbox, verifier, life, derive_key, waiters, audited })))
    }

    /// The service's name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// What it was told at start.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Its database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// Its inbox.
    pub fn inbox(&self) -> &Inbox {
        &self.0.inbox
    }

    /// Its token check.
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// Its life.
    pub fn life(&self) -> &Life {
        &self.0.life
    }

    /// The time and ids that everything here uses.
    pub fn shared(&self) -> &crate::db::Shared {
        &self.0.db.shared
    }

    /// A key for one purpose, from the service's secret: HMAC-SHA-256 over the purpose and the parts, each with its
    /// length. The same parts give the same key, so that a single-use code can be told again to who repeats a call.
    pub fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        derive(&self.0.derive_key, purpose, parts)
    }

    /// Wakes the relay after events were committed.
    pub fn wrote(&self) {
        self.0.inbox.wrote.notify_one();
    }

    /// What seals this service's audit; woken by every commit.
    pub(crate) fn sealer(&self) -> anyhow::Result<Sealer> {
        let key = Key::of(self.name(), self.config())?;
        Ok(Sealer { service: self.name(), db: self.db().clone(), key, woken: self.0.audited.clone() })
    }

    pub(crate) fn listens_to(&self, event_type: &str) -> bool {
        let aggregates = self.0.inbox.subscriptions.aggregates();
        aggregates
            .iter()
            .any(|aggregate| event_type.strip_prefix(aggregate).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Waits until events that the caller has seen elsewhere are applied here.
    pub(crate) async fn wait_until_applied(
        &self,
        tenant: TenantId,
        seen: &[Seen],
        longest: Duration,
    ) -> Result<()> {
        let now = self.shared().clock.now();
        let recent = seen.iter().filter(|seen| {
            let made = seen.event_id.get_timestamp().map(|time| time.to_unix().0).unwrap_or_default();
            i64::try_from(made).is_ok_and(|made| made > (now - OLD).timestamp())
        });
        let ids: Vec<Uuid> = recent.map(|seen| seen.event_id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let Ok(_permit) = self.0.waiters.try_acquire() else {
            return Err(Common::Overloaded.into());
        };
        let end = Instant::now() + longest.min(LONGEST_WAIT);
        loop {
            let applied = self.0.inbox.applied.notified();
            tokio::pin!(applied);
            applied.as_mut().enable();
            match self.0.inbox.settled(tenant, &ids).await? {
                Some(Settled::Applied) => return Ok(()),
                Some(Settled::Dead) => return Err(Common::EventDead.into()),
                None => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Common::NotCaughtUp.into());
            }
            tokio::time::timeout(left.min(Duration::from_millis(100)), applied).await.ok();
        }
    }

    /// Runs a command of a signed-in person: parse, begin, answer a repeat with the saved answer, run the use case,
    /// save state, events, audit and answer in one transaction.
    pub async fn command<M, C, O, A>(
        &self,
        request: Request<M>,
        parse: impl Fn(M, &mut Fields) -> Option<C>,
        app: impl AsyncFn(&mut Tx, C) -> Result<O>,
        render: impl Fn(O) -> A,
    ) -> std::result::Result<Response<A>, Status>
    where
        M: Command + Clone,
        A: prost::Message + Default + Shows,
    {
        let (actor, tenant) = signed_in(&request)?;
        let of_tenant = |message: M, fields: &mut Fields| Some((tenant, parse(message, fields)?));
        Ok(self.decide(actor, Mode::Write, request.into_inner(), of_tenant, app, render).await?)
    }

    /// As [`Self::command`], for what a tenant's state must not stop. Where the tenant accepts no changes, `otherwise` is
    /// run instead and its answer is not saved: as with a query, nothing of the tenant changes but the audit. `otherwise`
    /// is told the request's id, and must do the same when it is repeated.
    pub async fn command_in_any_state<M, C, O, A>(
        &self,
        request: Request<M>,
        parse: impl Fn(M, &mut Fields) -> Option<C>,
        app: impl AsyncFn(&mut Tx, C) -> Result<O>,
        otherwise: impl AsyncFnOnce(&mut Tx, Uuid, C) -> Result<O>,
        render: impl Fn(O) -> A,
    ) -> std::result::Result<Response<A>, Status>
    where
        M: Command + Clone,
        A: prost::Message + Default + Shows,
    {
        let (actor, tenant) = signed_in(&request)?;
        let message = request.into_inner();
        let of_tenant = |message: M, fields: &mut Fields| Some((tenant, parse(message, fields)?));
        match self.decide(actor, Mode::Write, message.clone(), of_tenant, app, &render).await {
            Err(error) if error.is_of_the_tenants_state() => {}
            decided => return Ok(decided?),
        }
        let mut fields = Fields::default();
        let request_id = fields.id::<Uuid>("request_id", message.request_id());
        let parsed = parse(message, &mut fields);
        let (request_id, command) = fields.finish(request_id.zip(parsed))?;
        let looked = async move |tx: &mut Tx| otherwise(tx, request_id, command).await;
        let tx = self.0.db.begin(tenant, actor, Mode::Read).await?;
        Ok(self.look(tx, looked, render).await?)
    }

    /// Runs an operator's command on the tenant that the request names, whatever state it is in; the same otherwise.
    pub async fn operate<M, C, O, A>(
        &self,
        request: Request<M>,
        parse: impl Fn(M, &mut Fields) -> Option<(TenantId, C)>,
        app: impl AsyncFn(&mut Tx, C) -> Result<O>,
        render: impl Fn(O) -> A,
    ) -> std::result::Result<Response<A>, Status>
    where
        M: Command + Clone,
        A: prost::Message + Default + Shows,
    {
        let actor = actor(&request);
        if !matches!(actor, Actor::Operator { .. }) {
            return Err(Error::from(Common::PermissionDenied).into());
        }
        Ok(self.decide(actor, Mode::Apply, request.into_inner(), parse, app, render).await?)
    }

    async fn decide<M, C, O, A>(
        &self,
        actor: Actor,
        mode: Mode,
        message: M,
        parse: impl Fn(M, &mut Fields) -> Option<(TenantId, C)>,
        app: impl AsyncFn(&mut Tx, C) -> Result<O>,
        render: impl Fn(O) -> A,
    ) -> Result<Response<A>>
    where
        M: Command + Clone,
        A: prost::Message + Default + Shows,
    {
        let mut fields = Fields::default();
        let request_id = fields.id::<Uuid>("request_id", message.request_id());
        let hash = content_hash(&message);
        // Parsed before anything is asked of the database, so that nonsense costs nothing.
        let parsed = parse(message.clone(), &mut fields);
        let ((tenant, command), request_id) = fields.finish(parsed.zip(request_id))?;
        let mut command = Some(command);
        let mut tries = 0;
        loop {
            tries += 1;
            let this = match command.take() {
                Some(command) => command,
                None => parse(message.clone(), &mut Fields::default())
                    .map(|(_, command)| command)
                    .ok_or(Common::Contended)
                    .map_err(Error::from)?,
            };
            match self.try_command(actor, tenant, mode, request_id, &hash, this, &app, &render).await {
                Ok((answer, caused)) => return Ok(respond(answer, &caused)),
                Err(error) if tries < TRIES && may_try_again(&error) => {}
                Err(error) => {
                    // Somebody may have sent the same request twice at once: then the other's answer is the answer.
                    if let Some(saved) = self.saved_answer(actor, tenant, request_id).await {
                        let (answer, caused) = answer_saved(&saved, &hash)?;
                        return Ok(respond(answer, &caused));
                    }
                    return Err(error);
                }
            }
        }
    }

    /// The answer that was given to this request meanwhile; none where even looking fails.
    async fn saved_answer(&self, actor: Actor, tenant: TenantId, request_id: Uuid) -> Option<Saved> {
        let looking = self.0.db.begin_request(tenant, actor, Mode::Read, Some(request_id));
        let (tx, saved) = looking.await.ok()?;
        tx.rollback().await.ok()?;
        saved
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one command, passed once")]
    async fn try_command<C, O, A>(
        &self,
        actor: Actor,
        tenant: TenantId,
        mode: Mode,
        request_id: Uuid,
        hash: &[u8],
        command: C,
        app: &impl AsyncFn(&mut Tx, C) -> Result<O>,
        render: &impl Fn(O) -> A,
    ) -> Result<(A, String)>
    where
        A: prost::Message + Default + Shows,
    {
        let (mut tx, saved) = self.0.db.begin_request(tenant, actor, mode, Some(request_id)).await?;
        if let Some(saved) = saved {
            tx.rollback().await?;
            return answer_saved(&saved, hash);
        }
        let worked = match app(&mut tx, command).await {
            Ok(output) => {
                let answer = render(output);
                let saved = match tx.note_shown(&answer) {
                    Ok(()) => tx.flush_answered(request_id, hash, &answer.encode_to_vec()).await,
                    Err(error) => Err(error),
                };
                saved.map(|caused| (answer, caused))
            }
            Err(error) => Err(error),
        };
        self.end(tx, worked).await
    }

    /// Runs a query of a signed-in person. What was decided about personal data, and everybody whom the answer names, is
    /// written down before it is answered.
    pub async fn query<M, C, O, A: Shows>(
        &self,
        request: Request<M>,
        parse: impl FnOnce(M, &mut Fields) -> Option<C>,
        app: impl AsyncFnOnce(&mut Tx, C) -> Result<O>,
        render: impl FnOnce(O) -> A,
    ) -> std::result::Result<Response<A>, Status> {
        let (actor, tenant) = signed_in(&request)?;
        let mut fields = Fields::default();
        let parsed = parse(request.into_inner(), &mut fields);
        let query = fields.finish(parsed)?;
        let looked = async move |tx: &mut Tx| app(tx, query).await;
        let tx = self.0.db.look(tenant, actor).await?;
        Ok(self.look(tx, looked, render).await?)
    }

    /// Answers from what the tenant's state does not stop. A query that writes is a defect of ours: repeating it is no use.
    async fn look<O, A: Shows>(
        &self,
        mut tx: Tx,
        work: impl AsyncFnOnce(&mut Tx) -> Result<O>,
        render: impl FnOnce(O) -> A,
    ) -> Result<Response<A>> {
        let worked = match work(&mut tx).await.map(render) {
            Ok(answer) => match tx.note_shown(&answer) {
                Ok(()) => tx.flush().await.map(|caused| (answer, caused)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let wrote = tx.looks() && worked.as_ref().is_err_and(Error::is_a_refused_write);
        match self.end(tx, worked).await {
            Ok((answer, caused)) => Ok(respond(answer, &caused)),
            Err(error) if wrote => Err(Error::internal(error)),
            Err(error) => Err(error),
        }
    }

    /// Runs work in one transaction of a tenant; answers what it gave and what it caused. For the few calls that are
    /// neither a person's command nor a query.
    pub async fn within<O>(
        &self,
        tenant: TenantId,
        actor: Actor,
        mode: Mode,
        work: impl AsyncFnOnce(&mut Tx) -> Result<O>,
    ) -> Result<(O, String)> {
        let mut tx = self.0.db.begin(tenant, actor, mode).await?;
        let worked = match work(&mut tx).await {
            Ok(output) => tx.flush().await.map(|caused| (output, caused)),
            Err(error) => Err(error),
        };
        self.end(tx, worked).await
    }

    /// Commits what worked; gives the rest up, but writes refusals down in a transaction of their own.
    async fn end<T>(&self, tx: Tx, worked: Result<(T, String)>) -> Result<(T, String)> {
        match worked {
            Ok((output, caused)) => {
                crate::crash::point("K1");
                tx.commit().await?;
                crate::crash::point("K2");
                self.0.audited.notify_one();
                if !caused.is_empty() {
                    self.wrote();
                }
                Ok((output, caused))
            }
            Err(error) => {
                let (tenant, actor) = (tx.tenant(), tx.actor());
                let denied = tx.rollback_after(&error).await?;
                if !denied.is_empty() {
                    let mut noting = self.0.db.begin(tenant, actor, Mode::Read).await?;
                    noting.note(denied);
                    noting.commit().await?;
                    self.0.audited.notify_one();
                }
                Err(error)
            }
        }
    }
}

/// See [`Host::derive`]; for who has the key ([`Config::derive_key`]) and no host.
pub fn derive(key: &[u8; 32], purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The actor that the door let in.
pub fn actor<M>(request: &Request<M>) -> Actor {
    request.extensions().get().copied().unwrap_or(Actor::Nobody)
}

fn signed_in<M>(request: &Request<M>) -> Result<(Actor, TenantId)> {
    match actor(request) {
        actor @ Actor::Person { tenant, .. } => Ok((actor, tenant)),
        _ => Err(Common::Unauthenticated.into()),
    }
}

fn respond<A>(answer: A, caused: &str) -> Response<A> {
    let mut response = Response::new(answer);
    if !caused.is_empty()
        && let Ok(value) = caused.parse()
    {
        response.metadata_mut().insert(CAUSED, value);
    }
    response
}

fn may_try_again(error: &Error) -> bool {
    match error {
        Error::Database(cause) => matches!(
            cause.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
            Some("40001" | "40P01")
        ),
        Error::Refused(refusal) => refusal.kind() == Kind::Aborted && refusal.reason() == "CONTENDED",
        _ => false,
    }
}
