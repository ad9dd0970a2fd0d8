//! Snapshots on request. A consumer that joins late asks each producer for the newest event of every aggregate that it
//! listens to, and is not ready before they are in; one that misses numbers of an aggregate asks for that aggregate.
//! The producer's relay sends them to the asker alone, page by page, and tells when it is done.
//!
//! Since every event carries the aggregate's whole public state, the newest one, sent again, is the snapshot.

use sqlx::PgConnection;

use crate::broker::{Ask, Message, Publisher, Told};
use crate::db::{Db, Now};
use crate::error::{Error, Result};
use crate::id::{TenantId, Uuid};

/// Snapshots sent at once.
/// Failed attempts at a snapshot after which a service is ready without it.
const PATIENT_WITH_A_SNAPSHOT: i32 = 3;
const PAGE: i64 = 500;
/// A request that was not answered for so long is sent again; the producer works it off once.
const ASK_AGAIN_AFTER: chrono::Duration = chrono::Duration::seconds(60);
/// Aggregates with missing numbers that are asked for at once.
const MOST_GAPS: i64 = 200;

/// Keeps what others ask of this service; the relay works it off.
pub(crate) async fn keep(db: &Db, asked: &[Ask]) -> Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let mut conn = db.relay().await?;
    for ask in asked {
        sqlx::query!(
            "insert into platform.resend (request_id, asker, aggregate_type, of_tenant, of_aggregate, asked_at)
             values ($1, $2, $3, $4, $5, $6) on conflict on constraint resend_pk do nothing",
            ask.request_id,
            ask.asker,
            ask.aggregate_type,
            ask.tenant_id.map(|tenant| tenant.0),
            ask.aggregate_id,
            db.shared.clock.now(),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Sends one page of what was asked for; answers whether there was anything to send.
pub(crate) async fn send_page(conn: &mut PgConnection, publisher: &Publisher) -> Result<bool> {
    let request = sqlx::query!(
        "select request_id, asker, aggregate_type, of_tenant, of_aggregate, sent_tenant, sent_aggregate
         from platform.resend order by asked_at, request_id limit 1"
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(request) = request else { return Ok(false) };
    let rows = sqlx::query!(
        "select o.tenant_id, o.event_id, o.aggregate_type, o.aggregate_id, o.event_no, o.event_type, o.payload,
             o.created_at
         from platform.outbox_head h
             join platform.outbox o on o.tenant_id = h.tenant_id and o.aggregate_type = h.aggregate_type
                 and o.aggregate_id = h.aggregate_id and o.event_no = h.last_no
         where h.aggregate_type = $1 and ($2::uuid is null or h.tenant_id = $2)
             and ($3::uuid is null or h.aggregate_id = $3)
             and ($4::uuid is null or (h.tenant_id, h.aggregate_id) > ($4, $5))
         order by h.tenant_id, h.aggregate_id limit $6",
        request.aggregate_type,
        request.of_tenant,
        request.of_aggregate,
        request.sent_tenant,
        request.sent_aggregate,
        PAGE,
    )
    .fetch_all(&mut *conn)
    .await?;
    let messages: Vec<Message> = rows
        .into_iter()
        .map(|row| Message {
            tenant_id: TenantId(row.tenant_id),
            event_id: row.event_id,
            aggregate_type: row.aggregate_type,
            aggregate_id: row.aggregate_id,
            event_no: row.event_no,
            event_type: row.event_type,
            payload: row.payload,
            traceparent: None,
            time: row.created_at,
            snapshot_for: Some(request.asker.clone()),
        })
        .collect();
    if let Some(failure) = publisher.publish(&messages).await.1 {
        return Err(failure);
    }
    match messages.last() {
        Some(last) if i64::try_from(messages.len()) == Ok(PAGE) => {
            sqlx::query!(
                "update platform.resend set sent_tenant = $2, sent_aggregate = $3 where request_id = $1",
                request.request_id,
                last.tenant_id.0,
                last.aggregate_id,
            )
            .execute(conn)
            .await?;
        }
        _ => {
            publisher.tell(&request.asker, &Told { request_id: request.request_id }).await?;
            sqlx::query!("delete from platform.resend where request_id = $1", request.request_id)
                .execute(conn)
                .await?;
        }
    }
    Ok(true)
}

/// Asks for everything of the aggregates that are not complete here yet; answers how many are not.
pub(crate) async fn join(db: &Db, publisher: &Publisher, asker: &str, aggregates: &[&str]) -> Result<usize> {
    let mut conn = db.relay().await?;
    let now = db.shared.clock.now();
    let mut incomplete = 0;
    for aggregate in aggregates {
        // Registered first: the answer must find its request. Asked again only when the first asking is long ago.
        let asking = sqlx::query!(
            r#"insert into platform.subscription as s (aggregate_type, request_id, asked_at) values ($1, $2, $3)
             on conflict on constraint subscription_pk do update
                 set asked_at = case when s.asked_at <= $4 then $3 else s.asked_at end
             returning request_id, complete_at is not null as "complete!", asked_at = $3 as "due!""#,
            aggregate,
            db.shared.ids.uuid(now),
            now,
            now - ASK_AGAIN_AFTER,
        )
        .fetch_one(&mut *conn)
        .await?;
        if asking.complete {
            continue;
        }
        incomplete += 1;
        if asking.due {
            let ask = Ask {
                request_id: asking.request_id,
                asker: asker.to_owned(),
                aggregate_type: (*aggregate).to_owned(),
                tenant_id: None,
                aggregate_id: None,
            };
            publisher.ask(&ask).await?;
        }
    }
    Ok(incomplete)
}

/// Notes that everything asked for has arrived in the inbox.
pub(crate) async fn complete(db: &Db, told: &[Told]) -> Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    let requests: Vec<Uuid> = told.iter().map(|told| told.request_id).collect();
    let mut conn = db.relay().await?;
    sqlx::query!(
        "update platform.subscription set complete_at = $2 where request_id = any($1) and complete_at is null",
        &requests,
        db.shared.clock.now(),
    )
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// Whether everything that this service listens to is complete, and its snapshots are applied. One that fails again and
/// again holds up its own aggregate, not the service.
pub(crate) async fn is_joined(db: &Db, aggregates: &[&str]) -> Result<bool> {
    let aggregates: Vec<String> = aggregates.iter().map(|aggregate| (*aggregate).to_owned()).collect();
    let mut conn = db.relay().await?;
    let joined = sqlx::query_scalar!(
        r#"select (select count(*) from platform.subscription
                  where aggregate_type = any($1) and complete_at is not null) = cardinality($1)
              and not exists (select from platform.inbox_todo
                  where snapshot and state = 'ready' and attempts < $2 and awaiting is null) as "joined!""#,
        &aggregates,
        PATIENT_WITH_A_SNAPSHOT,
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(joined)
}

/// An aggregate of which a number is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub tenant: TenantId,
    pub aggregate_type: String,
    pub aggregate_id: Uuid,
}

/// The aggregates of which numbers have been missing since `before`. One behind a dead event misses nothing: an operator
/// decides about it.
pub(crate) async fn gaps(db: &Db, before: Now) -> Result<Vec<Gap>> {
    let mut conn = db.relay().await?;
    let rows = sqlx::query!(
        "select t.tenant_id, t.aggregate_type, t.aggregate_id from platform.inbox_todo t
             join platform.inbox_cursor c using (tenant_id, aggregate_type, aggregate_id)
         where t.state = 'ready' and t.since < $1 and not t.snapshot
             and not exists (select from platform.inbox_todo d where d.tenant_id = t.tenant_id and d.state = 'dead'
                 and d.aggregate_type = t.aggregate_type and d.aggregate_id = t.aggregate_id)
         group by t.tenant_id, t.aggregate_type, t.aggregate_id, c.last_no
         having min(t.event_no) > c.last_no + 1
         limit $2",
        before,
        MOST_GAPS,
    )
    .fetch_all(&mut *conn)
    .await?;
    let gaps = rows.into_iter().map(|row| Gap {
        tenant: TenantId(row.tenant_id),
        aggregate_type: row.aggregate_type,
        aggregate_id: row.aggregate_id,
    });
    Ok(gaps.collect())
}

/// Asks for aggregates of one kind again: of one tenant, or one alone, or all. For the operator, too, to whom it
/// mends a projection that an event was skipped for.
pub async fn ask_for(
    db: &Db,
    publisher: &Publisher,
    asker: &str,
    aggregate_type: &str,
    tenant: Option<TenantId>,
    aggregate: Option<Uuid>,
) -> Result<()> {
    if aggregate.is_some() && tenant.is_none() {
        return Err(Error::invalid("tenant", "must be said with the aggregate's id"));
    }
    let ask = Ask {
        request_id: db.shared.ids.uuid(db.shared.clock.now()),
        asker: asker.to_owned(),
        aggregate_type: aggregate_type.to_owned(),
        tenant_id: tenant,
        aggregate_id: aggregate,
    };
    publisher.ask(&ask).await
}
