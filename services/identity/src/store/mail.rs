//! Mail that waits, and what it says. Of no tenant.

use chrono::{DateTime, Duration, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::global::{Global, Work};
use super::words;
use crate::domain::AccountId;
use crate::domain::account::Email;
use crate::domain::mail::{About, Kind, LEASE, Waiting};

/// For how long it is known that somebody was written to about an emergency look; longer than looks are searched for.
const LOOKS_KEPT: Duration = Duration::days(2);

/// Lets a mail wait. One of the same id is there already, or was sent.
pub async fn queue(work: &mut Work, id: Uuid, kind: Kind, about: About, now: DateTime<Utc>) -> Result<()> {
    let (person, confirmation, account) = match about {
        About::Invitation(_, person) => (Some(person.0), None, None),
        About::Confirmation(_, confirmation) => (None, Some(confirmation), None),
        About::Account(_, account) => (None, None, Some(account.0)),
    };
    sqlx::query!(
        "insert into signin.mail (id, kind, tenant_id, person_id, confirmation_id, account_id, created_at, next_attempt_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict on constraint mail_pk do nothing",
        id,
        words::mail_kind_word(kind),
        about.tenant().map(|tenant| tenant.0),
        person,
        confirmation,
        account,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Takes back the mail about an invitation that waits: another is sent in its place.
pub async fn take_back_invitation(work: &mut Work, tenant: TenantId, person: PersonId) -> Result<()> {
    sqlx::query!("delete from signin.mail where tenant_id = $1 and person_id = $2", tenant.0, person.0)
        .execute(work.conn())
        .await?;
    Ok(())
}

/// Takes the mail that is due longest, and keeps it from everybody else for a while: no transaction is open while a server
/// is talked to. Its address is looked up now.
pub async fn take_due(global: &Global, now: DateTime<Utc>) -> Result<Option<Waiting>> {
    let row = sqlx::query!(
        r#"update signin.mail m set attempts = m.attempts + 1, next_attempt_at = $2
         where m.id = (select d.id from signin.mail d where d.sent_at is null and d.next_attempt_at <= $1
             order by d.next_attempt_at, d.id limit 1 for update skip locked)
         returning m.id, m.kind, m.tenant_id, m.person_id, m.confirmation_id, m.account_id, m.created_at, m.attempts,
             coalesce(
                 (select a.email_lower from signin.account a where a.id = m.account_id),
                 (select c.address from signin.confirmation c where c.id = m.confirmation_id and c.expires_at > $1),
                 (select i.send_to from signin.invitation i
                     where i.tenant_id = m.tenant_id and i.person_id = m.person_id
                         and i.taken_at is null and i.expires_at > $1)) as address"#,
        now,
        now + LEASE,
    )
    .fetch_optional(global.pool()?)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let wrong = |problem: &str| Error::Inconsistent {
        table: "mail",
        row: row.id.to_string(),
        problem: problem.into(),
    };
    let tenant = row.tenant_id.map(TenantId);
    let about = match (tenant, row.person_id, row.confirmation_id, row.account_id) {
        (Some(tenant), Some(person), None, None) => About::Invitation(tenant, PersonId(person)),
        (Some(tenant), None, Some(confirmation), None) => About::Confirmation(tenant, confirmation),
        (tenant, None, None, Some(account)) => About::Account(tenant, AccountId(account)),
        _ => return Err(wrong("it is about nothing or several things")),
    };
    let to = match row.address {
        Some(address) => Some(Email::parse(&address).ok_or_else(|| wrong("its address is none"))?),
        None => None,
    };
    Ok(Some(Waiting {
        id: row.id,
        kind: words::mail_kind(&row.kind, row.id)?,
        about,
        created_at: row.created_at,
        attempts: row.attempts,
        to,
    }))
}

/// Tries a mail again later.
pub async fn try_later(global: &Global, mail: Uuid, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update signin.mail set next_attempt_at = $2 where id = $1", mail, at)
        .execute(global.pool()?)
        .await?;
    Ok(())
}

/// Forgets a mail that was sent or given up, with the address that an invitation was kept for.
pub async fn finish(global: &Global, mail: Uuid, now: DateTime<Utc>) -> Result<()> {
    let mut work = global.begin().await?;
    sqlx::query!("update signin.mail set sent_at = $2 where id = $1 and kind = 'emergency_look'", mail, now)
        .execute(work.conn())
        .await?;
    sqlx::query!(
        "with gone as (
             delete from signin.mail where id = $1 and kind <> 'emergency_look' returning tenant_id, person_id
         )
         update signin.invitation i set send_to = null from gone
         where i.tenant_id = gone.tenant_id and i.person_id = gone.person_id",
        mail
    )
    .execute(work.conn())
    .await?;
    work.commit().await
}

/// Forgets who was written to about an emergency look, once nobody asks any more.
pub async fn forget_old(global: &Global, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from signin.mail where sent_at <= $1", now - LOOKS_KEPT)
        .execute(global.pool()?)
        .await?;
    Ok(())
}

/// Subject and body of a kind of mail, as they are on that day.
pub async fn text(global: &Global, kind: Kind, now: DateTime<Utc>) -> Result<(String, String)> {
    let row = sqlx::query!(
        "select subject, body from signin.mail_text
         where kind = $1 and language = 'en' and valid_from <= $2 order by valid_from desc limit 1",
        words::mail_kind_word(kind),
        now.date_naive()
    )
    .fetch_optional(global.pool()?)
    .await?;
    let row = row.ok_or_else(|| Error::Inconsistent {
        table: "mail_text",
        row: words::mail_kind_word(kind).into(),
        problem: "there is no text for it".into(),
    })?;
    Ok((row.subject, row.body))
}

/// The accounts of people of one tenant; who has none is left out.
pub async fn accounts_of(
    global: &Global,
    tenant: TenantId,
    people: &[Uuid],
) -> Result<Vec<(PersonId, AccountId)>> {
    let rows = sqlx::query!(
        "select person_id, account_id from signin.sign_in_place where tenant_id = $1 and person_id = any($2)
         order by person_id",
        tenant.0,
        people
    )
    .fetch_all(global.pool()?)
    .await?;
    Ok(rows.into_iter().map(|row| (PersonId(row.person_id), AccountId(row.account_id))).collect())
}
