//! Retention classes, legal holds, access requests and erasures of a tenant.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::rights::{AccessRequest, Erasure, Hold, Phase, RetentionClass};
use crate::domain::{AccessRequestId, ErasureId, HoldId};

/// The classes in force on a day: the tenant's own where it has set one, the defaults otherwise.
pub async fn classes_in_force(tx: &mut Tx, day: NaiveDate) -> Result<Vec<RetentionClass>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select distinct on (c.class) c.class as "class!", c.valid_from as "valid_from!", c.months,
             c.counts_from as "counts_from!", c.basis as "basis!", c.source as "source!"
         from (
             select class, valid_from, months, counts_from, basis, source, 0 as own from retention_default
             union all
             select class, valid_from, months, counts_from, basis, source, 1 from retention_class where tenant_id = $1
         ) c where c.valid_from <= $2 order by c.class, c.own desc, c.valid_from desc"#,
        tenant.0,
        day,
    )
    .fetch_all(tx.conn())
    .await?;
    let class = |row: (String, NaiveDate, Option<i32>, String, String, String)| RetentionClass {
        class: row.0,
        valid_from: row.1,
        months: row.2,
        counts_from: row.3,
        basis: row.4,
        source: row.5,
    };
    Ok(rows
        .into_iter()
        .map(|row| class((row.class, row.valid_from, row.months, row.counts_from, row.basis, row.source)))
        .collect())
}

/// The classes whose records are worth nothing without the name.
pub async fn classes_that_keep_the_name(tx: &mut Tx, day: NaiveDate) -> Result<BTreeSet<String>> {
    let classes = sqlx::query_scalar!(
        "select class from (
             select distinct on (class) class, keeps_name from retention_default where valid_from <= $1
             order by class, valid_from desc
         ) d where keeps_name",
        day
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(classes.into_iter().collect())
}

/// Sets a class from a date on; the last word for a date counts.
pub async fn set_class(tx: &mut Tx, class: &RetentionClass, by: PersonId) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into retention_class (tenant_id, class, valid_from, months, counts_from, basis, source, set_by, set_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict on constraint retention_class_pk do update set
             months = $4, counts_from = $5, basis = $6, source = $7, set_by = $8, set_at = $9",
        tenant.0,
        class.class,
        class.valid_from,
        class.months,
        class.counts_from,
        class.basis,
        class.source,
        by.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes a new hold.
pub async fn insert_hold(tx: &mut Tx, hold: &Hold, by: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into legal_hold (tenant_id, id, person_id, basis, set_by, set_at) values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        hold.id.0,
        hold.person.0,
        words::hold_word(hold.basis),
        by.0,
        hold.set_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads a hold and locks it.
pub async fn hold_for_update(tx: &mut Tx, id: HoldId) -> Result<Option<Hold>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select person_id, basis, set_at, lifted_at from legal_hold where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(Hold {
            id,
            person: PersonId(row.person_id),
            basis: words::hold(&row.basis, id.0)?,
            set_at: row.set_at,
            lifted_at: row.lifted_at,
        })
    })
    .transpose()
}

/// Writes that a hold was lifted; its row is locked.
pub async fn save_lifted(tx: &mut Tx, hold: &Hold, by: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    let saved = sqlx::query!(
        "update legal_hold set lifted_at = $3, lifted_by = $4 where tenant_id = $1 and id = $2",
        tenant.0,
        hold.id.0,
        hold.lifted_at,
        by.0,
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)
}

/// Whether anything about a person must not be destroyed.
pub async fn is_held(tx: &mut Tx, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!(
        r#"select exists (select from legal_hold
               where tenant_id = $1 and person_id = $2 and lifted_at is null) as "held!""#,
        tenant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Ends the access requests that somebody handles; answers those that had not ended.
pub async fn end_access_requests_of(tx: &mut Tx, handler: PersonId) -> Result<Vec<AccessRequest>> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let ended = sqlx::query!(
        "update access_request set valid_until = $3
         where tenant_id = $1 and handler_person_id = $2 and valid_until > $3 returning id, person_id",
        tenant.0,
        handler.0,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    let ended = ended.into_iter().map(|row| AccessRequest {
        id: AccessRequestId(row.id),
        person: PersonId(row.person_id),
        handler,
        valid_until: now,
    });
    Ok(ended.collect())
}

/// Writes an access request.
pub async fn insert_access_request(tx: &mut Tx, request: &AccessRequest) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into access_request (tenant_id, id, person_id, handler_person_id, opened_at, valid_until)
         values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        request.id.0,
        request.person.0,
        request.handler.0,
        now,
        request.valid_until,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

struct ErasureRow {
    id: Uuid,
    person_id: Uuid,
    phase: String,
    asked_at: DateTime<Utc>,
    ordered_at: Option<DateTime<Utc>>,
    restricted_until: Option<NaiveDate>,
}

impl TryFrom<ErasureRow> for Erasure {
    type Error = Error;

    fn try_from(row: ErasureRow) -> Result<Self> {
        Ok(Self {
            id: ErasureId(row.id),
            person: PersonId(row.person_id),
            phase: words::phase(&row.phase, row.id)?,
            asked_at: row.asked_at,
            ordered_at: row.ordered_at,
            restricted_until: row.restricted_until,
        })
    }
}

/// The erasure of a person that is under way.
pub async fn erasure_under_way(tx: &mut Tx, person: PersonId) -> Result<Option<Erasure>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ErasureRow,
        "select id, person_id, phase, asked_at, ordered_at, restricted_until from erasure
         where tenant_id = $1 and person_id = $2 and phase in ('asked', 'ordered')",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Erasure::try_from).transpose()
}

/// Erasures of which something that had to be kept may go on that day, locked, at most fifty: each person's newest. One
/// that was tried within the last day rests until the next, whatever the services answered; one that another replica has
/// locked is its.
pub async fn due_erasures(tx: &mut Tx, today: NaiveDate) -> Result<Vec<Erasure>> {
    let (tenant, yesterday) = (tx.tenant(), tx.now() - chrono::Duration::days(1));
    let rows = sqlx::query_as!(
        ErasureRow,
        "select id, person_id, phase, asked_at, ordered_at, restricted_until from erasure e
         where tenant_id = $1 and phase in ('restricted', 'completed') and ordered_at < $3
             and exists (select from erasure_kept k
                 where k.tenant_id = $1 and k.erasure_id = e.id and k.kept_until <= $2)
             and not exists (select from erasure later
                 where later.tenant_id = $1 and later.person_id = e.person_id and later.id > e.id)
         order by id limit 50 for update skip locked",
        tenant.0,
        today,
        yesterday,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Erasure::try_from).collect()
}

/// Reads an erasure and locks it.
pub async fn erasure_for_update(tx: &mut Tx, id: ErasureId) -> Result<Option<Erasure>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ErasureRow,
        "select id, person_id, phase, asked_at, ordered_at, restricted_until from erasure
         where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Erasure::try_from).transpose()
}

/// Lists erasures, newest first; one more than the page holds.
pub async fn list_erasures(tx: &mut Tx, page: &Page<(DateTime<Utc>, Uuid)>) -> Result<Vec<Erasure>> {
    let tenant = tx.tenant();
    let (at, id) = page.after.unzip();
    let rows = sqlx::query_as!(
        ErasureRow,
        "select id, person_id, phase, asked_at, ordered_at, restricted_until from erasure
         where tenant_id = $1 and ($2::timestamptz is null or (asked_at, id) < ($2, $3::uuid))
         order by asked_at desc, id desc limit $4",
        tenant.0,
        at,
        id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Erasure::try_from).collect()
}

/// Who recorded an erasure for somebody who has left; none where the person asked.
pub async fn recorder(tx: &mut Tx, id: ErasureId) -> Result<Option<PersonId>> {
    let tenant = tx.tenant();
    let asked_by =
        sqlx::query_scalar!("select asked_by from erasure where tenant_id = $1 and id = $2", tenant.0, id.0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(asked_by.flatten().map(PersonId))
}

/// Writes a new erasure, with who recorded it where that is not the person. Who asks twice at once comes second and asks
/// again.
pub async fn insert_erasure(tx: &mut Tx, erasure: &Erasure, by: Option<PersonId>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into erasure (tenant_id, id, person_id, phase, asked_at, asked_by) values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        erasure.id.0,
        erasure.person.0,
        words::phase_word(erasure.phase),
        erasure.asked_at,
        by.map(|by| by.0),
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "erasure_under_way_once", || Common::Contended))?;
    Ok(())
}

/// Writes an erasure's phase; its row is locked. `by` is who ordered it, where that is what happened.
pub async fn save_erasure(tx: &mut Tx, erasure: &Erasure, by: Option<PersonId>) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let ended = matches!(erasure.phase, Phase::Completed | Phase::Restricted);
    let saved = sqlx::query!(
        "update erasure set phase = $3, ordered_at = $4, ordered_by = coalesce($5, ordered_by), restricted_until = $6,
             ended_at = $7
         where tenant_id = $1 and id = $2",
        tenant.0,
        erasure.id.0,
        words::phase_word(erasure.phase),
        erasure.ordered_at,
        by.map(|by| by.0),
        erasure.restricted_until,
        ended.then_some(now),
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)
}

/// Of these people, those whose name only administrators still see.
pub async fn restricted(tx: &mut Tx, people: &[Uuid]) -> Result<BTreeSet<PersonId>> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        "select distinct person_id from erasure
         where tenant_id = $1 and person_id = any($2) and phase in ('ordered', 'restricted')",
        tenant.0,
        people
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found.into_iter().map(PersonId).collect())
}
