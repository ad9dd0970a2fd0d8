//! What ends a transaction: events, audit rows and the answer for a repeat, written in one round trip.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe};

use crate::audit::{self, Noted, Row};
use crate::context::Actor;
use crate::db::{Conn, Now};
use crate::error::Result;
use crate::id::{Ids, TenantId, Uuid};
use crate::outbox::Pending;

/// How long an answer is kept for a repeat.
const KEPT: chrono::Duration = chrono::Duration::hours(72);

/// Whose transaction ends, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose<'tx> {
    pub tenant: TenantId,
    pub actor: Actor,
    pub now: Now,
    pub ids: &'tx Ids,
}

/// The answer to a command, kept for who repeats it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'answer> {
    pub request_id: Uuid,
    pub hash: &'answer [u8],
    pub bytes: &'answer [u8],
    pub caused: &'answer str,
}

/// Writes everything: each event gets the next number of its aggregate.
///
/// A command that tells one event, as most do, has a statement of its own, which says the same with less work. It is put
/// together here, so that its words are there once, alone and after a change; the build cannot check it, every command does.
pub(crate) async fn write(
    conn: Conn<'_>,
    whose: Whose<'_>,
    events: &[Pending],
    rows: &[Row],
    answer: Option<Answer<'_>>,
) -> Result<()> {
    let Whose { tenant, actor, now, ids } = whose;
    if events.is_empty() && answer.is_none() {
        return audit::write(conn, tenant, &[&Noted::new(actor, now, rows.to_vec())], ids).await;
    }
    if let ([event], Some(answer)) = (events, answer) {
        return write_one(conn, whose, event, rows, answer).await;
    }
    let event_ids: Vec<Uuid> = events.iter().map(|event| event.event_id).collect();
    let aggregate_types: Vec<String> = events.iter().map(|event| event.aggregate_type.to_owned()).collect();
    let aggregate_ids: Vec<Uuid> = events.iter().map(|event| event.aggregate_id).collect();
    let event_types: Vec<String> = events.iter().map(|event| event.event_type.to_owned()).collect();
    let payloads: Vec<Vec<u8>> = events.iter().map(|event| event.payload.clone()).collect();
    let audit = audit::Columns::of(rows, ids, now);
    sqlx::query!(
        "with event as (
             select * from unnest($5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::bytea[])
                 with ordinality as e (event_id, aggregate_type, aggregate_id, event_type, payload, place)
         ), counted as (
             select aggregate_type, aggregate_id, count(*) as events from event
             group by aggregate_type, aggregate_id
         ), head as (
             insert into platform.outbox_head as h (tenant_id, aggregate_type, aggregate_id, last_no)
             select $1, aggregate_type, aggregate_id, events from counted order by aggregate_type, aggregate_id
             on conflict on constraint outbox_head_pk do update set last_no = h.last_no + excluded.last_no
             returning h.aggregate_type, h.aggregate_id, h.last_no
         ), told as (
             insert into platform.outbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type,
                 payload, traceparent, created_at)
             select $1, e.event_id, e.aggregate_type, e.aggregate_id,
                 head.last_no - counted.events
                     + row_number() over (partition by e.aggregate_type, e.aggregate_id order by e.place),
                 e.event_type, e.payload, $4, $3
             from event e
                 join counted using (aggregate_type, aggregate_id)
                 join head using (aggregate_type, aggregate_id)
             order by e.place
         ), noted as (
             insert into platform.audit (tenant_id, id, actor_id, action, subject_type, subject_id, person_id, basis,
                 allowed, traceparent, recorded_at)
             select $1, row.id, $2, row.action, row.subject_type, row.subject_id, row.person_id, row.basis,
                 row.allowed, $4, $3
             from unnest($10::uuid[], $11::text[], $12::text[], $13::uuid[], $14::uuid[], $15::text[], $16::bool[])
                 as row (id, action, subject_type, subject_id, person_id, basis, allowed)
         ), open as (
             insert into platform.audit_open (tenant_id, id) select $1, unnest($10::uuid[])
         )
         insert into platform.saved_answer
             (tenant_id, actor_id, request_id, content_hash, answer, caused, expires_at)
         select $1, $2, $17, $18, $19, $20, $21 where $17::uuid is not null",
        tenant.0,
        actor.id(),
        now,
        crate::telemetry::traceparent(),
        &event_ids,
        &aggregate_types,
        &aggregate_ids,
        &event_types,
        &payloads,
        &audit.ids,
        &audit.actions,
        &audit.subject_types,
        &audit.subject_ids,
        &audit.person_ids as &[Option<Uuid>],
        &audit.bases,
        &audit.allowed,
        answer.map(|answer| answer.request_id),
        answer.map(|answer| answer.hash),
        answer.map(|answer| answer.bytes),
        answer.map(|answer| answer.caused),
        now + KEPT,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The change of a command in one statement: checked where it is written, sent with the rest.
#[derive(Debug)]
pub(crate) struct Change {
    pub sql: String,
    pub arguments: PgArguments,
}

/// One event, its audit rows and the answer. `changed` is a table of one row for each that was changed: exactly one.
const ONE_EVENT: &str = "head as (
         insert into platform.outbox_head as h (tenant_id, aggregate_type, aggregate_id, last_no)
         values ($1, $6, $7, 1)
         on conflict on constraint outbox_head_pk do update set last_no = h.last_no + 1
         returning h.last_no
     ), told as (
         insert into platform.outbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type,
             payload, traceparent, created_at)
         select $1, $5, $6, $7, head.last_no, $8, $9, $4, $3 from head
     ), noted as (
         insert into platform.audit (tenant_id, id, actor_id, action, subject_type, subject_id, person_id, basis,
             allowed, traceparent, recorded_at)
         select $1, row.id, $2, row.action, row.subject_type, row.subject_id, row.person_id, row.basis,
             row.allowed, $4, $3
         from unnest($10::uuid[], $11::text[], $12::text[], $13::uuid[], $14::uuid[], $15::text[], $16::bool[])
             as row (id, action, subject_type, subject_id, person_id, basis, allowed)
     ), open as (
         insert into platform.audit_open (tenant_id, id) select $1, unnest($10::uuid[])
     )
     insert into platform.saved_answer (tenant_id, actor_id, request_id, content_hash, answer, caused, expires_at)
     select $1, $2, $17, $18, $19, $20, $21";

/// What [`write`] does, for one event.
async fn write_one(
    conn: Conn<'_>,
    whose: Whose<'_>,
    event: &Pending,
    rows: &[Row],
    answer: Answer<'_>,
) -> Result<()> {
    static SQL: LazyLock<String> = LazyLock::new(|| format!("with {ONE_EVENT}"));
    let arguments = one_event(PgArguments::default(), whose, event, rows, answer)?;
    sqlx::query_with(AssertSqlSafe(SQL.as_str()), arguments).execute(conn).await?;
    Ok(())
}

/// A whole command: the change, which must be of one row, and what [`write_one`] does. Nothing of it is there where
/// somebody else's change came in between, or where this request was answered before.
pub(crate) async fn change_and_write(
    conn: Conn<'_>,
    whose: Whose<'_>,
    change: Change,
    event: &Pending,
    rows: &[Row],
    answer: Answer<'_>,
) -> Result<()> {
    let sql = whole(&change.sql, change.arguments.len());
    let arguments = one_event(change.arguments, whose, event, rows, answer)?;
    sqlx::query_with(AssertSqlSafe(sql), arguments).execute(conn).await?;
    Ok(())
}

/// The statement of a whole command; each change has one, made once.
fn whole(change: &str, its_arguments: usize) -> Arc<str> {
    static MADE: LazyLock<RwLock<HashMap<String, Arc<str>>>> = LazyLock::new(RwLock::default);
    if let Some(made) = MADE.read().unwrap_or_else(PoisonError::into_inner).get(change) {
        return made.clone();
    }
    let rest = shifted(ONE_EVENT, its_arguments);
    let sql: Arc<str> = format!(
        "with changed as ({change} returning 1), {rest}
         where platform.changed_one((select count(*) from changed))"
    )
    .into();
    MADE.write().unwrap_or_else(PoisonError::into_inner).insert(change.to_owned(), sql.clone());
    sql
}

/// The same SQL with parameters that come after so many others.
fn shifted(sql: &str, by: usize) -> String {
    let mut parts = sql.split('$');
    let mut shifted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number: usize = number.parse().expect("a parameter has a number");
        let _ = write!(shifted, "${}{rest}", number + by);
    }
    shifted
}

/// The parameters of [`ONE_EVENT`], after others.
fn one_event(
    mut arguments: PgArguments,
    whose: Whose<'_>,
    event: &Pending,
    rows: &[Row],
    answer: Answer<'_>,
) -> Result<PgArguments> {
    let Whose { tenant, actor, now, ids } = whose;
    let audit = audit::Columns::of(rows, ids, now);
    let added = (|| {
        arguments.add(tenant.0)?;
        arguments.add(actor.id())?;
        arguments.add(now)?;
        arguments.add(crate::telemetry::traceparent())?;
        arguments.add(event.event_id)?;
        arguments.add(event.aggregate_type)?;
        arguments.add(event.aggregate_id)?;
        arguments.add(event.event_type)?;
        arguments.add(event.payload.as_slice())?;
        arguments.add(&audit.ids)?;
        arguments.add(&audit.actions)?;
        arguments.add(&audit.subject_types)?;
        arguments.add(&audit.subject_ids)?;
        arguments.add(&audit.person_ids)?;
        arguments.add(&audit.bases)?;
        arguments.add(&audit.allowed)?;
        arguments.add(answer.request_id)?;
        arguments.add(answer.hash)?;
        arguments.add(answer.bytes)?;
        arguments.add(answer.caused)?;
        arguments.add(now + KEPT)
    })();
    added.map_err(sqlx::Error::Encode)?;
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_on_after_those_of_the_change() {
        assert_eq!(shifted("a $1, $12::uuid[] and $2", 25), "a $26, $37::uuid[] and $27");
        assert_eq!(shifted("nothing", 3), "nothing");
        let sql = whole("update note set body = $2 where id = $1", 2);
        assert!(
            sql.starts_with(
                "with changed as (update note set body = $2 where id = $1 returning 1), head as ("
            )
        );
        assert!(sql.contains("values ($3, $8, $9, 1)"), "{sql}");
    }
}
