//! Links between two places of one account. Of no tenant: no tenant's rows hold anything of another.

use chrono::{DateTime, Utc};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::global::{Global, Work};
use crate::domain::AccountId;
use crate::domain::place_link::Link;
use crate::domain::tenant::Slug;

/// The account's other place of that short name; both places stay the account's until the transaction ends. None where
/// either is not.
pub async fn other_place(
    work: &mut Work,
    account: AccountId,
    tenant: TenantId,
    place: &Slug,
) -> Result<Option<TenantId>> {
    let both = sqlx::query_scalar!(
        "select p.tenant_id from signin.sign_in_place p join signin.tenant_registry r on r.tenant_id = p.tenant_id
         where p.account_id = $1 and p.joined_at is not null and (p.tenant_id = $2 or r.slug = $3)
         order by p.tenant_id for key share of p",
        account.0,
        tenant.0,
        place.as_str(),
    )
    .fetch_all(work.conn())
    .await?;
    if both.len() != 2 {
        return Ok(None);
    }
    Ok(both.into_iter().find(|id| *id != tenant.0).map(TenantId))
}

/// Keeps that it was said in a place; answers whether it was said in the other one too.
pub async fn say(
    work: &mut Work,
    account: AccountId,
    tenant: TenantId,
    other: TenantId,
    now: DateTime<Utc>,
) -> Result<bool> {
    sqlx::query!(
        "insert into signin.place_link (account_id, tenant_id, other_tenant_id, said_at) values ($1, $2, $3, $4)
         on conflict on constraint place_link_pk do nothing",
        account.0,
        tenant.0,
        other.0,
        now,
    )
    .execute(work.conn())
    .await?;
    stands(work, account, tenant, other).await
}

/// Whether it was said in both places.
pub async fn stands(work: &mut Work, account: AccountId, tenant: TenantId, other: TenantId) -> Result<bool> {
    let both = sqlx::query_scalar!(
        r#"select count(*) = 2 as "both!" from signin.place_link
           where account_id = $1
               and (tenant_id = $2 and other_tenant_id = $3 or tenant_id = $3 and other_tenant_id = $2)"#,
        account.0,
        tenant.0,
        other.0,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(both)
}

/// Says who of a place may see it: exactly these. Who takes the link back meanwhile takes this back too.
pub async fn show(
    work: &mut Work,
    account: AccountId,
    tenant: TenantId,
    other: TenantId,
    readers: &[PersonId],
    now: DateTime<Utc>,
) -> Result<()> {
    let readers: Vec<Uuid> = readers.iter().map(|reader| reader.0).collect();
    sqlx::query!(
        "delete from signin.place_link_reader
         where account_id = $1 and tenant_id = $2 and other_tenant_id = $3 and reader_person_id <> all($4)",
        account.0,
        tenant.0,
        other.0,
        &readers,
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "insert into signin.place_link_reader (account_id, tenant_id, other_tenant_id, reader_person_id, shown_at)
         select distinct $1::uuid, $2::uuid, $3::uuid, reader, $5::timestamptz from unnest($4::uuid[]) as r (reader)
         on conflict on constraint place_link_reader_pk do nothing",
        account.0,
        tenant.0,
        other.0,
        &readers,
        now,
    )
    .execute(work.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "place_link_reader_of_link", || Common::Contended))?;
    Ok(())
}

/// Takes a link back, on both sides and from everybody. What is not there is taken back already.
pub async fn withdraw(global: &Global, account: AccountId, tenant: TenantId, place: &Slug) -> Result<()> {
    sqlx::query!(
        "delete from signin.place_link l using signin.tenant_registry r
         where l.account_id = $1 and r.slug = $3
             and (l.tenant_id = $2 and l.other_tenant_id = r.tenant_id
                 or l.tenant_id = r.tenant_id and l.other_tenant_id = $2)",
        account.0,
        tenant.0,
        place.as_str(),
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// The links of a person that stand, by short names.
pub async fn of_person(global: &Global, tenant: TenantId, person: PersonId) -> Result<Vec<Link>> {
    let rows = sqlx::query!(
        r#"select r.slug, r.display_name, greatest(here.said_at, there.said_at) as "since!",
             array(select d.reader_person_id from signin.place_link_reader d
                   where d.account_id = here.account_id and d.tenant_id = here.tenant_id
                       and d.other_tenant_id = here.other_tenant_id order by 1) as "readers!"
         from signin.sign_in_place p
         join signin.place_link here on here.account_id = p.account_id and here.tenant_id = p.tenant_id
         join signin.place_link there on there.account_id = here.account_id
             and there.tenant_id = here.other_tenant_id and there.other_tenant_id = here.tenant_id
         join signin.tenant_registry r on r.tenant_id = here.other_tenant_id
         where p.tenant_id = $1 and p.person_id = $2 order by r.slug"#,
        tenant.0,
        person.0,
    )
    .fetch_all(global.pool()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Link {
            place: row.slug,
            display_name: row.display_name,
            since: row.since,
            readers: row.readers.into_iter().map(PersonId).collect(),
        })
        .collect())
}
