//! The tenants as this database knows them, and what queries remember of them for a moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::Conn;
use crate::error::{Error, Result};
use crate::id::TenantId;

/// The tenant as this database knows it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Being set up: its history may be brought in from any date.
    pub preparing: bool,
    /// Its wall clock.
    pub zone: Tz,
    /// How many days back a live tenant accepts what is dated.
    pub history_days: i64,
}

impl Place {
    pub(super) fn read(tenant: TenantId, state: &str, zone: &str, history_days: i64) -> Result<Self> {
        Ok(Self {
            preparing: state == "preparing",
            zone: zone.parse().map_err(|_| Error::Inconsistent {
                table: "platform.tenant",
                row: tenant.to_string(),
                problem: "its time zone is not known".into(),
            })?,
            history_days,
        })
    }
}

/// How long a query goes by what was read before. Who writes reads it anew, under the tenant's lock.
const KEPT: Duration = Duration::from_secs(1);
/// More are not kept.
const MOST: usize = 10_000;

/// What was read of tenants a moment ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<TenantId, (Instant, Place)>>>);

impl Places {
    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, (Instant, Place)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, tenant: TenantId) -> Option<Place> {
        let kept = self.kept();
        let (read, place) = kept.get(&tenant)?;
        (read.elapsed() < KEPT).then(|| place.clone())
    }

    pub(super) fn keep(&self, tenant: TenantId, place: &Place) {
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(tenant, (Instant::now(), place.clone()));
    }

    pub(crate) fn forget(&self, tenant: TenantId) {
        self.kept().remove(&tenant);
    }
}

/// Reads a tenant; none where it is not known here yet.
pub(super) async fn load(conn: Conn<'_>, tenant: TenantId, today: NaiveDate) -> Result<Option<Place>> {
    let row = sqlx::query!(
        r#"select t.state, t.time_zone, (
             select s.value from platform.setting s where s.name = 'history_days' and s.valid_from <= $2
             order by s.valid_from desc limit 1) as "history_days!"
         from platform.tenant t where t.tenant_id = $1"#,
        tenant.0,
        today
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| Place::read(tenant, &row.state, &row.time_zone, row.history_days)).transpose()
}
