//! An administrator's view of the seven databases: for checks that no service would allow, and for deliberate faults.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use crate::services;
use crate::stack::Stack;

/// Where each service's database is.
#[derive(Clone, Debug)]
pub struct Databases {
    options: PgConnectOptions,
    names: BTreeMap<&'static str, String>,
}

impl Databases {
    /// Those of a stack.
    pub fn of(stack: &Stack) -> Self {
        let url = std::env::var("KITH_DATABASE_URL").expect("the guardian says where PostgreSQL is");
        let names =
            services().map(|service| (service.name, stack.config(service.name).database.name.clone()));
        Self { options: url.parse().expect("a PostgreSQL URL"), names: BTreeMap::from(names) }
    }

    /// A connection to a service's database.
    pub async fn connect(&self, service: &str) -> sqlx::Result<PgConnection> {
        let options = self.options.clone().database(&self.names[service]).disable_statement_logging();
        tokio::time::timeout(Duration::from_secs(5), options.connect())
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
    }

    /// The address of a service's database as administrator, for other programs.
    pub fn url_of(&self, service: &str) -> String {
        let mut url: url::Url = std::env::var("KITH_DATABASE_URL")
            .ok()
            .and_then(|url| url.parse().ok())
            .expect("a PostgreSQL URL");
        url.set_path(&self.names[service]);
        url.into()
    }

    /// Runs statements as administrator.
    ///
    /// # Panics
    /// Where one fails.
    pub async fn run(&self, service: &str, sql: &str) {
        let mut conn = self.connect(service).await.expect("a connection as administrator");
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.expect("the statement works");
    }

    /// The one number that a query gives.
    pub async fn number(&self, service: &str, sql: &str) -> i64 {
        let mut conn = self.connect(service).await.expect("a connection as administrator");
        number(&mut conn, sql).await.unwrap_or_else(|error| panic!("{service}: {sql}: {error}"))
    }

    /// The same databases, but this one a copy, which may be spoilt. Nobody may be connected to the original.
    pub async fn with_copy_of(&self, service: &'static str) -> Self {
        let (original, copy) = (&self.names[service], "chaos_copy");
        let mut admin = self.options.connect().await.expect("a connection as administrator");
        for sql in [
            format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{original}'"),
            format!("drop database if exists \"{copy}\" with (force)"),
            format!("create database \"{copy}\" template \"{original}\""),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await.expect("a copy");
        }
        let mut names = self.names.clone();
        names.insert(service, copy.to_owned());
        Self { options: self.options.clone(), names }
    }

    /// Waits until what each service had written by now is applied by everyone who listens: relays and consumers are at
    /// work again. Answers how long that took, or what is stuck.
    pub async fn until_resumed(&self, within: Duration) -> Result<Duration, String> {
        self.until_resumed_but("", within).await
    }

    /// The same, whatever becomes of one listener.
    pub async fn until_resumed_but(&self, but: &str, within: Duration) -> Result<Duration, String> {
        let (begin, mut marks) = (Instant::now(), Vec::new());
        for producer in self.names.keys() {
            let newest =
                "select event_id::text, aggregate_type from platform.outbox order by seq desc limit 1";
            let Ok(mut conn) = self.connect(producer).await else { continue };
            if let Ok(Some(row)) = sqlx::query(newest).fetch_optional(&mut conn).await {
                let (event, aggregate): (String, String) = (row.get(0), row.get(1));
                marks.extend(
                    listeners(&aggregate)
                        .into_iter()
                        .filter(|name| *name != but)
                        .map(|listener| (listener, event.clone())),
                );
            }
        }
        loop {
            let mut waiting = Vec::new();
            for (listener, event) in marks {
                if !self.is_done(listener, &event).await {
                    waiting.push((listener, event));
                }
            }
            if waiting.is_empty() {
                return Ok(begin.elapsed());
            }
            if begin.elapsed() > within {
                return Err(format!("not resumed within {} s: {waiting:?}", within.as_secs()));
            }
            marks = waiting;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    async fn is_done(&self, service: &str, event: &str) -> bool {
        let Ok(mut conn) = self.connect(service).await else { return false };
        let sql =
            "select exists (select from platform.inbox_state where event_id = $1::uuid and state = 'done')";
        sqlx::query_scalar(sql).bind(event).fetch_one(&mut conn).await.unwrap_or(false)
    }
}

/// The one number that a query gives on this connection.
pub async fn number(conn: &mut PgConnection, sql: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(conn).await
}

/// Who listens to an aggregate.
pub fn listeners(aggregate_type: &str) -> Vec<&'static str> {
    let listening = services()
        .into_iter()
        .filter(|service| (service.subscriptions)().aggregates().contains(&aggregate_type));
    listening.map(|service| service.name).collect()
}
