//! The roles of the organisation with their dates: who holds or held which from when until when.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use super::words;
use crate::domain::person::{Ends, Person, Role, Roles, Term};

/// Opens a term for each role that somebody holds now without one, and ends those of roles that they hold no more.
pub async fn follow(tx: &mut Tx, person: &Person) -> Result<()> {
    let (tenant, today) = (tx.tenant(), tx.today()?);
    let roles: Vec<String> = person.roles.iter().map(|role| words::role_word(*role).to_owned()).collect();
    sqlx::query!(
        "update role_term set valid_until = greatest(valid_from, $3)
         where tenant_id = $1 and person_id = $2 and (valid_until is null or valid_until > $3) and role <> all($4)",
        tenant.0,
        person.id.0,
        today,
        &roles,
    )
    .execute(tx.conn())
    .await?;
    let ids: Vec<Uuid> = roles.iter().map(|_| tx.new_id()).collect();
    sqlx::query!(
        "insert into role_term (tenant_id, id, person_id, role, valid_from)
         select $1, held.id, $2, held.role, $3 from unnest($4::uuid[], $5::text[]) as held (id, role)
         where not exists (select from role_term t where t.tenant_id = $1 and t.person_id = $2 and t.role = held.role
             and (t.valid_until is null or t.valid_until > $3))",
        tenant.0,
        person.id.0,
        today,
        &ids,
        &roles,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes when the roles that somebody holds end by themselves; those that are not named have no end.
pub async fn set_ends(tx: &mut Tx, person: PersonId, ends: &Ends) -> Result<()> {
    let (tenant, today) = (tx.tenant(), tx.today()?);
    let roles: Vec<String> = ends.keys().map(|role| words::role_word(*role).to_owned()).collect();
    let days: Vec<NaiveDate> = ends.values().copied().collect();
    sqlx::query!(
        "update role_term t set valid_until = (
             select ending.day from unnest($4::text[], $5::date[]) as ending (role, day) where ending.role = t.role)
         where tenant_id = $1 and person_id = $2 and (valid_until is null or valid_until > $3)",
        tenant.0,
        person.0,
        today,
        &roles,
        &days,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The roles of somebody, newest first.
pub async fn list(tx: &mut Tx, person: PersonId) -> Result<Vec<Term>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select id, role, valid_from, valid_until from role_term where tenant_id = $1 and person_id = $2
         order by valid_from desc, id desc limit 200",
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    let term = |(id, role, valid_from, valid_until): (Uuid, String, _, _)| {
        Ok(Term { role: words::role(&role, id)?, valid_from, valid_until })
    };
    rows.into_iter().map(|row| term((row.id, row.role, row.valid_from, row.valid_until))).collect()
}

/// Who still has roles whose day has come, at most a hundred, with those roles.
pub async fn over(tx: &mut Tx, today: NaiveDate) -> Result<Vec<(PersonId, Roles)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select r.person_id, array_agg(r.role) as "roles!" from person_role r
         where r.tenant_id = $1
             and exists (select from role_term t where t.tenant_id = $1 and t.person_id = r.person_id
                 and t.role = r.role and t.valid_until <= $2)
             and not exists (select from role_term t where t.tenant_id = $1 and t.person_id = r.person_id
                 and t.role = r.role and (t.valid_until is null or t.valid_until > $2))
         group by r.person_id order by r.person_id limit 100"#,
        tenant.0,
        today,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut over = Vec::with_capacity(rows.len());
    for row in rows {
        let roles: Result<Vec<Role>> =
            row.roles.iter().map(|word| words::role(word, row.person_id)).collect();
        over.push((PersonId(row.person_id), roles?.into_iter().collect()));
    }
    Ok(over)
}
