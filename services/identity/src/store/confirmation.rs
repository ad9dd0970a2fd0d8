//! Addresses that wait to be confirmed, found by the hash of the code in the mail. Of no tenant.

use chrono::{DateTime, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::global::{Global, Work};
use crate::domain::AccountId;
use crate::domain::account::Email;
use crate::domain::confirmation::{Confirmation, Given, LIFETIME};
use crate::domain::invitation::Invitation;
use crate::domain::tenant::Slug;

/// Locks an open invitation until the transaction ends; answers how often mail was asked for with it.
pub async fn lock_invitation(work: &mut Work, code_hash: &[u8], now: DateTime<Utc>) -> Result<Option<i32>> {
    let asked = sqlx::query_scalar!(
        "select confirmations from signin.invitation
         where code_hash = $1 and taken_at is null and expires_at > $2 for update",
        code_hash,
        now
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(asked)
}

/// Counts that mail was asked for with an invitation.
pub async fn count_mail(work: &mut Work, code_hash: &[u8]) -> Result<()> {
    sqlx::query!(
        "update signin.invitation set confirmations = confirmations + 1 where code_hash = $1",
        code_hash
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The confirmation of an address that was given with that invitation before, and whether its mail still waits. The
/// invitation is locked.
pub async fn of_address(
    work: &mut Work,
    tenant: TenantId,
    person: PersonId,
    address: &Email,
) -> Result<Option<(Uuid, bool)>> {
    let row = sqlx::query!(
        r#"select c.id, exists (select from signin.mail m where m.confirmation_id = c.id) as "waits!"
         from signin.confirmation c where c.tenant_id = $1 and c.person_id = $2 and c.address = $3"#,
        tenant.0,
        person.0,
        address.as_str()
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| (row.id, row.waits)))
}

/// Keeps what was given with an invitation, for a day from now; what the same address gave before is replaced.
pub async fn keep(
    work: &mut Work,
    id: Uuid,
    code_hash: &[u8],
    invitation: &Invitation,
    given: &Given,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into signin.confirmation
             (id, code_hash, tenant_id, person_id, address, password_hash, asked_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint confirmation_pk do update set
             password_hash = $6, asked_at = $7, expires_at = $8",
        id,
        code_hash,
        invitation.tenant.0,
        invitation.person.0,
        given.address.as_str(),
        given.password_hash,
        now,
        now + LIFETIME,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The confirmation of a code.
pub async fn find(global: &Global, code_hash: &[u8]) -> Result<Option<Confirmation>> {
    let row = sqlx::query!(
        r#"select c.id, c.address, c.password_hash, c.expires_at, i.tenant_id, i.person_id, i.taken_by,
             i.code_hash as invitation_hash, i.expires_at as invitation_expires_at, r.slug
         from signin.confirmation c
         join signin.invitation i on i.tenant_id = c.tenant_id and i.person_id = c.person_id
         join signin.tenant_registry r on r.tenant_id = i.tenant_id
         where c.code_hash = $1"#,
        code_hash
    )
    .fetch_optional(global.pool()?)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let wrong = |table, row: Uuid, problem: &str| Error::Inconsistent {
        table,
        row: row.to_string(),
        problem: problem.into(),
    };
    let given = match (row.address, row.password_hash) {
        (Some(address), Some(password_hash)) => {
            let address = Email::parse(&address);
            let address = address.ok_or_else(|| wrong("confirmation", row.id, "its address is none"))?;
            Some(Given { address, password_hash })
        }
        _ => None,
    };
    let slug = Slug::parse(&row.slug);
    let slug = slug.ok_or_else(|| wrong("tenant_registry", row.tenant_id, "its slug has no such form"))?;
    let invitation = Invitation {
        tenant: TenantId(row.tenant_id),
        slug,
        person: PersonId(row.person_id),
        expires_at: row.invitation_expires_at,
        taken_by: row.taken_by.map(AccountId),
    };
    Ok(Some(Confirmation {
        id: row.id,
        expires_at: row.expires_at,
        given,
        invitation,
        invitation_hash: row.invitation_hash,
    }))
}

/// Confirms an address: what was given with it is forgotten, and so are the other addresses that were given with the same
/// invitation, with the mail to them.
pub async fn confirm(work: &mut Work, confirmation: &Confirmation, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update signin.confirmation set address = null, password_hash = null, confirmed_at = $2 where id = $1",
        confirmation.id,
        now
    )
    .execute(work.conn())
    .await?;
    let (tenant, person) = (confirmation.invitation.tenant, confirmation.invitation.person);
    sqlx::query!(
        "delete from signin.confirmation where tenant_id = $1 and person_id = $2 and id <> $3",
        tenant.0,
        person.0,
        confirmation.id
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Forgets what was not confirmed in time, and with which nothing can be repeated any more. Where its mail still waits, that
/// is given up first.
pub async fn forget_old(global: &Global, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "delete from signin.confirmation c where c.expires_at <= $1
             and not exists (select from signin.mail m where m.confirmation_id = c.id)",
        now
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}
