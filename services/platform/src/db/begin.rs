//! How a transaction begins: one message.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Db, Mode, Place, Saved, Tx};
use crate::context::Actor;
use crate::error::Result;
use crate::id::{TenantId, Uuid};

/// Whether `platform.begin` refused because of the tenant's state: the connection is as good as before. (`KT003` says that
/// it is not.)
fn refused_by_begin(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("KT001" | "KT002" | "KT004" | "KT005"))
}

impl Db {
    /// Begins a tenant's transaction for that actor.
    pub async fn begin(&self, tenant: TenantId, actor: Actor, mode: Mode) -> Result<Tx> {
        Ok(self.begin_request(tenant, actor, mode, None).await?.0)
    }

    /// Begins, and looks for the answer that was given to this request id before.
    pub(crate) async fn begin_request(
        &self,
        tenant: TenantId,
        actor: Actor,
        mode: Mode,
        request: Option<Uuid>,
    ) -> Result<(Tx, Option<Saved>)> {
        let (tx, saved, _) = self.begin_with(tenant, actor, mode, request, "").await?;
        Ok((tx, saved))
    }

    /// The same with a further query in the same message; answers its rows. `then` holds nothing that somebody typed.
    pub(super) async fn begin_with(
        &self,
        tenant: TenantId,
        actor: Actor,
        mode: Mode,
        request: Option<Uuid>,
        then: &str,
    ) -> Result<(Tx, Option<Saved>, std::vec::IntoIter<PgRow>)> {
        let mut open = self.app.take().await?;
        // After the wait for a connection: what is in force now is decided by this moment.
        let now = self.shared.clock.now();
        let word = match mode {
            Mode::Read => "read",
            Mode::Write => "write",
            Mode::Apply => "apply",
        };
        let request = request.map_or_else(|| "null".to_owned(), |id| format!("'{id}'"));
        // UUIDs, a fixed word and a date: nothing that could be injected. One message, one round trip.
        let sql = format!(
            "begin; select * from platform.begin('{tenant}', '{}', '{word}', '{}', {request}); {then}",
            actor.id(),
            now.date_naive(),
        );
        let mut rows = match sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(open.conn()).await {
            Ok(rows) => rows.into_iter(),
            Err(refused) if refused_by_begin(&refused) => {
                open.finish("rollback").await?;
                return Err(refused.into());
            }
            Err(failed) => return Err(failed.into()),
        };
        let row = rows.next().ok_or(sqlx::Error::RowNotFound)?;
        let state: Option<String> = row.try_get(0)?;
        let place = match (state, row.try_get::<Option<String>, _>(1)?) {
            (Some(state), Some(zone)) => Some(Place::read(tenant, &state, &zone, row.try_get(2)?)?),
            _ => None,
        };
        let saved = match (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?) {
            (Some(hash), Some(answer), Some(caused)) => Some(Saved { hash, answer, caused }),
            _ => None,
        };
        Ok((self.tx(open, None, tenant, actor, now, place), saved, rows))
    }
}
