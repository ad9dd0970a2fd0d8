//! What sign-in keeps of somebody, for them to read. Of no tenant.

use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId};

use super::global::Global;

/// What sign-in keeps of a person, secrets left out: the table and the row as JSON. In which other place somebody is is
/// left out too: a bundle is made in one place and may be handed on there; `ListPlaceLinks` tells the person.
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
         union all select 'signin.invitation', (to_jsonb(i) - 'code_hash' - 'mailed_key')::text
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
         union all select 'signin.confirmation', (to_jsonb(d) - 'code_hash' - 'password_hash')::text
             from signin.confirmation d where d.tenant_id = $1 and d.person_id = $2
         union all select 'signin.place_link', (to_jsonb(l) - 'other_tenant_id')::text
             from signin.place_link l join place on place.account_id = l.account_id
             where l.tenant_id = $1
         union all select 'signin.place_link_reader', (to_jsonb(d) - 'account_id' - 'other_tenant_id')::text
             from signin.place_link_reader d
             where d.tenant_id = $1
                 and (d.reader_person_id = $2 or d.account_id = (select account_id from place))
         union all select 'signin.mail', to_jsonb(m)::text from signin.mail m
             where m.tenant_id = $1 and (m.person_id = $2
                 or m.account_id = (select account_id from place)
                 or m.confirmation_id in (select d.id from signin.confirmation d
                     where d.tenant_id = $1 and d.person_id = $2))
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
