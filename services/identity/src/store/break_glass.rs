//! Chosen contacts, reviews and notices of emergency looks.

use chrono::{DateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::break_glass::{Closed, Look, Notice, Review, ToldAs};
use crate::domain::person::Role;

/// Whom somebody chose to be told.
pub async fn contact_of(tx: &mut Tx, person: PersonId) -> Result<Option<PersonId>> {
    let tenant = tx.tenant();
    let contact = sqlx::query_scalar!(
        "select contact_id from chosen_contact where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(contact.map(PersonId))
}

/// Writes down whom somebody chose.
pub async fn choose_contact(tx: &mut Tx, person: PersonId, contact: PersonId) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into chosen_contact (tenant_id, person_id, contact_id, chosen_at) values ($1, $2, $3, $4)
         on conflict on constraint chosen_contact_pk do update set contact_id = $3, chosen_at = $4",
        tenant.0,
        person.0,
        contact.0,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets whom somebody chose.
pub async fn forget_contact(tx: &mut Tx, person: PersonId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from chosen_contact where tenant_id = $1 and person_id = $2", tenant.0, person.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Everybody with a role.
pub async fn holders_of(tx: &mut Tx, role: Role) -> Result<Vec<PersonId>> {
    let tenant = tx.tenant();
    let holders = sqlx::query_scalar!(
        "select person_id from person_role where tenant_id = $1 and role = $2 order by person_id",
        tenant.0,
        words::role_word(role)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(holders.into_iter().map(PersonId).collect())
}

/// Opens the review of an emergency look, where there is none yet.
pub async fn insert_review(tx: &mut Tx, look: &Look) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into break_glass_review (tenant_id, break_glass_id, service, person_id, opened_by, opened_at)
         values ($1, $2, $3, $4, $5, $6) on conflict on constraint break_glass_review_pk do nothing",
        tenant.0,
        look.id,
        look.service,
        look.person.0,
        look.opened_by.0,
        look.opened_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tells people of an emergency look, each once.
pub async fn tell(tx: &mut Tx, look: &Look, told: &[(PersonId, ToldAs)]) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let people: Vec<Uuid> = told.iter().map(|(person, _)| person.0).collect();
    let told_as: Vec<String> =
        told.iter().map(|(_, told_as)| words::told_word(*told_as).to_owned()).collect();
    sqlx::query!(
        "insert into break_glass_notice
             (tenant_id, told_person_id, break_glass_id, told_as, service, person_id, opened_at, told_at)
         select $1, told.person, $2, told.told_as, $3, $4, $5, $6
         from unnest($7::uuid[], $8::text[]) as told (person, told_as)
         on conflict on constraint break_glass_notice_pk do nothing",
        tenant.0,
        look.id,
        look.service,
        look.person.0,
        look.opened_at,
        now,
        &people,
        &told_as
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Who was told of which look since then.
pub async fn told_since(tx: &mut Tx, since: DateTime<Utc>) -> Result<Vec<(PersonId, Uuid)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select distinct told_person_id, break_glass_id from break_glass_notice
         where tenant_id = $1 and told_at > $2 order by told_person_id, break_glass_id",
        tenant.0,
        since
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (PersonId(row.told_person_id), row.break_glass_id)).collect())
}

/// Lists what somebody was told, newest first; one more than the page holds.
pub async fn notices_of(
    tx: &mut Tx,
    person: PersonId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Notice>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        NoticeRow,
        "select break_glass_id, told_as, service, person_id, opened_at from break_glass_notice
         where tenant_id = $1 and told_person_id = $2
             and ($3::timestamptz is null or (opened_at, break_glass_id) < ($3, $4))
         order by opened_at desc, break_glass_id desc limit $5",
        tenant.0,
        person.0,
        after_time,
        after_id,
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Notice::try_from).collect()
}

impl TryFrom<NoticeRow> for Notice {
    type Error = Error;

    fn try_from(row: NoticeRow) -> Result<Self> {
        Ok(Self {
            told_as: words::told(&row.told_as, row.break_glass_id)?,
            look_id: row.break_glass_id,
            service: row.service,
            person: PersonId(row.person_id),
            opened_at: row.opened_at,
        })
    }
}

struct NoticeRow {
    break_glass_id: Uuid,
    told_as: String,
    service: String,
    person_id: Uuid,
    opened_at: DateTime<Utc>,
}

struct ReviewRow {
    break_glass_id: Uuid,
    service: String,
    person_id: Uuid,
    opened_by: Uuid,
    opened_at: DateTime<Utc>,
    finding: Option<String>,
    closed_by: Option<Uuid>,
    closed_at: Option<DateTime<Utc>>,
}

impl TryFrom<ReviewRow> for Review {
    type Error = Error;

    fn try_from(row: ReviewRow) -> Result<Self> {
        let closed = match (row.finding, row.closed_by, row.closed_at) {
            (Some(finding), Some(by), Some(at)) => {
                Some(Closed { finding: words::finding(&finding, row.break_glass_id)?, by: PersonId(by), at })
            }
            _ => None,
        };
        let look = Look {
            id: row.break_glass_id,
            service: row.service,
            person: PersonId(row.person_id),
            opened_by: PersonId(row.opened_by),
            opened_at: row.opened_at,
        };
        Ok(Self { look, closed })
    }
}

/// Lists reviews, open ones first and then the newest; one more than the page holds.
pub async fn reviews(tx: &mut Tx, page: &Page<(bool, DateTime<Utc>, Uuid)>) -> Result<Vec<Review>> {
    let tenant = tx.tenant();
    let (closed, time, id) = match page.after {
        Some((closed, time, id)) => (Some(closed), Some(time), Some(id)),
        None => (None, None, None),
    };
    let rows = sqlx::query_as!(
        ReviewRow,
        "select break_glass_id, service, person_id, opened_by, opened_at, finding, closed_by, closed_at
         from break_glass_review
         where tenant_id = $1 and ($2::bool is null or (closed_at is not null) > $2
             or (closed_at is not null) = $2 and (opened_at, break_glass_id) < ($3, $4))
         order by (closed_at is not null), opened_at desc, break_glass_id desc limit $5",
        tenant.0,
        closed,
        time,
        id,
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Review::try_from).collect()
}

/// Reads a review and locks it until the transaction ends.
pub async fn review_for_update(tx: &mut Tx, look: Uuid) -> Result<Option<Review>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ReviewRow,
        "select break_glass_id, service, person_id, opened_by, opened_at, finding, closed_by, closed_at
         from break_glass_review where tenant_id = $1 and break_glass_id = $2 for update",
        tenant.0,
        look
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Review::try_from).transpose()
}

/// Writes how a review ended.
pub async fn save_closed(tx: &mut Tx, review: &Review, closed: Closed) -> Result<()> {
    let tenant = tx.tenant();
    let saved = sqlx::query!(
        "update break_glass_review set finding = $3, closed_by = $4, closed_at = $5
         where tenant_id = $1 and break_glass_id = $2 and closed_at is null",
        tenant.0,
        review.look.id,
        words::finding_word(closed.finding),
        closed.by.0,
        closed.at
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)
}
