//! What sign-in keeps of somebody: for them to read, and to be forgotten. Of no tenant.

use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId};

use super::global::{Global, Work};

/// What sign-in keeps of a person, secrets left out: the table and the row as JSON.
pub async fn sign_in_rows(
    global: &Global,
    tenant: TenantId,
    person: PersonId,
) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        r#"with place as (
             select * from signin.sign_in_place where tenant_id = $1 and person_id = $2
         )
         select 'signin.account' as "table!", (to_jsonb(a) - 'password_hash')::text as "json!"
             from signin.account a join place on place.account_id = a.id
         union all select 'signin.sign_in_place', to_jsonb(p)::text from place p
         union all select 'signin.invitation', (to_jsonb(i) - 'code_hash')::text
             from signin.invitation i where i.tenant_id = $1 and i.person_id = $2
         union all select 'signin.refresh_family', to_jsonb(f)::text
             from signin.refresh_family f where f.tenant_id = $1 and f.person_id = $2
         union all select 'signin.passkey', (to_jsonb(k) - 'credential')::text
             from signin.passkey k join place on place.account_id = k.account_id
         union all select 'signin.provider_link', to_jsonb(l)::text
             from signin.provider_link l join place on place.account_id = l.account_id
             where l.tenant_id = $1
         union all select 'signin.recovery_code', (to_jsonb(c) - 'code_hash')::text
             from signin.recovery_code c join place on place.account_id = c.account_id
         union all select 'signin.ceremony', (to_jsonb(b) - 'state')::text
             from signin.ceremony b join place on place.account_id = b.account_id
             where b.tenant_id = $1
         union all select 'signin.reused_session', to_jsonb(u)::text
             from signin.reused_session u join place on place.account_id = u.account_id
             where u.tenant_id = $1
         union all select 'signin.tenant_registry', to_jsonb(r)::text
             from signin.tenant_registry r where r.tenant_id = $1 and r.administrator_person_id = $2
         order by 1, 2"#,
        tenant.0,
        person.0,
    )
    .fetch_all(global.pool()?)
    .await?;
    Ok(rows.into_iter().map(|row| (row.table, row.json)).collect())
}

/// Forgets how a person signs in to a tenant, and the account with its address where it leads nowhere else. Harmless to
/// repeat.
pub async fn forget_sign_in(work: &mut Work, tenant: TenantId, person: PersonId) -> Result<()> {
    sqlx::query!(
        "delete from signin.refresh_family where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .execute(work.conn())
    .await?;
    sqlx::query!("delete from signin.invitation where tenant_id = $1 and person_id = $2", tenant.0, person.0)
        .execute(work.conn())
        .await?;
    let account = sqlx::query_scalar!(
        "delete from signin.sign_in_place where tenant_id = $1 and person_id = $2 returning account_id",
        tenant.0,
        person.0
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(account) = account else {
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
    // An account that gets a place at this moment is kept by its foreign key: then this is tried again.
    sqlx::query!(
        "with leads_nowhere as (
             select a.id from signin.account a where a.id = $1 and not a.is_operator
                 and not exists (select from signin.sign_in_place p where p.account_id = $1)
         ), codes as (
             delete from signin.recovery_code c using leads_nowhere l where c.account_id = l.id
         ), ceremonies as (
             delete from signin.ceremony c using leads_nowhere l where c.account_id = l.id
         ), reused as (
             delete from signin.reused_session u using leads_nowhere l where u.account_id = l.id
         ), links as (
             delete from signin.provider_link k using leads_nowhere l where k.account_id = l.id
         )
         delete from signin.passkey k using leads_nowhere l where k.account_id = l.id",
        account
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "delete from signin.refresh_family f using signin.account a
         where f.account_id = $1 and a.id = $1 and not a.is_operator
             and not exists (select from signin.sign_in_place p where p.account_id = $1)",
        account
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "delete from signin.account a where a.id = $1 and not a.is_operator
             and not exists (select from signin.sign_in_place p where p.account_id = $1)",
        account
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
