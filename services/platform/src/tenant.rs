//! What every service does about its tenants: it follows identity's word on their state, and says of one that is frozen
//! how far it is.
//!
//! Whoever writes holds the tenant's lock shared from the begin on; a state that refuses writes is written down under the
//! same lock, taken exclusively. So once it is committed no write is under way and none begins. What others had sent is
//! applied all the same (`Mode::Apply`), so that a frozen tenant comes to rest; each service says so with what it has
//! sent and applied, and identity, which hears all of them, knows when nothing is under way between them.

use std::time::Duration;

use kith_proto::common::v1::{EventCount, TenantFence, TenantSnapshot, TenantState};
use prost::Message as _;
use tokio_util::sync::CancellationToken;

use crate::context::Actor;
use crate::db::{Mode, Place, Tx};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::id::{TenantId, Uuid};
use crate::inbox::{Outcome, Received};

/// How often it is looked whether a frozen tenant has come to rest.
const POLL: Duration = Duration::from_millis(300);
/// What is said about freezes is not counted: saying it must not unsettle what it is about.
const FENCES: &str = "%.tenant_fence";

/// Follows what identity says of a tenant: `.on("identity.tenant", |tx, event| Box::pin(tenant::follow(tx, event)))`.
pub async fn follow(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    remember(tx, &event.state()?).await?;
    Ok(Outcome::Done)
}

/// Writes down what identity says of a tenant, for a consumer that has more to do with it than [`follow`].
pub async fn remember(tx: &mut Tx, state: &TenantSnapshot) -> Result<()> {
    let word = word(state.state()).ok_or_else(|| {
        Error::internal(anyhow::anyhow!("a tenant is in a state that is not known to this version"))
    })?;
    tx.remember_tenant(word, &state.time_zone, state.epoch).await
}

/// How a state is written in SQL; none where it is not known here.
pub fn word(state: TenantState) -> Option<&'static str> {
    match state {
        TenantState::Unspecified => None,
        TenantState::Preparing => Some("preparing"),
        TenantState::Live => Some("live"),
        TenantState::Suspended => Some("suspended"),
        TenantState::Frozen => Some("frozen"),
        TenantState::Released => Some("released"),
    }
}

impl Tx {
    /// Waits until no write of the tenant is under way, and keeps others from beginning until this transaction ends.
    /// Taken before any row, so that nobody who holds the lock shared waits for us.
    pub async fn stop_writes(&mut self) -> Result<()> {
        let tenant = self.tenant();
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", tenant.to_string())
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Writes down what this database must know of its tenant. A state that refuses writes is written under the lock
    /// that writers share.
    pub async fn remember_tenant(&mut self, state: &str, time_zone: &str, epoch: i64) -> Result<()> {
        let tenant = self.tenant();
        let is_frozen = sqlx::query_scalar!(
            r#"select exists (select from platform.tenant_fence where tenant_id = $1) as "frozen!""#,
            tenant.0
        )
        .fetch_one(self.conn())
        .await?;
        let thaws = is_frozen && matches!(state, "preparing" | "live");
        if thaws || !matches!(state, "preparing" | "live") {
            self.stop_writes().await?;
        }
        if thaws {
            crate::break_glass::carry_over(self).await?;
        }
        sqlx::query!(
            "insert into platform.tenant (tenant_id, state, time_zone, epoch) values ($1, $2, $3, $4)
             on conflict on constraint tenant_pk do update set state = $2, time_zone = $3, epoch = $4",
            tenant.0,
            state,
            time_zone,
            epoch
        )
        .execute(self.conn())
        .await?;
        if state == "frozen" {
            sqlx::query!(
                "insert into platform.tenant_fence as f (tenant_id, epoch) values ($1, $2)
                 on conflict on constraint tenant_fence_pk do update set epoch = $2,
                     said = case when f.epoch = $2 then f.said end",
                tenant.0,
                epoch
            )
            .execute(self.conn())
            .await?;
        } else {
            sqlx::query!("delete from platform.tenant_fence where tenant_id = $1", tenant.0)
                .execute(self.conn())
                .await?;
        }
        let zone = time_zone.parse().map_err(|_| Error::Inconsistent {
            table: "platform.tenant",
            row: tenant.to_string(),
            problem: "its time zone is not known".into(),
        })?;
        let history_days = self.place.as_ref().map_or(0, |place| place.history_days);
        self.forget_place();
        self.place = Some(Place { preparing: state == "preparing", zone, history_days });
        Ok(())
    }
}

/// Says how far this service is with each freeze, until told to stop.
pub(crate) async fn keep_saying(host: &Host, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = say_fences(host).await {
            tracing::warn!(error.kind = %error, "how far a freeze is was not said and will be");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Says of every tenant that is frozen here how far this service is, where it has not said the same before: first that it
/// refuses writes, then whenever it has come to rest.
pub async fn say_fences(host: &Host) -> Result<()> {
    let tenants = {
        let mut conn = host.db().relay().await?;
        sqlx::query_scalar!("select tenant_id from platform.tenant_fence").fetch_all(&mut *conn).await?
    };
    for tenant in tenants {
        let tenant = TenantId(tenant);
        let work = async |tx: &mut Tx| say_fence(tx, host).await;
        host.within(tenant, Actor::Service { tenant }, Mode::Apply, work).await?;
    }
    Ok(())
}

async fn say_fence(tx: &mut Tx, host: &Host) -> Result<()> {
    let tenant = tx.tenant();
    let fence = sqlx::query!(
        "select epoch, said from platform.tenant_fence where tenant_id = $1 for update skip locked",
        tenant.0
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(fence) = fence else {
        return Ok(());
    };
    let now = count(tx, host, fence.epoch).await?;
    let at_rest = now.unpublished == 0 && now.waiting == 0 && now.dead == 0;
    let said = fence.said.as_deref().map(TenantFence::decode).transpose().map_err(Error::internal)?;
    let news = said.is_none_or(|said| said != now && (at_rest || said.dead != now.dead));
    if !news {
        return Ok(());
    }
    let encoded = now.encode_to_vec();
    tx.publish_fence(host.name(), now)?;
    sqlx::query!("update platform.tenant_fence set said = $2 where tenant_id = $1", tenant.0, encoded)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What this service has sent and applied, ever: heads and cursors, which outlive the rows of outbox and inbox.
async fn count(tx: &mut Tx, host: &Host, epoch: i64) -> Result<TenantFence> {
    let tenant = tx.tenant();
    let sent = sqlx::query!(
        r#"select aggregate_type, sum(last_no)::bigint as "events!" from platform.outbox_head
           where tenant_id = $1 and aggregate_type not like $2 group by aggregate_type order by aggregate_type"#,
        tenant.0,
        FENCES
    )
    .fetch_all(tx.conn())
    .await?;
    let listens: Vec<String> = host
        .inbox()
        .subscriptions
        .aggregates()
        .into_iter()
        .filter(|aggregate| !aggregate.ends_with(&FENCES[1..]))
        .map(str::to_owned)
        .collect();
    let applied = sqlx::query!(
        r#"select listens.aggregate as "aggregate!", coalesce(sum(c.last_no), 0)::bigint as "events!"
           from unnest($2::text[]) as listens (aggregate) left join platform.inbox_cursor c
               on c.tenant_id = $1 and c.aggregate_type = listens.aggregate
           group by listens.aggregate order by listens.aggregate"#,
        tenant.0,
        &listens
    )
    .fetch_all(tx.conn())
    .await?;
    let unpublished = sqlx::query_scalar!(
        r#"select count(*) as "rows!" from platform.outbox
           where tenant_id = $1 and published_at is null and aggregate_type not like $2"#,
        tenant.0,
        FENCES
    )
    .fetch_one(tx.conn())
    .await?;
    let waiting = sqlx::query_scalar!(
        r#"select count(*) as "rows!" from platform.inbox_todo
           where tenant_id = $1 and state = 'ready' and aggregate_type not like $2"#,
        tenant.0,
        FENCES
    )
    .fetch_one(tx.conn())
    .await?;
    let dead = sqlx::query_scalar!(
        r#"select count(*) as "rows!" from platform.inbox_todo where tenant_id = $1 and state = 'dead'"#,
        tenant.0
    )
    .fetch_one(tx.conn())
    .await?;
    let events = |aggregate, events| EventCount { aggregate, events };
    Ok(TenantFence {
        service: host.name().to_owned(),
        tenant_id: tenant.to_string(),
        epoch,
        sent: sent.into_iter().map(|row| events(row.aggregate_type, row.events)).collect(),
        applied: applied.into_iter().map(|row| events(row.aggregate, row.events)).collect(),
        unpublished,
        waiting,
        dead,
    })
}

/// Every service's own event of this kind has this form.
#[derive(Clone, PartialEq, prost::Message)]
struct Fenced {
    #[prost(message, optional, tag = "1")]
    state: Option<TenantFence>,
}

impl Tx {
    /// Tells the others how far this service is.
    fn publish_fence(&mut self, service: &str, state: TenantFence) -> Result<()> {
        let aggregate = format!("{service}.tenant_fence");
        let known = kith_proto::EVENTS.iter().find(|event| event.aggregate == aggregate);
        let event = known.ok_or_else(|| {
            Error::internal(anyhow::anyhow!("no contract lets {service} say how far a freeze is"))
        })?;
        let id = Uuid::from(self.tenant());
        self.publish_named(event, id, Fenced { state: Some(state) }.encode_to_vec());
        Ok(())
    }
}
