//! Commands that one statement writes at its end: until then they look.

use sqlx::Execute as _;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::{Conn, Db, Tx, changed_one};
use crate::connections::Caller;
use crate::context::Actor;
use crate::ending::{self, Answer, Change, Whose};
use crate::error::{Error, Result};
use crate::id::{TenantId, Uuid};

/// Whether this is a command that one statement writes at its end.
#[derive(Debug)]
pub(super) enum InOne {
    Not,
    /// It has not said yet what it changes.
    Waits,
    /// It changes this.
    Changes(Change),
}

impl Db {
    /// For a command that one statement writes at its end: until then it looks.
    pub(crate) async fn look_to_change(&self, tenant: TenantId, actor: Actor) -> Result<Tx> {
        let mut tx = self.look(tenant, actor).await?;
        tx.in_one = InOne::Waits;
        Ok(tx)
    }
}

impl Tx {
    /// Whether rows that are about to be changed must be locked as they are read. Where not, the change itself finds out whether
    /// somebody else's came in between ([`Tx::change_one`]).
    pub fn locks(&self) -> bool {
        matches!(self.in_one, InOne::Not)
    }

    /// Changes one row at the version that it was read at, or writes one that is new; refused where somebody else's change
    /// came in between. In a command of one statement it waits for the end, and must be the only one.
    pub async fn change_one(&mut self, mut change: Query<'_, Postgres, PgArguments>) -> Result<()> {
        match self.in_one {
            InOne::Not => changed_one(&change.execute(self.conn()).await?),
            InOne::Waits => {
                let arguments = change.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
                self.in_one = InOne::Changes(Change { sql: change.sql().as_str().to_owned(), arguments });
                Ok(())
            }
            InOne::Changes(_) => {
                Err(Error::internal(anyhow::anyhow!("a command of one statement changes one row")))
            }
        }
    }

    /// Writes a command of one statement, with the answer for a repeat; answers what it caused. None where it is not of that
    /// kind after all: it changes nothing, or tells more than one event or none.
    pub(crate) async fn end_in_one(
        mut self,
        request_id: Uuid,
        hash: &[u8],
        answer: &[u8],
    ) -> Result<Option<String>> {
        let change = match std::mem::replace(&mut self.in_one, InOne::Waits) {
            InOne::Changes(change) if self.events.len() == 1 => change,
            _ => {
                self.open.give_back();
                return Ok(None);
            }
        };
        let (event, place) = (self.events.remove(0), self.place()?);
        let (caller, caused) = (Caller::commanding(self.tenant, place), event.caused());
        let answer = Answer { request_id, hash, bytes: answer, caused: &caused };
        let whose = Whose { tenant: self.tenant, actor: self.actor, now: self.now, ids: &self.shared.ids };
        let conn = Conn::writing(self.open.conn(), &caller);
        let written = ending::change_and_write(conn, whose, change, &event, &self.audit, answer).await;
        // What PostgreSQL refused is over, and the connection as good as before.
        if written.as_ref().err().is_none_or(Error::is_the_databases_answer) {
            self.open.give_back();
        }
        written.map(|()| Some(caused))
    }
}
