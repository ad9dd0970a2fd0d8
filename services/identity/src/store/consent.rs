//! Consents, everything that each ever was, and the words that they are made of.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::ConsentId;
use crate::domain::consent::{Consent, Grantee, Period, Terms, Version, Word};

struct ConsentRow {
    id: Uuid,
    person_id: Uuid,
    part: String,
    purpose: String,
    grantee_kind: String,
    grantee_id: Option<Uuid>,
    grantee_hat: String,
    valid_from: NaiveDate,
    valid_until: NaiveDate,
    state: String,
    version: i64,
    given_at: DateTime<Utc>,
}

impl TryFrom<ConsentRow> for Consent {
    type Error = Error;

    fn try_from(row: ConsentRow) -> Result<Self> {
        let grantee = match (row.grantee_kind.as_str(), row.grantee_id) {
            ("person", Some(person)) => Grantee::Person(person),
            ("team", Some(team)) => Grantee::Team(team),
            ("hat", team) => Grantee::Hat(row.grantee_hat, team),
            _ => {
                return Err(Error::Inconsistent {
                    table: "consent",
                    row: row.id.to_string(),
                    problem: "its grantee is not known".into(),
                });
            }
        };
        Ok(Self {
            id: ConsentId(row.id),
            person: PersonId(row.person_id),
            terms: Terms { part: row.part, purpose: row.purpose, grantee },
            period: Period { valid_from: row.valid_from, valid_until: row.valid_until },
            state: words::consent_state(&row.state, row.id)?,
            version: row.version,
            given_at: row.given_at,
        })
    }
}

/// A grantee as its three columns.
fn columns(grantee: &Grantee) -> (&'static str, Option<Uuid>, &str) {
    match grantee {
        Grantee::Person(person) => ("person", Some(*person), ""),
        Grantee::Team(team) => ("team", Some(*team), ""),
        Grantee::Hat(hat, team) => ("hat", *team, hat),
    }
}

/// The words in force on a day.
pub async fn words_on(tx: &mut Tx, day: NaiveDate) -> Result<Vec<Word>> {
    let rows = sqlx::query!(
        "select kind, word, meaning from consent_word w
         where valid_from <= $1 and (valid_until is null or valid_until > $1)
             and not exists (select from consent_word later where later.kind = w.kind and later.word = w.word
                 and later.valid_from > w.valid_from and later.valid_from <= $1)
         order by kind, word",
        day
    )
    .fetch_all(tx.conn())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let kind = words::consent_word_kind(&row.kind, &row.word)?;
        found.push(Word { kind, text: row.word, meaning: row.meaning });
    }
    Ok(found)
}

/// Reads a consent.
pub async fn load(tx: &mut Tx, id: ConsentId) -> Result<Option<Consent>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ConsentRow,
        "select id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until, state,
             version, given_at
         from consent where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Consent::try_from).transpose()
}

/// Reads a consent and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: ConsentId) -> Result<Option<Consent>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ConsentRow,
        "select id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until, state,
             version, given_at
         from consent where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Consent::try_from).transpose()
}

/// Reads the one consent of somebody that says this and is not withdrawn, and locks it until the transaction ends.
pub async fn open_for_update(tx: &mut Tx, person: PersonId, terms: &Terms) -> Result<Option<Consent>> {
    let tenant = tx.tenant();
    let (kind, id, hat) = columns(&terms.grantee);
    let row = sqlx::query_as!(
        ConsentRow,
        "select id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until, state,
             version, given_at
         from consent where tenant_id = $1 and person_id = $2 and part = $3 and purpose = $4 and grantee_kind = $5
             and grantee_id is not distinct from $6 and grantee_hat = $7 and state = 'given'
         for update",
        tenant.0,
        person.0,
        terms.part,
        terms.purpose,
        kind,
        id,
        hat
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Consent::try_from).transpose()
}

/// Reads all consents of somebody that are not withdrawn, and locks them until the transaction ends.
pub async fn all_open_for_update(tx: &mut Tx, person: PersonId) -> Result<Vec<Consent>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ConsentRow,
        "select id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until, state,
             version, given_at
         from consent where tenant_id = $1 and person_id = $2 and state = 'given' order by id for update",
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Consent::try_from).collect()
}

/// Lists somebody's consents, newest first; one more than the page holds.
pub async fn list_of_person(
    tx: &mut Tx,
    person: PersonId,
    with_withdrawn: bool,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Consent>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        ConsentRow,
        "select id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until, state,
             version, given_at
         from consent where tenant_id = $1 and person_id = $2 and ($3 or state = 'given')
             and ($4::timestamptz is null or (given_at, id) < ($4, $5))
         order by given_at desc, id desc limit $6",
        tenant.0,
        person.0,
        with_withdrawn,
        after_time,
        after_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Consent::try_from).collect()
}

/// Everything that a consent ever was, oldest first.
pub async fn history(tx: &mut Tx, id: ConsentId) -> Result<Vec<Version>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select version, state, valid_from, valid_until, changed_by, changed_at from consent_version
         where tenant_id = $1 and consent_id = $2 order by version",
        tenant.0,
        id.0
    )
    .fetch_all(tx.conn())
    .await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        versions.push(Version {
            number: row.version,
            state: words::consent_state(&row.state, id)?,
            period: Period { valid_from: row.valid_from, valid_until: row.valid_until },
            changed_by: PersonId(row.changed_by),
            changed_at: row.changed_at,
        });
    }
    Ok(versions)
}

/// Writes a new consent. Whoever gave the same at the same moment was quicker.
pub async fn insert(tx: &mut Tx, consent: &Consent) -> Result<()> {
    let tenant = tx.tenant();
    let (kind, id, hat) = columns(&consent.terms.grantee);
    sqlx::query!(
        "insert into consent (tenant_id, id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat,
             valid_from, valid_until, state, version, given_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        tenant.0,
        consent.id.0,
        consent.person.0,
        consent.terms.part,
        consent.terms.purpose,
        kind,
        id,
        hat,
        consent.period.valid_from,
        consent.period.valid_until,
        words::consent_state_word(consent.state),
        consent.version,
        consent.given_at,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| match error.as_database_error().and_then(|database| database.constraint()) {
        Some("consent_open_once" | "consent_pk") => Common::Contended.into(),
        _ => Error::Database(error),
    })?;
    add_version(tx, consent).await
}

/// Writes a consent whose version was raised.
pub async fn save(tx: &mut Tx, consent: &Consent) -> Result<()> {
    let tenant = tx.tenant();
    let saved = sqlx::query!(
        "update consent set valid_from = $4, valid_until = $5, state = $6, version = $3::bigint
         where tenant_id = $1 and id = $2 and version = $3::bigint - 1",
        tenant.0,
        consent.id.0,
        consent.version,
        consent.period.valid_from,
        consent.period.valid_until,
        words::consent_state_word(consent.state),
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)?;
    add_version(tx, consent).await
}

async fn add_version(tx: &mut Tx, consent: &Consent) -> Result<()> {
    let (tenant, person, now) = (tx.tenant(), tx.person()?, tx.now());
    sqlx::query!(
        "insert into consent_version
             (tenant_id, consent_id, version, state, valid_from, valid_until, changed_by, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        consent.id.0,
        consent.version,
        words::consent_state_word(consent.state),
        consent.period.valid_from,
        consent.period.valid_until,
        person.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Somebody's consents in force on a day to a part of their record for one of these purposes, whoever is meant; newest first.
pub async fn in_force(
    tx: &mut Tx,
    person: PersonId,
    part: &str,
    purposes: &[&str],
    day: NaiveDate,
) -> Result<Vec<Consent>> {
    let tenant = tx.tenant();
    let purposes: Vec<String> = purposes.iter().map(|purpose| (*purpose).to_owned()).collect();
    let rows = sqlx::query_as!(
        ConsentRow,
        "select id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat, valid_from, valid_until, state,
             version, given_at
         from consent
         where tenant_id = $1 and person_id = $2 and part = $3 and purpose = any($4) and state = 'given'
             and valid_from <= $5 and $5 < valid_until
         order by given_at desc, id",
        tenant.0,
        person.0,
        part,
        &purposes,
        day,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Consent::try_from).collect()
}
