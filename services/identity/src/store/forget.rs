//! Forgetting how somebody signs in, and an account that leads nowhere. Of no tenant.

use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::global::Work;

/// Forgets how a person signs in to a tenant, also one who has left it, and the account with its address: at once where
/// it leads nowhere else, otherwise with its last place. Harmless to repeat.
pub async fn sign_in(work: &mut Work, tenant: TenantId, person: PersonId) -> Result<()> {
    sqlx::query!(
        "delete from signin.refresh_family where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .execute(work.conn())
    .await?;
    let taken_by = sqlx::query_scalar!(
        "delete from signin.invitation where tenant_id = $1 and person_id = $2 returning taken_by",
        tenant.0,
        person.0
    )
    .fetch_optional(work.conn())
    .await?;
    readers(work, tenant, person).await?;
    // What was said of two places goes with the place.
    let had_place = sqlx::query_scalar!(
        "delete from signin.sign_in_place where tenant_id = $1 and person_id = $2 returning account_id",
        tenant.0,
        person.0
    )
    .fetch_optional(work.conn())
    .await?;
    // Who has left has no place; the invitation knows which account took it up.
    let Some(account) = had_place.or(taken_by.flatten()) else {
        return Ok(());
    };
    sqlx::query!(
        "delete from signin.provider_link where account_id = $1 and tenant_id = $2",
        account,
        tenant.0
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "delete from signin.reused_session where account_id = $1 and tenant_id = $2",
        account,
        tenant.0
    )
    .execute(work.conn())
    .await?;
    // Mail about an invitation or a confirmation goes with the invitation, mail to an account with the account.
    sqlx::query!("delete from signin.mail where account_id = $1 and tenant_id = $2", account, tenant.0)
        .execute(work.conn())
        .await?;
    sqlx::query!("update signin.account set forget_with_last_place = true where id = $1", account)
        .execute(work.conn())
        .await?;
    account_without_place(work, account).await
}

/// Forgets that a person may see in which other places others are.
pub async fn readers(work: &mut Work, tenant: TenantId, person: PersonId) -> Result<()> {
    sqlx::query!(
        "delete from signin.place_link_reader where tenant_id = $1 and reader_person_id = $2",
        tenant.0,
        person.0
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Forgets an account that an erasure would have taken with it, if it leads nowhere now.
pub async fn account_without_place(work: &mut Work, account: Uuid) -> Result<()> {
    // Locked before its places are looked at, so that it gets none meanwhile: a new place refers to it.
    sqlx::query!("select id from signin.account where id = $1 for update", account)
        .fetch_optional(work.conn())
        .await?;
    let leads_nowhere = sqlx::query_scalar!(
        r#"select exists (select from signin.account a
             where a.id = $1 and a.forget_with_last_place and not a.is_operator
                 and not exists (select from signin.sign_in_place p where p.account_id = a.id)) as "nowhere!""#,
        account
    )
    .fetch_one(work.conn())
    .await?;
    if !leads_nowhere {
        return Ok(());
    }
    sqlx::query!("delete from signin.recovery_code where account_id = $1", account)
        .execute(work.conn())
        .await?;
    sqlx::query!("delete from signin.reused_session where account_id = $1", account)
        .execute(work.conn())
        .await?;
    sqlx::query!("delete from signin.ceremony where account_id = $1", account).execute(work.conn()).await?;
    sqlx::query!("delete from signin.provider_link where account_id = $1", account)
        .execute(work.conn())
        .await?;
    sqlx::query!("delete from signin.passkey where account_id = $1", account).execute(work.conn()).await?;
    sqlx::query!("delete from signin.refresh_family where account_id = $1", account)
        .execute(work.conn())
        .await?;
    // Those that it took up in places it has left since.
    sqlx::query!("delete from signin.invitation where taken_by = $1", account).execute(work.conn()).await?;
    sqlx::query!("delete from signin.account where id = $1", account).execute(work.conn()).await?;
    Ok(())
}
