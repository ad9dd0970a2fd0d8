//! How a copy learns its age: the services that own consents, Teams and givers say each second until which moment every
//! event of them is published, and whoever keeps a copy writes it down behind the events that came before it.
//!
//! The moment is taken before the outbox is looked at, so that whatever was committed before it is either published or
//! seen there. It travels through the same queue as the events, behind them. It says nothing of any tenant.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kith_proto::EVENTS;
use kith_proto::common::v1::Watermark;
use prost::Message as _;
use sqlx::PgConnection;

use crate::broker::{Message, Publisher};
use crate::db::{Now, Shared};
use crate::error::{Error, Result};
use crate::fields::timestamp;
use crate::id::{TenantId, Uuid};

/// The aggregates whose copies must not grow old unnoticed: what consents say, and what tells whom they reach. No service
/// has two of them.
const WATCHED: [&str; 3] = ["consent", "team", "giver"];
const EVERY: Duration = Duration::from_secs(1);

/// The watched aggregates that there are, `<service>.<aggregate>`.
pub(crate) fn watched() -> impl Iterator<Item = &'static str> {
    let aggregates = EVENTS.iter().map(|event| event.aggregate).collect::<BTreeSet<_>>();
    aggregates.into_iter().filter(|aggregate| {
        aggregate.split_once('.').is_some_and(|(_, aggregate)| WATCHED.contains(&aggregate))
    })
}

/// The keys of watermarks that a service needs which listens to these aggregates.
pub(crate) fn keys<'a>(aggregates: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    let parts = aggregates.iter().filter_map(|aggregate| aggregate.split_once('.'));
    let watched = parts.filter(|(_, aggregate)| WATCHED.contains(aggregate));
    watched.map(|(service, _)| format!("{service}.watermark.v1"))
}

/// Whether a message is a watermark and no event.
pub(crate) fn is_one(message: &Message) -> bool {
    message.aggregate_type.ends_with(".watermark")
}

/// A watermark as it travels: an envelope like an event's, of no tenant and no aggregate.
pub(crate) fn message(aggregate: &str, complete_until: Now, event_id: Uuid) -> Message {
    let service = aggregate.split('.').next().unwrap_or_default();
    let payload =
        Watermark { aggregate: aggregate.to_owned(), complete_until: Some(timestamp(complete_until)) };
    Message {
        tenant_id: TenantId(Uuid::nil()),
        event_id,
        aggregate_type: format!("{service}.watermark"),
        aggregate_id: Uuid::nil(),
        event_no: 1,
        event_type: format!("{service}.watermark.v1"),
        payload: payload.encode_to_vec(),
        traceparent: None,
        time: complete_until,
        snapshot_for: None,
    }
}

/// The relay's side: tells the watermark each second, where its service has one to tell.
#[derive(Debug)]
pub(crate) struct Teller {
    aggregate: Option<&'static str>,
    told: Option<Instant>,
}

impl Teller {
    /// For a service's relay; most services have nothing to tell.
    pub fn new(service: &str) -> Self {
        let aggregate = watched().find(|aggregate| aggregate.split('.').next() == Some(service));
        Self { aggregate, told: None }
    }

    /// Tells, where it is time to.
    pub async fn tell(
        &mut self,
        conn: &mut PgConnection,
        shared: &Shared,
        publisher: &Publisher,
    ) -> Result<()> {
        let Some(aggregate) = self.aggregate else {
            return Ok(());
        };
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return Ok(());
        }
        self.told = Some(Instant::now());
        let now = shared.clock.now();
        let complete_until = complete_until(conn, aggregate, now).await?;
        let (_, failure) =
            publisher.publish(&[message(aggregate, complete_until, shared.ids.uuid(now))]).await;
        failure.map_or(Ok(()), Err)
    }
}

/// The moment before which every committed event of an aggregate is published, given a moment taken before asking.
pub(crate) async fn complete_until(conn: &mut PgConnection, aggregate: &str, now: Now) -> Result<Now> {
    let unpublished = sqlx::query_scalar!(
        "select min(created_at) from platform.outbox where published_at is null and aggregate_type = $1",
        aggregate
    )
    .fetch_one(conn)
    .await?;
    Ok(unpublished.map_or(now, |oldest| oldest.min(now)))
}

/// The receiver's side: writes down what the watermarks of a batch say, after its events are stored. A moment ahead of
/// this machine's clock would make the copy look young for too long, so it counts as now.
pub(crate) async fn keep(conn: &mut PgConnection, marks: &[&Message], now: Now) -> Result<()> {
    for mark in marks {
        let said = Watermark::decode(mark.payload.as_slice()).map_err(Error::internal)?;
        let is_its_own = said.aggregate.split('.').next() == mark.event_type.split('.').next();
        if !is_its_own {
            tracing::error!(event.r#type = %mark.event_type, "a watermark of another service's aggregate is left out");
            continue;
        }
        sqlx::query!(
            "insert into platform.watermark as w (aggregate_type, complete_until) values ($1, $2)
             on conflict on constraint watermark_pk do update
                 set complete_until = greatest(w.complete_until, excluded.complete_until)",
            said.aggregate,
            mark.time.min(now),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_keeps_a_copy_gets_its_watermark_and_nobody_else() {
        let bound = |aggregates: &[&str]| keys(aggregates).collect::<Vec<_>>();
        assert_eq!(bound(&["a.tenant", "a.consent", "b.team"]), ["a.watermark.v1", "b.watermark.v1"]);
        assert!(bound(&["a.tenant", "b.consenting"]).is_empty());
    }

    #[test]
    fn each_watched_aggregate_is_told_by_its_own_service_alone() {
        let watched: Vec<&str> = watched().collect();
        assert_eq!(watched, ["identity.consent", "matching.giver", "teams.team"]);
        for aggregate in watched {
            let service = aggregate.split('.').next().expect("a service");
            assert_eq!(Teller::new(service).aggregate, Some(aggregate));
        }
        assert_eq!(Teller::new("nobody").aggregate, None);
    }

    #[test]
    fn a_watermark_is_no_event_and_goes_by_the_key_that_is_bound() {
        let mark = message("a.consent", chrono::DateTime::UNIX_EPOCH, Uuid::nil());
        assert!(is_one(&mark));
        assert!(keys(&["a.consent"]).eq([mark.event_type.as_str()]));
        assert!(!is_one(&Message { aggregate_type: "a.consent".into(), ..mark }));
    }
}
