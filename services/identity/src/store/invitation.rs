//! Single-use codes, found by their hash. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, TenantId};

use super::global::{Global, Work};
use crate::domain::AccountId;
use crate::domain::account::Email;
use crate::domain::confirmation;
use crate::domain::invitation::{Invitation, LIFETIME, MOST_WRONG_TRIES};
use crate::domain::tenant::Slug;

/// Opens a person's one invitation; one that ran out unused, or asked for too much mail, is opened anew, one that is open or taken stays as it is (but
/// follows the code where the secret behind all codes was changed). Answers whether it was taken up and its person has
/// joined: until both are done, whoever took it up may need the code again.
pub async fn open(
    work: &mut Work,
    code_hash: &[u8],
    tenant: TenantId,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let taken = sqlx::query_scalar!(
        r#"insert into signin.invitation as i (code_hash, tenant_id, person_id, expires_at) values ($1, $2, $3, $4)
         on conflict on constraint invitation_person_once do update set
             code_hash = case when i.taken_at is null then $1 else i.code_hash end,
             expires_at = case when i.taken_at is null and (i.expires_at <= $5 or i.confirmations >= $6) then $4
                 else i.expires_at end,
             wrong_tries = case when i.taken_at is null and i.expires_at <= $5 then 0 else i.wrong_tries end,
             mailed_key = case when i.taken_at is null and (i.expires_at <= $5 or i.confirmations >= $6) then null
                 else i.mailed_key end,
             confirmations = case when i.taken_at is null and (i.expires_at <= $5 or i.confirmations >= $6) then 0
                 else i.confirmations end
         returning taken_at is not null and exists (
             select from signin.sign_in_place p where p.tenant_id = i.tenant_id and p.person_id = i.person_id
                 and p.joined_at is not null) as "taken!""#,
        code_hash,
        tenant.0,
        person.0,
        now + LIFETIME,
        now,
        confirmation::MOST_MAILS,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(taken)
}

/// The invitation of a code.
pub async fn find(global: &Global, code_hash: &[u8]) -> Result<Option<Invitation>> {
    let row = sqlx::query!(
        "select i.tenant_id, i.person_id, i.expires_at, i.taken_by, r.slug
         from signin.invitation i join signin.tenant_registry r on r.tenant_id = i.tenant_id
         where i.code_hash = $1",
        code_hash
    )
    .fetch_optional(global.pool()?)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let slug = Slug::parse(&row.slug).ok_or_else(|| Error::Inconsistent {
        table: "tenant_registry",
        row: row.tenant_id.to_string(),
        problem: "its slug has no such form".into(),
    })?;
    Ok(Some(Invitation {
        tenant: TenantId(row.tenant_id),
        slug,
        person: PersonId(row.person_id),
        expires_at: row.expires_at,
        taken_by: row.taken_by.map(AccountId),
    }))
}

/// Takes an open invitation up; answers whether it was open.
pub async fn take(work: &mut Work, code_hash: &[u8], account: AccountId, now: DateTime<Utc>) -> Result<bool> {
    let taken = sqlx::query!(
        "update signin.invitation set taken_at = $3, taken_by = $2, send_to = null
         where code_hash = $1 and taken_at is null and expires_at > $3",
        code_hash,
        account.0,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Counts a wrong password that was tried with an open code; after too many the code has run out, until somebody invites
/// again.
pub async fn count_wrong_try(global: &Global, code_hash: &[u8], now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update signin.invitation set wrong_tries = wrong_tries + 1,
             expires_at = case when wrong_tries + 1 >= $2 then least(expires_at, $3) else expires_at end
         where code_hash = $1 and taken_at is null",
        code_hash,
        MOST_WRONG_TRIES,
        now,
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Notes where an open invitation is to be sent; forgotten once it is taken up.
pub async fn note_address(
    global: &Global,
    tenant: TenantId,
    person: PersonId,
    address: &Email,
) -> Result<()> {
    sqlx::query!(
        "update signin.invitation set send_to = $3 where tenant_id = $1 and person_id = $2 and taken_at is null",
        tenant.0,
        person.0,
        address.as_str(),
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Notes that an open invitation is sent to an address, whose keyed hash is kept; answers whether it has to be: not where
/// it was sent there since it was opened.
pub async fn note_mailed(
    work: &mut Work,
    tenant: TenantId,
    person: PersonId,
    address: &Email,
    address_key: &[u8],
) -> Result<bool> {
    let noted = sqlx::query!(
        "update signin.invitation set send_to = $3, mailed_key = $4
         where tenant_id = $1 and person_id = $2 and taken_at is null and mailed_key is distinct from $4",
        tenant.0,
        person.0,
        address.as_str(),
        address_key,
    )
    .execute(work.conn())
    .await?;
    Ok(noted.rows_affected() == 1)
}
