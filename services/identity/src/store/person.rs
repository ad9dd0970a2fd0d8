//! People and their roles.

use chrono::{DateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::{role_term, words};
use crate::domain::person::{Person, Role, Roles};

struct PersonRow {
    id: Uuid,
    display_name: String,
    invited_at: DateTime<Utc>,
    joined_at: Option<DateTime<Utc>>,
    left_at: Option<DateTime<Utc>>,
    version: i64,
    roles: Vec<String>,
}

impl TryFrom<PersonRow> for Person {
    type Error = Error;

    fn try_from(row: PersonRow) -> Result<Self> {
        let roles: Result<Roles> = row.roles.iter().map(|word| words::role(word, row.id)).collect();
        Ok(Self {
            id: PersonId(row.id),
            display_name: row.display_name,
            roles: roles?,
            invited_at: row.invited_at,
            joined_at: row.joined_at,
            left_at: row.left_at,
            version: row.version,
        })
    }
}

/// Reads people by their ids, in no order; unknown ids are left out.
pub async fn load_all(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Person>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        PersonRow,
        r#"select id, display_name, invited_at, joined_at, left_at, version, array(
             select role from person_role r where r.tenant_id = $1 and r.person_id = p.id order by role) as "roles!"
         from person p where tenant_id = $1 and id = any($2)"#,
        tenant.0,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Person::try_from).collect()
}

/// Reads somebody and locks them until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: PersonId) -> Result<Option<Person>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        PersonRow,
        r#"select id, display_name, invited_at, joined_at, left_at, version, array(
             select role from person_role r where r.tenant_id = $1 and r.person_id = p.id order by role) as "roles!"
         from person p where tenant_id = $1 and id = $2 for update of p"#,
        tenant.0,
        id.0,
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Person::try_from).transpose()
}

/// Lists people by when they were invited; one more than the page holds.
pub async fn list(tx: &mut Tx, page: &Page<(DateTime<Utc>, Uuid)>) -> Result<Vec<Person>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        PersonRow,
        r#"select id, display_name, invited_at, joined_at, left_at, version, array(
             select role from person_role r where r.tenant_id = $1 and r.person_id = p.id order by role) as "roles!"
         from person p
         where tenant_id = $1 and ($2::timestamptz is null or (invited_at, id) > ($2, $3))
         order by invited_at, id limit $4"#,
        tenant.0,
        after_time,
        after_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Person::try_from).collect()
}

/// The hash over what somebody was invited with.
pub async fn content_hash(tx: &mut Tx, id: PersonId) -> Result<Option<Vec<u8>>> {
    let tenant = tx.tenant();
    let hash = sqlx::query_scalar!(
        "select content_hash from person where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(hash)
}

/// Whether anybody else who has joined is administrator.
pub async fn other_administrator(tx: &mut Tx, id: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (
             select from person_role r join person p on p.tenant_id = r.tenant_id and p.id = r.person_id
             where r.tenant_id = $1 and r.role = $3 and p.id <> $2 and p.joined_at is not null) as "found!""#,
        tenant.0,
        id.0,
        words::role_word(Role::Administrator),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// Writes a new person with their roles. Whoever made the same at the same moment was quicker.
pub async fn insert(tx: &mut Tx, person: &Person, content_hash: &[u8]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into person (tenant_id, id, display_name, content_hash, invited_at, joined_at, version)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        person.id.0,
        person.display_name,
        content_hash,
        person.invited_at,
        person.joined_at,
        person.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "person_pk", || Common::Contended))?;
    insert_roles(tx, person).await?;
    role_term::follow(tx, person).await
}

async fn insert_roles(tx: &mut Tx, person: &Person) -> Result<()> {
    let tenant = tx.tenant();
    let roles: Vec<String> = person.roles.iter().map(|role| words::role_word(*role).to_owned()).collect();
    if roles.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into person_role (tenant_id, person_id, role) select $1, $2, role from unnest($3::text[]) as r (role)",
        tenant.0,
        person.id.0,
        &roles,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes somebody's roles and whether they have joined, and raises their version.
pub async fn save(tx: &mut Tx, person: &mut Person) -> Result<()> {
    let tenant = tx.tenant();
    let saved = sqlx::query!(
        "update person set joined_at = $4, left_at = $5, version = version + 1
         where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        person.id.0,
        person.version,
        person.joined_at,
        person.left_at,
    )
    .execute(tx.conn())
    .await?;
    changed_one(&saved)?;
    person.version += 1;
    sqlx::query!("delete from person_role where tenant_id = $1 and person_id = $2", tenant.0, person.id.0)
        .execute(tx.conn())
        .await?;
    insert_roles(tx, person).await?;
    role_term::follow(tx, person).await
}
