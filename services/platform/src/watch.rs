//! Looks after what waits: joins this service to what it listens to, asks for events that got lost on the way, and tells
//! of events that wait too long for another or were given up on.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::broker::Publisher;
use crate::connections::{LONGEST_WORK, within};
use crate::db::Db;
use crate::error::Result;
use crate::inbox::Inbox;
use crate::resend::Gap;
use crate::{resend, telemetry};

/// How often joining is looked after, until everything is in.
const JOINING: Duration = Duration::from_secs(1);
/// How often the rest is looked after.
const LOOKING: Duration = Duration::from_secs(15);

/// What waits in the inbox of a service, over all tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Events that have waited too long for a fact of another aggregate.
    pub parked: i64,
    /// Aggregates of which a number has been missing for too long; they are asked for.
    pub gaps: i64,
    /// Events that were given up on; the later ones of their aggregate wait for an operator.
    pub dead: i64,
}

/// Looks after a service's inbox.
#[derive(Debug)]
pub(crate) struct Watch {
    pub service: &'static str,
    pub inbox: Inbox,
    pub publisher: Publisher,
}

impl Watch {
    /// Runs until told to stop. What can be told without the broker is told without it.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut joined = false;
        let mut last = Waiting::default();
        while !stop.is_cancelled() {
            let looked = match within(LONGEST_WORK, self.look(&mut last)).await {
                Ok(gaps) => within(LONGEST_WORK, self.mend(&gaps, &mut joined)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                tracing::warn!(error.kind = %error, "what waits was not looked after and will be");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(if joined { LOOKING } else { JOINING }) => {}
            }
        }
    }

    /// Counts what waits, tells of what is new, and answers the gaps.
    async fn look(&self, last: &mut Waiting) -> Result<Vec<Gap>> {
        let db = &self.inbox.db;
        let longest = chrono::Duration::seconds(db.setting("waiting_alarm_seconds").await?);
        let before = db.shared.clock.now() - longest;
        let gaps = resend::gaps(db, before).await?;
        let mut waiting = waiting(db, before).await?;
        waiting.gaps = i64::try_from(gaps.len()).unwrap_or(i64::MAX);
        telemetry::waiting(&waiting);
        if waiting != *last && waiting != Waiting::default() {
            tracing::error!(
                inbox.parked = waiting.parked,
                inbox.gaps = waiting.gaps,
                inbox.dead = waiting.dead,
                "events wait too long: see `kith events`"
            );
        }
        *last = waiting;
        Ok(gaps)
    }

    /// Asks for what is not here yet.
    async fn mend(&self, gaps: &[Gap], joined: &mut bool) -> Result<()> {
        let db = &self.inbox.db;
        if !*joined {
            if self.inbox.is_bound() {
                let aggregates = self.inbox.subscriptions.aggregates();
                *joined = resend::join(db, &self.publisher, self.service, &aggregates).await? == 0;
            }
            return Ok(());
        }
        for gap in gaps {
            let (tenant, aggregate) = (Some(gap.tenant), Some(gap.aggregate_id));
            resend::ask_for(db, &self.publisher, self.service, &gap.aggregate_type, tenant, aggregate)
                .await?;
        }
        Ok(())
    }
}

/// What has waited since `before`, and what was given up on; gaps are looked for beside it.
pub async fn waiting(db: &Db, before: crate::db::Now) -> Result<Waiting> {
    let mut conn = db.relay().await?;
    let row = sqlx::query!(
        r#"select (select count(*) from platform.inbox_todo where state = 'ready' and awaiting is not null
                       and since < $1) as "parked!",
                  (select count(*) from platform.inbox_todo where state = 'dead') as "dead!""#,
        before
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(Waiting { parked: row.parked, gaps: 0, dead: row.dead })
}
