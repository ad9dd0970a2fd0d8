//! Whose events this process has just stored: the applier takes these without asking the database who has any.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::id::TenantId;

/// Tenants that may have something ready. Only a hint: what is missing here is found by the next look at the database.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    tenants: Mutex<BTreeSet<TenantId>>,
    added: Notify,
}

impl Arrived {
    /// Adds tenants and wakes who waits for some.
    pub fn add(&self, tenants: impl IntoIterator<Item = TenantId>) {
        self.tenants().extend(tenants);
        self.added.notify_one();
    }

    /// Takes all that were added.
    pub fn take(&self) -> BTreeSet<TenantId> {
        std::mem::take(&mut *self.tenants())
    }

    /// Waits until some were added since it waited last.
    pub async fn some(&self) {
        self.added.notified().await;
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeSet<TenantId>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
