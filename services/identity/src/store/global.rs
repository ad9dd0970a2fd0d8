//! The database as the sign-in role sees it: what belongs to no tenant, and nothing else.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kith_platform::Host;
use kith_platform::error::{Error, Result};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool, Postgres};

/// Connections of the sign-in role: its statements are short, and hashing a password holds none.
const CONNECTIONS: u32 = 4;

/// The pool of the sign-in role; connects on first use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Global(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    pool: OnceLock<PgPool>,
}

impl Global {
    /// Over that host's database.
    pub fn new(host: Host) -> Self {
        Self(Arc::new(Inner { host, pool: OnceLock::new() }))
    }

    /// For single statements.
    pub fn pool(&self) -> Result<&PgPool> {
        if let Some(pool) = self.0.pool.get() {
            return Ok(pool);
        }
        let host = &self.0.host;
        let options = host.config().database_as(host.name(), "signin").map_err(Error::internal)?.options([
            ("statement_timeout", "10s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "20s"),
        ]);
        Ok(self.0.pool.get_or_init(|| {
            PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .test_before_acquire(false)
                .acquire_timeout(Duration::from_secs(5))
                .idle_timeout(Duration::from_mins(1))
                .connect_lazy_with(options)
        }))
    }

    /// For several statements that must happen together.
    pub async fn begin(&self) -> Result<Work> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the platform's transactions are a tenant's; these are of none, and close their connection alike"
        )]
        let mut work = Work(Some(self.pool()?.acquire().await?));
        sqlx::raw_sql("begin").execute(work.conn()).await?;
        Ok(work)
    }

    /// Closes the pool.
    pub async fn close(&self) {
        if let Some(pool) = self.0.pool.get() {
            pool.close().await;
        }
    }
}

/// A transaction of the sign-in role. Dropped unfinished, its connection is closed and does not return to the pool.
#[derive(Debug)]
pub struct Work(Option<PoolConnection<Postgres>>);

impl Work {
    /// The connection.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("a transaction holds its connection until it is finished")
    }

    /// Keeps what was done.
    pub async fn commit(mut self) -> Result<()> {
        sqlx::raw_sql("commit").execute(self.conn()).await?;
        self.0.take();
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}
