//! Who acts for whom.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::RepresentativeId;
use crate::domain::representative::{Basis, Representative};

struct Row {
    id: Uuid,
    person_id: Uuid,
    representative_person_id: Uuid,
    basis: String,
    scopes: Vec<String>,
    valid_from: NaiveDate,
    valid_until: Option<NaiveDate>,
    recorded_by: Uuid,
    recorded_at: DateTime<Utc>,
    confirmed_by: Option<Uuid>,
    confirmed_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    version: i64,
}

impl TryFrom<Row> for Representative {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let scopes: Result<_> = row.scopes.iter().map(|scope| words::scope(scope, row.id)).collect();
        Ok(Self {
            id: RepresentativeId(row.id),
            person: PersonId(row.person_id),
            acting: PersonId(row.representative_person_id),
            basis: words::basis(&row.basis, row.id)?,
            scopes: scopes?,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            recorded_by: PersonId(row.recorded_by),
            recorded_at: row.recorded_at,
            confirmed: row.confirmed_by.map(PersonId).zip(row.confirmed_at),
            ended_at: row.ended_at,
            version: row.version,
        })
    }
}

/// Reads a representation and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: RepresentativeId) -> Result<Option<Representative>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, person_id, representative_person_id, basis, scopes, valid_from, valid_until, recorded_by,
             recorded_at, confirmed_by, confirmed_at, ended_at, version
         from representative where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Representative::try_from).transpose()
}

/// Lists who represents a person, newest first; one more than the page holds.
pub async fn list(
    tx: &mut Tx,
    person: PersonId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Representative>> {
    let tenant = tx.tenant();
    let (before_time, before_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "select id, person_id, representative_person_id, basis, scopes, valid_from, valid_until, recorded_by,
             recorded_at, confirmed_by, confirmed_at, ended_at, version
         from representative
         where tenant_id = $1 and person_id = $2
             and ($3::timestamptz is null or (recorded_at, id) < ($3, $4))
         order by recorded_at desc, id desc limit $5",
        tenant.0,
        person.0,
        before_time,
        before_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Representative::try_from).collect()
}

/// Whether somebody represents a person: recorded or confirmed, and not ended.
pub async fn represents(tx: &mut Tx, representative: PersonId, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (select from representative where tenant_id = $1 and person_id = $2
             and representative_person_id = $3 and ended_at is null) as "found!""#,
        tenant.0,
        person.0,
        representative.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// The representations that have not ended in which somebody is on either side, locked.
pub async fn of_either_side(tx: &mut Tx, person: PersonId) -> Result<Vec<Representative>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        "select id, person_id, representative_person_id, basis, scopes, valid_from, valid_until, recorded_by,
             recorded_at, confirmed_by, confirmed_at, ended_at, version
         from representative
         where tenant_id = $1 and (person_id = $2 or representative_person_id = $2) and ended_at is null
         order by id for update",
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Representative::try_from).collect()
}

/// Writes a new representation; both must be people of the tenant.
pub async fn insert(tx: &mut Tx, one: &Representative) -> Result<()> {
    let tenant = tx.tenant();
    let scopes: Vec<String> = one.scopes.iter().map(|scope| words::scope_word(*scope).to_owned()).collect();
    sqlx::query!(
        "insert into representative (tenant_id, id, person_id, representative_person_id, basis, scopes, valid_from,
             valid_until, recorded_by, recorded_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant.0,
        one.id.0,
        one.person.0,
        one.acting.0,
        words::basis_word(one.basis),
        &scopes,
        one.valid_from,
        one.valid_until,
        one.recorded_by.0,
        one.recorded_at,
        one.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "representative_pk", || Common::Contended))?;
    Ok(())
}

/// Writes that it was confirmed or ended, and raises its version.
pub async fn save(tx: &mut Tx, one: &mut Representative) -> Result<()> {
    let tenant = tx.tenant();
    let (confirmed_by, confirmed_at) = one.confirmed.unzip();
    let saved = sqlx::query!(
        "update representative set valid_until = $4, confirmed_by = $5, confirmed_at = $6, ended_at = $7,
             version = version + 1
         where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        one.id.0,
        one.version,
        one.valid_until,
        confirmed_by.map(|person| person.0),
        confirmed_at,
        one.ended_at,
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)?;
    one.version += 1;
    Ok(())
}

/// On which basis somebody acts for a person in health and welfare on a day, if they do and somebody saw the basis.
pub async fn acts_on(
    tx: &mut Tx,
    acting: PersonId,
    person: PersonId,
    day: NaiveDate,
) -> Result<Option<Basis>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select id, basis from representative
         where tenant_id = $1 and person_id = $2 and representative_person_id = $3 and ended_at is null
             and 'health_and_welfare' = any(scopes) and confirmed_at is not null
             and valid_from <= $4 and (valid_until is null or $4 < valid_until)
         order by valid_from, id limit 1",
        tenant.0,
        person.0,
        acting.0,
        day,
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| words::basis(&row.basis, row.id)).transpose()
}

/// Whether somebody is written down as acting for a person, in whatever matters and from whenever, and that has not ended.
pub async fn stands_for(tx: &mut Tx, acting: PersonId, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let stands = sqlx::query_scalar!(
        r#"select exists (select from representative
             where tenant_id = $1 and person_id = $2 and representative_person_id = $3 and ended_at is null) as "stands!""#,
        tenant.0,
        person.0,
        acting.0,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(stands)
}
