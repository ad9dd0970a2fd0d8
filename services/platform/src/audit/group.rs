//! Queries that end at the same moment share a commit: while one statement is on its way to the disk, what others of the
//! same tenant have to write down gathers, and goes together in the next. Nobody waits for company, and no answer leaves
//! before its rows are safe.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Noted, write};
use crate::connections::{Caller, Conn, LONGEST_STATEMENT, Open, within};
use crate::error::{Error, Result};
use crate::id::{Ids, TenantId};

/// Who waits until its rows are safe.
#[derive(Debug)]
struct Waiting {
    noted: Noted,
    safe: oneshot::Sender<Result<()>>,
}

/// What waits, of each tenant for which somebody is writing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group(Arc<Mutex<HashMap<TenantId, Vec<Waiting>>>>);

impl Group {
    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what a query of that caller has to, on its connection or by who is writing already.
    pub async fn write(&self, open: Open, caller: Caller, noted: Noted, ids: &Ids) -> Result<()> {
        let (safe, written) = oneshot::channel();
        let waiting = Waiting { noted, safe };
        let leads = match self.waiting().entry(caller.tenant) {
            Entry::Occupied(mut others) => {
                others.get_mut().push(waiting);
                false
            }
            Entry::Vacant(none) => {
                none.insert(vec![waiting]);
                true
            }
        };
        if leads {
            let lead = Lead { group: self.clone(), tenant: caller.tenant, ended: false };
            // A task of its own: who began it may be dropped, and the others still wait for it.
            tokio::spawn(lead.write(open, caller, ids.clone()));
        } else {
            open.give_back();
        }
        // Who was to write it down has given up its connection.
        written.await.unwrap_or_else(|_| Err(sqlx::Error::PoolClosed.into()))
    }
}

/// Writes for a tenant until nobody waits.
struct Lead {
    group: Group,
    tenant: TenantId,
    ended: bool,
}

impl Lead {
    /// The next ones to write for; none where nobody waits, and then whoever comes next leads.
    fn next(&mut self) -> Vec<Waiting> {
        let mut waiting = self.group.waiting();
        let batch = waiting.get_mut(&self.tenant).map(std::mem::take).unwrap_or_default();
        if batch.is_empty() {
            waiting.remove(&self.tenant);
            self.ended = true;
        }
        batch
    }

    async fn write(mut self, mut open: Open, caller: Caller, ids: Ids) {
        let mut is_sound = true;
        loop {
            let batch = self.next();
            if batch.is_empty() {
                break;
            }
            let noted: Vec<&Noted> = batch.iter().map(|waiting| &waiting.noted).collect();
            let conn = Conn::writing(open.conn(), &caller);
            let all = within(LONGEST_STATEMENT, write(conn, self.tenant, &noted, &ids)).await;
            if all.as_ref().is_err_and(gives_up) {
                return;
            }
            for waiting in batch {
                let written = if all.is_ok() {
                    Ok(())
                } else {
                    // Each for itself, so that nobody is refused for another's rows.
                    is_sound = false;
                    let conn = Conn::writing(open.conn(), &caller);
                    within(LONGEST_STATEMENT, write(conn, self.tenant, &[&waiting.noted], &ids)).await
                };
                let ends = written.as_ref().is_err_and(gives_up);
                waiting.safe.send(written).ok();
                if ends {
                    return;
                }
            }
        }
        if is_sound {
            open.give_back();
        }
    }
}

/// Whether the writer gives up after this. Those who wait for it hear of it by the end of their channels, all at once and
/// not one after the other; the next leads on another connection.
fn gives_up(error: &Error) -> bool {
    let ends = !error.is_of_the_data();
    if ends {
        tracing::warn!(error.kind = %error, "what queries saw could not be written down");
    }
    ends
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.ended {
            // Those who wait hear of it by the end of their channel.
            self.group.waiting().remove(&self.tenant);
        }
    }
}
