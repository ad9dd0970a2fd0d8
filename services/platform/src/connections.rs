//! Connections of the app role: how one is taken, rests and comes back, and how a statement reaches it.
//!
//! One that finished its work rests here and is taken again as it is: the pool would ask the database first whether it is
//! still there, a round trip for every call. Now and then each passes through the pool, which looks it over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    Arguments as _, AssertSqlSafe, Describe, Either, Encode, Execute, Executor, PgConnection, PgPool,
    Postgres, SqlSafeStr as _, SqlStr, Type,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::db::Place;
use crate::error::{Error, Result};
use crate::id::TenantId;

/// No statement of ours runs longer in the database: after it the connection has gone silent.
pub(crate) const LONGEST_STATEMENT: Duration = Duration::from_secs(12);
/// The same for work of several statements that is one transaction.
pub(crate) const LONGEST_WORK: Duration = Duration::from_mins(1);

/// Gives work up whose connection has gone silent: PostgreSQL would have ended it long before. The connection is closed with
/// what is dropped here.
pub(crate) async fn within<T>(longest: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(longest, work).await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
}

/// The longest that somebody waits for a connection.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// After so long among us a connection passes through the pool.
const AWAY: Duration = Duration::from_mins(1);
/// One that rested so long is not needed now.
const RESTED: Duration = Duration::from_secs(10);

/// The app role's connections.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    room: Arc<Semaphore>,
    /// The one that came last is taken first.
    resting: Mutex<Vec<Resting>>,
}

#[derive(Debug)]
struct Resting {
    connection: PoolConnection<Postgres>,
    /// Taken from the pool.
    taken: Instant,
    since: Instant,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let resting = self.resting.get_mut().unwrap_or_else(PoisonError::into_inner);
        for resting in resting.drain(..) {
            // Not by way of the pool, which needs a runtime for that: there may be none any more.
            drop(resting.connection.detach());
        }
    }
}

impl Connections {
    pub fn new(pool: PgPool) -> Self {
        let room = Arc::new(Semaphore::new(pool.options().get_max_connections() as usize));
        Self(Arc::new(Inner { pool, room, resting: Mutex::default() }))
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Vec<Resting>> {
        self.0.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection on which nothing is begun.
    pub async fn take(&self) -> Result<Open> {
        let taking = tokio::time::timeout(LONGEST_WAIT, self.take_in_time());
        taking.await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    async fn take_in_time(&self) -> Result<Open> {
        let room = self.0.room.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let rested = self.resting().pop();
        let (connection, taken) = match rested {
            Some(rested) => (rested.connection, rested.taken),
            #[expect(clippy::disallowed_methods, reason = "the one place where calls get their connection")]
            None => (self.0.pool.acquire().await?, Instant::now()),
        };
        Ok(Open { connection: Some(connection), home: Some(Home { connections: self.clone(), taken, room }) })
    }

    fn rest(&self, connection: PoolConnection<Postgres>, taken: Instant) {
        let mut resting = self.resting();
        // Looked at under the lock: nothing is laid to rest once everything is closing.
        if taken.elapsed() < AWAY && !self.0.room.is_closed() {
            resting.push(Resting { connection, taken, since: Instant::now() });
        }
    }

    /// Gives those back to the pool that are not needed now; it closes them in its own time.
    pub fn tidy(&self) {
        let old: Vec<Resting> = self.resting().extract_if(.., |one| one.since.elapsed() > RESTED).collect();
        drop(old);
    }

    /// Takes no more, and waits for those that are in use.
    pub async fn close(&self) {
        self.0.room.close();
        let resting = std::mem::take(&mut *self.resting());
        drop(resting);
        self.0.pool.close().await;
    }
}

/// Where a connection rests after its work, and the room that it takes until then.
#[derive(Debug)]
struct Home {
    connections: Connections,
    taken: Instant,
    room: OwnedSemaphorePermit,
}

/// A connection at work; dropped unfinished, it is closed and nobody gets it again.
#[derive(Debug)]
pub(crate) struct Open {
    connection: Option<PoolConnection<Postgres>>,
    home: Option<Home>,
}

impl Open {
    /// One that is no call's.
    pub fn from_connection(connection: PoolConnection<Postgres>) -> Self {
        Self { connection: Some(connection), home: None }
    }

    pub fn conn(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("work holds its connection until it is finished")
    }

    /// Back to where it came from: nothing is begun on it.
    pub fn give_back(mut self) {
        if let Some(connection) = self.connection.take()
            && let Some(Home { connections, taken, room }) = self.home.take()
        {
            connections.rest(connection, taken);
            drop(room);
        }
    }

    /// Ends what is begun by this, which holds nothing that somebody typed, and gives it back.
    pub async fn finish(mut self, how: impl Into<String>) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(how.into())).execute(self.conn()).await?;
        self.give_back();
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}

/// On whose behalf a statement is run that is a transaction of its own.
#[derive(Debug)]
pub(crate) struct Caller {
    pub tenant: TenantId,
    /// As `platform.reader` takes it.
    reads: String,
    /// As `platform.caller` takes it.
    writes: String,
}

impl Caller {
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, reads: tenant.to_string(), writes: format!("{tenant}w") }
    }

    /// One who writes as a command does: only while the tenant is what it was taken for.
    pub fn commanding(tenant: TenantId, place: &Place) -> Self {
        let state = if place.preparing { "preparing" } else { "live" };
        Self { tenant, reads: String::new(), writes: format!("{tenant}c{state} {}", place.zone.name()) }
    }
}

/// One statement's caller.
#[derive(Clone, Copy, Debug)]
enum Enters<'caller> {
    Reading(&'caller str),
    Writing(&'caller str),
}

impl Enters<'_> {
    /// What is added to a statement's text: with its caller it is another statement.
    const fn mark(self) -> &'static str {
        match self {
            Self::Reading(_) => " -- for its reader",
            Self::Writing(_) => " -- for its caller",
        }
    }
}

impl Type<Postgres> for Enters<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("platform.caller")
    }
}

impl Encode<'_, Postgres> for Enters<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> std::result::Result<IsNull, BoxDynError> {
        let (Self::Reading(text) | Self::Writing(text)) = self;
        <&str as Encode<Postgres>>::encode_by_ref(text, buffer)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_name(match self {
            Self::Reading(_) => "platform.reader",
            Self::Writing(_) => "platform.caller",
        }))
    }
}

/// The connection of a use case, for `store`: to be given to a query as it is. Outside a transaction it sends the caller
/// with every statement.
#[derive(Debug)]
pub struct Conn<'tx> {
    connection: &'tx mut PgConnection,
    caller: Option<Enters<'tx>>,
}

impl<'tx> Conn<'tx> {
    pub(crate) fn within(connection: &'tx mut PgConnection) -> Self {
        Self { connection, caller: None }
    }

    pub(crate) fn reading(connection: &'tx mut PgConnection, caller: &'tx Caller) -> Self {
        Self { connection, caller: Some(Enters::Reading(&caller.reads)) }
    }

    pub(crate) fn writing(connection: &'tx mut PgConnection, caller: &'tx Caller) -> Self {
        Self { connection, caller: Some(Enters::Writing(&caller.writes)) }
    }
}

/// A statement with its caller as one parameter more. Its text differs, so that it is not taken for the same statement
/// without.
fn with_caller<'q>(
    mut query: impl Execute<'q, Postgres>,
    caller: Enters<'_>,
) -> std::result::Result<(SqlStr, Option<PgArguments>), sqlx::Error> {
    let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
    let mut arguments = arguments.unwrap_or_default();
    arguments.add(caller).map_err(sqlx::Error::Encode)?;
    let sql = [query.sql().as_str(), caller.mark()].concat();
    Ok((AssertSqlSafe(sql).into_sql_str(), Some(arguments)))
}

type Answered<'e> = BoxStream<'e, std::result::Result<Either<PgQueryResult, PgRow>, sqlx::Error>>;

impl<'c> Executor<'c> for Conn<'c> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Answered<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let Some(caller) = self.caller else { return self.connection.fetch_many(query) };
        match with_caller(query, caller) {
            Ok(query) => self.connection.fetch_many(query),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, std::result::Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let Some(caller) = self.caller else { return self.connection.fetch_optional(query) };
        match with_caller(query, caller) {
            Ok(query) => self.connection.fetch_optional(query),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, std::result::Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, std::result::Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        self.connection.describe(sql)
    }
}

/// Whether a connection on which this failed may be used again.
pub(crate) fn leaves_it_sound(error: &Error) -> bool {
    !matches!(error, Error::Database(_))
}
