//! The only way to a transaction.
//!
//! A transaction begins with one round trip that also sets tenant and actor and reads what every command needs. One
//! that is dropped unfinished closes its connection, so that no connection ever returns to the pool inside an open
//! transaction (`Pool::begin` of sqlx 0.9.0 is not cancel-safe and is banned by lint).
//!
//! A query begins nothing: at the isolation that all work here has, each statement sees what is committed when it starts,
//! inside a transaction or not. So each is sent alone with its tenant (`connections`), one round trip instead of four.

mod applying;
mod begin;
mod in_one;
mod kept;
mod places;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use kith_proto::{Event, EventType, Shows};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult};
use sqlx::{PgPool, Postgres};

use crate::audit::{self, Noted};
use crate::authz::{Action, Policy, Standing, Subject};
use crate::clock::Clock;
use crate::connections::{Caller, Connections, LONGEST_WAIT, Open, leaves_it_sound};
use crate::context::Actor;
use crate::ending::{self, Answer, Whose};
use crate::error::{Common, Error, Result};
use crate::id::{Ids, PersonId, TenantId, Uuid};
use crate::local::wall_clock;
use crate::outbox::Pending;

pub use crate::connections::Conn;
pub(crate) use applying::Ready;
use in_one::InOne;
pub use places::Place;
pub(crate) use places::Places;

/// A moment.
pub type Now = DateTime<Utc>;

/// What a database's work needs beside its connections.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Where the time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// Who may.
    pub policy: Arc<Policy>,
    /// What queries remember of tenants.
    pub(crate) places: Places,
    /// Who writes down what queries saw.
    pub(crate) noting: audit::Group,
}

impl Shared {
    pub(crate) fn new(clock: Clock, ids: Ids, policy: Policy) -> Self {
        Self {
            clock,
            ids,
            policy: Arc::new(policy),
            places: Places::default(),
            noting: audit::Group::default(),
        }
    }
}

/// A service's database.
#[derive(Clone, Debug)]
pub struct Db {
    app: Connections,
    relay: PgPool,
    pub(crate) shared: Shared,
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reads; writes nothing but audit.
    Read,
    /// Changes what the tenant owns; refused where the tenant does not accept changes.
    Write,
    /// Applies an event, or founds the tenant itself: accepted in every state.
    Apply,
}

/// The answer that was given to this request id before.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub hash: Vec<u8>,
    pub answer: Vec<u8>,
    pub caused: String,
}

/// The relay role's: the relay and the receiver keep one each, all other work takes turns on the rest.
const RELAY_CONNECTIONS: u32 = 5;
/// Statements that a connection keeps ready: more than any service has.
const STATEMENTS: usize = 400;

impl Db {
    /// Opens the pools of a service's database; connects on first use.
    pub fn open(
        app: PgConnectOptions,
        relay: PgConnectOptions,
        max_connections: u32,
        shared: Shared,
    ) -> Self {
        let bounded = |options: PgConnectOptions| {
            options
                .options([
                    ("statement_timeout", "10s"),
                    ("lock_timeout", "5s"),
                    ("idle_in_transaction_session_timeout", "20s"),
                    // Few rows, found by their keys, from memory. A plan made while a table was small is kept, so it must be
                    // one that is still good when the table has grown.
                    ("enable_seqscan", "off"),
                    ("random_page_cost", "0.1"),
                    ("seq_page_cost", "0.1"),
                    ("jit", "off"),
                ])
                .statement_cache_capacity(STATEMENTS)
        };
        let pool = |size: u32, options: PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(size)
                .test_before_acquire(false)
                .acquire_timeout(LONGEST_WAIT)
                .idle_timeout(Duration::from_mins(1))
                .connect_lazy_with(bounded(options))
        };
        Self {
            app: Connections::new(pool(max_connections, app)),
            relay: pool(RELAY_CONNECTIONS, relay),
            shared,
        }
    }

    /// For a query: nothing is begun, and each statement is a transaction of its own that brings the tenant and may only
    /// read. What is written down at the end is one statement too.
    pub(crate) async fn look(&self, tenant: TenantId, actor: Actor) -> Result<Tx> {
        let (mut open, caller) = (self.app.take().await?, Caller::new(tenant));
        let now = self.shared.clock.now();
        let mut place = self.shared.places.get(tenant);
        if place.is_none() {
            place = places::load(Conn::reading(open.conn(), &caller), tenant, now.date_naive()).await?;
            if let Some(place) = &place {
                self.shared.places.keep(tenant, place);
            }
        }
        Ok(self.tx(open, Some(caller), tenant, actor, now, place))
    }

    fn tx(
        &self,
        open: Open,
        caller: Option<Caller>,
        tenant: TenantId,
        actor: Actor,
        now: Now,
        place: Option<Place>,
    ) -> Tx {
        let (shared, events, audit, in_one) = (self.shared.clone(), Vec::new(), Vec::new(), InOne::Not);
        Tx { open, caller, tenant, actor, now, place, shared, events, audit, in_one }
    }

    /// A connection of the relay role: outbox, inbox, cursor and keys of all tenants, nothing else.
    pub(crate) async fn relay(&self) -> Result<PoolConnection<Postgres>> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the relay's statements are single ones or begin below"
        )]
        Ok(self.relay.acquire().await?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.app.tidy();
        let mut conn = self.relay().await?;
        sqlx::raw_sql("select 1").execute(&mut *conn).await?;
        Ok(())
    }

    /// Closes the pools.
    pub async fn close(&self) {
        self.app.close().await;
        self.relay.close().await;
    }
}

/// Refuses an update that found no row at the version it was read at: somebody else's change came in between.
pub fn changed_one(changed: &PgQueryResult) -> Result<()> {
    if changed.rows_affected() == 1 { Ok(()) } else { Err(Common::Contended.into()) }
}

/// A tenant's transaction, or its look at things: the context of every use case.
#[derive(Debug)]
pub struct Tx {
    open: Open,
    /// Of a look, which has no transaction.
    caller: Option<Caller>,
    tenant: TenantId,
    actor: Actor,
    now: Now,
    pub(crate) place: Option<Place>,
    shared: Shared,
    events: Vec<Pending>,
    audit: Vec<audit::Row>,
    in_one: InOne,
}

impl Tx {
    /// The connection, for `store`.
    pub fn conn(&mut self) -> Conn<'_> {
        match &self.caller {
            None => Conn::within(self.open.conn()),
            Some(caller) => Conn::reading(self.open.conn(), caller),
        }
    }

    /// The same for what is of no tenant: texts and numbers in force, which the app role may only read. A query's statement has
    /// no tenant there, so that it sees and writes no row of any, and costs a tenth less.
    pub fn conn_of_no_tenant(&mut self) -> Conn<'_> {
        Conn::within(self.open.conn())
    }

    /// Whether it is a query's look: no transaction, and nothing in it may write.
    pub(crate) fn looks(&self) -> bool {
        self.caller.is_some()
    }

    /// Whose data this transaction is about.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The person who acts; refused where it is not a person.
    pub fn person(&self) -> Result<PersonId> {
        match self.actor {
            Actor::Person { person, .. } => Ok(person),
            _ => Err(Common::PermissionDenied.into()),
        }
    }

    /// One moment for the whole transaction.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Today on the tenant's wall clock.
    pub fn today(&self) -> Result<NaiveDate> {
        Ok(wall_clock(self.now, self.place()?.zone).date())
    }

    /// A new id.
    pub fn new_id<T: From<Uuid>>(&self) -> T {
        T::from(self.shared.ids.uuid(self.now))
    }

    /// The tenant; refused as not caught up where this database does not know it yet.
    pub fn place(&self) -> Result<&Place> {
        self.place.as_ref().ok_or_else(|| Common::NotCaughtUp.into())
    }

    /// Queries look anew at what the tenant is.
    pub(crate) fn forget_place(&self) {
        self.shared.places.forget(self.tenant);
    }

    /// When it happened: now where nothing is said; never in the future, and in a live tenant not too far back.
    pub fn occurred_at(&self, said: Option<Now>) -> Result<Now> {
        let Some(occurred_at) = said else {
            return Ok(self.now);
        };
        if occurred_at > self.now {
            return Err(Common::InTheFuture.into());
        }
        let place = self.place()?;
        if !place.preparing && self.now - occurred_at > chrono::Duration::days(place.history_days) {
            return Err(Common::TooFarBack { days: place.history_days }.into());
        }
        Ok(occurred_at)
    }

    /// Asks the policy, and writes the decision down with its basis. Who may not even see the subject gets NOT_FOUND.
    pub fn require(&mut self, action: impl Action, subject: Subject, standing: &Standing) -> Result<()> {
        let allowed = self.allows(action, &subject, standing);
        let row = audit::Row {
            action: action.name(),
            subject_type: subject.kind,
            subject_id: subject.id,
            person_id: subject.person.map(Uuid::from),
            basis: standing.basis(),
            allowed,
        };
        if !self.audit.contains(&row) {
            self.audit.push(row);
        }
        if allowed {
            return Ok(());
        }
        let seen = action
            .seen_by()
            .is_none_or(|see| self.shared.policy.allows(self.actor, see.name(), &subject, standing));
        if seen { Err(Common::PermissionDenied.into()) } else { Err(Error::NotFound(subject.kind)) }
    }

    /// Asks the policy about something that is of nobody, such as a text in force: only a refusal is written down. An answer
    /// that names people is still not given without a decision.
    pub fn require_open(&mut self, action: impl Action, subject: Subject, standing: &Standing) -> Result<()> {
        if subject.person.is_none() && self.allows(action, &subject, standing) {
            return Ok(());
        }
        self.require(action, subject, standing)
    }

    /// Whether the policy would allow it. Nothing is decided and nothing written down.
    pub(crate) fn allows(&self, action: impl Action, subject: &Subject, standing: &Standing) -> bool {
        self.shared.policy.allows(self.actor, action.name(), subject, standing)
    }

    /// Writes down people whom what is answered is about, beside those whom the decision named: one row per call and
    /// person, on the basis of the last decision. Whom an answer names by id is written down without asking; this is
    /// for answers that are about people without naming them, such as the bills of a whole Circle.
    pub fn note_people(&mut self, people: impl IntoIterator<Item = PersonId>) -> Result<()> {
        let known: HashSet<Uuid> =
            self.audit.iter().filter(|row| row.allowed).filter_map(|row| row.person_id).collect();
        let new: BTreeSet<Uuid> =
            people.into_iter().map(Uuid::from).filter(|person| !known.contains(person)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let decision = self.audit.iter().rfind(|row| row.allowed).cloned().ok_or_else(|| {
            Error::internal(anyhow::anyhow!("people would be shown that nobody decided about"))
        })?;
        let rows = new.into_iter().map(|person| audit::Row { person_id: Some(person), ..decision.clone() });
        self.audit.extend(rows);
        Ok(())
    }

    /// Writes down everybody whom an answer names. Called for every answer before it leaves.
    pub(crate) fn note_shown(&mut self, answer: &impl Shows) -> Result<()> {
        let mut named = Vec::new();
        answer.people(&mut named);
        let ids = named.into_iter().filter_map(|id| Uuid::try_parse(id).ok()).filter(|id| !id.is_nil());
        self.note_people(ids.map(PersonId))
    }

    /// Tells the others a fact about an aggregate. The aggregate's row must be locked or saved in this transaction.
    pub fn publish<E: Event>(&mut self, aggregate_id: impl Into<Uuid>, event: &E) {
        self.events.push(Pending {
            event_id: self.shared.ids.uuid(self.now),
            aggregate_type: E::AGGREGATE,
            aggregate_id: aggregate_id.into(),
            event_type: E::TYPE,
            payload: event.encode_to_vec(),
        });
    }

    /// The same for an event that only its contract names.
    pub(crate) fn publish_named(&mut self, event: &'static EventType, aggregate_id: Uuid, payload: Vec<u8>) {
        self.events.push(Pending {
            event_id: self.shared.ids.uuid(self.now),
            aggregate_type: event.aggregate,
            aggregate_id,
            event_type: event.event_type,
            payload,
        });
    }

    /// Writes events and audit; everything but the commit.
    pub(crate) async fn flush(&mut self) -> Result<String> {
        self.finish_with(None).await
    }

    /// The same with the answer that a repeat of the request will get.
    pub(crate) async fn flush_answered(
        &mut self,
        request_id: Uuid,
        hash: &[u8],
        answer: &[u8],
    ) -> Result<String> {
        self.finish_with(Some((request_id, hash, answer))).await
    }

    async fn finish_with(&mut self, answer: Option<(Uuid, &[u8], &[u8])>) -> Result<String> {
        if self.caller.is_some() {
            // A look writes down what it saw as it ends.
            if !self.events.is_empty() || answer.is_some() {
                return Err(Error::internal(anyhow::anyhow!("a query has nothing to tell the others")));
            }
            return Ok(String::new());
        }
        // The newest only: an answer's headers have a limit, and a caller hands on no more than these.
        let newest = self.events.len().saturating_sub(crate::causality::MOST);
        let caused: Vec<String> = self.events.iter().skip(newest).map(Pending::caused).collect();
        let caused = caused.join(",");
        let (events, rows) = (std::mem::take(&mut self.events), std::mem::take(&mut self.audit));
        let answer =
            answer.map(|(request_id, hash, bytes)| Answer { request_id, hash, bytes, caused: &caused });
        let whose = Whose { tenant: self.tenant, actor: self.actor, now: self.now, ids: &self.shared.ids };
        ending::write(Conn::within(self.open.conn()), whose, &events, &rows, answer).await?;
        Ok(caused)
    }

    /// Commits everything; answers what it caused, as `kith-caused` says it.
    pub async fn commit(mut self) -> Result<String> {
        let caused = self.flush().await?;
        match self.caller {
            None => self.open.finish("commit").await?,
            Some(_) if self.audit.is_empty() => self.open.give_back(),
            Some(caller) => {
                let noted = Noted::new(self.actor, self.now, self.audit);
                self.shared.noting.write(self.open, caller, noted, &self.shared.ids).await?;
            }
        }
        Ok(caused)
    }

    /// Gives everything up; answers the refusals that must be written down all the same.
    pub(crate) async fn rollback(self) -> Result<Vec<audit::Row>> {
        let denied = self.audit.into_iter().filter(|row| !row.allowed).collect();
        self.open.finish("rollback").await?;
        Ok(denied)
    }

    /// The same because of this error.
    pub(crate) async fn rollback_after(self, error: &Error) -> Result<Vec<audit::Row>> {
        if self.caller.is_none() {
            return self.rollback().await;
        }
        let denied = self.audit.into_iter().filter(|row| !row.allowed).collect();
        if leaves_it_sound(error) {
            self.open.give_back();
        }
        Ok(denied)
    }

    /// Writes down refusals whose own transaction was given up.
    pub(crate) fn note(&mut self, rows: Vec<audit::Row>) {
        self.audit.extend(rows);
    }
}
