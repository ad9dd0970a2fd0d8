//! Legal facts with everything that each ever said, and by what somebody may read or write them.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::LegalFactId;
use crate::domain::legal_fact::{Content, LegalFact, Step, Version, Written};

struct Row {
    id: Uuid,
    person_id: Uuid,
    kind: String,
    name: String,
    valid_from: Option<NaiveDate>,
    valid_until: Option<NaiveDate>,
    review_on: Option<NaiveDate>,
    original_place: String,
    recorded_by: Uuid,
    recorded_as: String,
    recorded_at: DateTime<Utc>,
    seen_by: Option<Uuid>,
    seen_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl TryFrom<Row> for LegalFact {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: LegalFactId(row.id),
            person: PersonId(row.person_id),
            content: Content {
                kind: words::legal_fact_kind(&row.kind, row.id)?,
                name: row.name,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                review_on: row.review_on,
                original_place: row.original_place,
            },
            written: Written {
                by: PersonId(row.recorded_by),
                writer: words::writer(&row.recorded_as, row.id)?,
                at: row.recorded_at,
            },
            seen: row.seen_by.map(PersonId).zip(row.seen_at),
            ended_at: row.ended_at,
            created_at: row.created_at,
            version: row.version,
        })
    }
}

/// Reads a legal fact.
pub async fn load(tx: &mut Tx, id: LegalFactId) -> Result<Option<LegalFact>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, person_id, kind, name, valid_from, valid_until, review_on, original_place, recorded_by, recorded_as,
             recorded_at, seen_by, seen_at, ended_at, created_at, version
         from legal_fact where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(LegalFact::try_from).transpose()
}

/// Reads a legal fact and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: LegalFactId) -> Result<Option<LegalFact>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, person_id, kind, name, valid_from, valid_until, review_on, original_place, recorded_by, recorded_as,
             recorded_at, seen_by, seen_at, ended_at, created_at, version
         from legal_fact where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(LegalFact::try_from).transpose()
}

/// Lists somebody's legal facts, newest first, one more than the page holds: all of them, or those that are neither ended
/// nor over on a day. What only begins later is among them.
pub async fn list(
    tx: &mut Tx,
    person: PersonId,
    not_over_on: Option<NaiveDate>,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<LegalFact>> {
    let tenant = tx.tenant();
    let (before_time, before_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "select id, person_id, kind, name, valid_from, valid_until, review_on, original_place, recorded_by, recorded_as,
             recorded_at, seen_by, seen_at, ended_at, created_at, version
         from legal_fact
         where tenant_id = $1 and person_id = $2
             and ($3::date is null or (ended_at is null and (valid_until is null or $3 < valid_until)))
             and ($4::timestamptz is null or (created_at, id) < ($4, $5))
         order by created_at desc, id desc limit $6",
        tenant.0,
        person.0,
        not_over_on,
        before_time,
        before_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(LegalFact::try_from).collect()
}

/// What a legal fact ever said, oldest first, after that version; so many at most.
pub async fn history(tx: &mut Tx, id: LegalFactId, after: Option<i64>, most: i64) -> Result<Vec<Version>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select version, step, kind, name, valid_from, valid_until, review_on, original_place, written_by, written_as,
             written_at
         from legal_fact_version where tenant_id = $1 and legal_fact_id = $2 and version > $3
         order by version limit $4",
        tenant.0,
        id.0,
        after.unwrap_or(0),
        most
    )
    .fetch_all(tx.conn())
    .await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        versions.push(Version {
            number: row.version,
            step: words::legal_fact_step(&row.step, id)?,
            content: Content {
                kind: words::legal_fact_kind(&row.kind, id)?,
                name: row.name,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                review_on: row.review_on,
                original_place: row.original_place,
            },
            written: Written {
                by: PersonId(row.written_by),
                writer: words::writer(&row.written_as, id)?,
                at: row.written_at,
            },
        });
    }
    Ok(versions)
}

/// Whether somebody recorded or corrected a legal fact, in any of its versions.
pub async fn wrote(tx: &mut Tx, id: LegalFactId, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let wrote = sqlx::query_scalar!(
        r#"select exists (select from legal_fact_version
               where tenant_id = $1 and legal_fact_id = $2 and written_by = $3
                   and step in ('recorded', 'corrected')) as "wrote!""#,
        tenant.0,
        id.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(wrote)
}

/// Writes a new legal fact.
pub async fn insert(tx: &mut Tx, fact: &LegalFact) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into legal_fact (tenant_id, id, person_id, kind, name, valid_from, valid_until, review_on,
             original_place, recorded_by, recorded_as, recorded_at, created_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant.0,
        fact.id.0,
        fact.person.0,
        words::legal_fact_kind_word(fact.content.kind),
        fact.content.name,
        fact.content.valid_from,
        fact.content.valid_until,
        fact.content.review_on,
        fact.content.original_place,
        fact.written.by.0,
        words::writer_word(fact.written.writer),
        fact.written.at,
        fact.created_at,
        fact.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "legal_fact_pk", || Common::Contended))?;
    add_version(tx, fact, Step::Recorded, fact.written).await
}

/// Writes a legal fact whose version was raised, and what became of it.
pub async fn save(tx: &mut Tx, fact: &LegalFact, step: Step, by: Written) -> Result<()> {
    let tenant = tx.tenant();
    let (seen_by, seen_at) = fact.seen.unzip();
    let saved = sqlx::query!(
        "update legal_fact set kind = $4, name = $5, valid_from = $6, valid_until = $7, review_on = $8,
             original_place = $9, recorded_by = $10, recorded_as = $11, recorded_at = $12, seen_by = $13, seen_at = $14,
             ended_at = $15, version = $3::bigint
         where tenant_id = $1 and id = $2 and version = $3::bigint - 1",
        tenant.0,
        fact.id.0,
        fact.version,
        words::legal_fact_kind_word(fact.content.kind),
        fact.content.name,
        fact.content.valid_from,
        fact.content.valid_until,
        fact.content.review_on,
        fact.content.original_place,
        fact.written.by.0,
        words::writer_word(fact.written.writer),
        fact.written.at,
        seen_by.map(|person| person.0),
        seen_at,
        fact.ended_at,
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)?;
    add_version(tx, fact, step, by).await
}

async fn add_version(tx: &mut Tx, fact: &LegalFact, step: Step, by: Written) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into legal_fact_version (tenant_id, legal_fact_id, version, person_id, step, kind, name, valid_from,
             valid_until, review_on, original_place, written_by, written_as, written_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant.0,
        fact.id.0,
        fact.version,
        fact.person.0,
        words::legal_fact_step_word(step),
        words::legal_fact_kind_word(fact.content.kind),
        fact.content.name,
        fact.content.valid_from,
        fact.content.valid_until,
        fact.content.review_on,
        fact.content.original_place,
        by.by.0,
        words::writer_word(by.writer),
        by.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many months a deprivation of liberty that begins on a day may be authorised for at most.
pub async fn longest_deprivation(tx: &mut Tx, day: NaiveDate) -> Result<u32> {
    let found = sqlx::query_scalar!(
        "select value from platform.setting
         where name = 'deprivation_of_liberty_months' and valid_from <= $1 order by valid_from desc limit 1",
        day
    )
    .fetch_optional(tx.conn_of_no_tenant())
    .await?;
    found.and_then(|months| u32::try_from(months).ok()).ok_or_else(|| Error::Inconsistent {
        table: "platform.setting",
        row: "deprivation_of_liberty_months".into(),
        problem: format!("nothing holds on {day}"),
    })
}
