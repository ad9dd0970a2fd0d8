//! Who is in the tenant and in which organisation roles: each service's own copy of what identity tells, and the questions
//! to it.

use chrono::{DateTime, Utc};
use kith_proto::common::v1::{OrganisationRole, PersonSnapshot, RoleSnapshot};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::id::PersonId;
use crate::inbox::{Outcome, Received};

/// That somebody left the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Who.
    pub person: PersonId,
    /// When.
    pub left_at: DateTime<Utc>,
}

/// Keeps who is here: the handler of the aggregate `person` where nothing else follows from it.
pub async fn follow(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    departure(tx, event).await?;
    Ok(Outcome::Done)
}

/// As [`follow`], and answers that they left, where what they took part in has to end.
pub async fn departure(tx: &mut Tx, event: &Received) -> Result<Option<Departure>> {
    let state: PersonSnapshot = event.state()?;
    let mut fields = Fields::default();
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let left_at = match &state.left_time {
        _ if !state.left => Some(None),
        Some(_) => fields.time("left_time", state.left_time.as_ref()).map(Some),
        // Told by a version that did not say when: as it is heard.
        None => Some(Some(tx.now())),
    };
    let (person, left_at) = fields.finish(person.zip(left_at)).map_err(Error::internal)?;
    note(tx, person, left_at).await?;
    Ok(left_at.map(|left_at| Departure { person, left_at }))
}

/// Whoever is about to count on somebody ([`left_at`]) ends before it is kept that they left.
async fn note(tx: &mut Tx, person: PersonId, left_at: Option<DateTime<Utc>>) -> Result<()> {
    let tenant = tx.tenant();
    if left_at.is_some() {
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 1))", person.to_string())
            .execute(tx.conn())
            .await?;
    }
    sqlx::query!(
        "insert into platform.person as p (tenant_id, person_id, left_at) values ($1, $2, $3)
         on conflict on constraint person_pk
         do update set left_at = case when $3::timestamptz is null then null else coalesce(p.left_at, $3) end",
        tenant.0,
        person.0,
        left_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether somebody is in the tenant: since they were asked in, until they leave.
pub async fn is_here(tx: &mut Tx, person: PersonId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (select from platform.person
               where tenant_id = $1 and person_id = $2 and left_at is null) as "found!""#,
        tenant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// When somebody left, if they did. Until this transaction ends nobody learns that they do: it locks the person, as does the
/// event that they left before it ends what they took part in. Whoever locks that too asks this first.
pub async fn left_at(tx: &mut Tx, person: PersonId) -> Result<Option<DateTime<Utc>>> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock_shared(hashtextextended($1, 1))", person.to_string())
        .execute(tx.conn())
        .await?;
    let left_at = sqlx::query_scalar!(
        "select left_at from platform.person where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(left_at.flatten())
}

/// Keeps somebody's organisation roles, all of them: the handler of the aggregate `role`.
pub async fn follow_roles(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: RoleSnapshot = event.state()?;
    let mut fields = Fields::default();
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let person = fields.finish(person).map_err(Error::internal)?;
    let held = state.roles().filter(|role| *role != OrganisationRole::Unspecified);
    let roles: Vec<String> = held.map(word).collect();
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from platform.organisation_role where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into platform.organisation_role (tenant_id, person_id, role)
         select distinct $1::uuid, $2::uuid, role from unnest($3::text[]) as r (role)",
        tenant.0,
        person.0,
        &roles
    )
    .execute(tx.conn())
    .await?;
    Ok(Outcome::Done)
}

/// Whether somebody holds an organisation role now, as far as it is known here.
pub async fn holds(tx: &mut Tx, person: PersonId, role: OrganisationRole) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists (select from platform.organisation_role
               where tenant_id = $1 and person_id = $2 and role = $3) as "found!""#,
        tenant.0,
        person.0,
        word(role)
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// The word in which a role is kept: the contract's, without its prefix.
fn word(role: OrganisationRole) -> String {
    role.as_str_name().trim_start_matches("ORGANISATION_ROLE_").to_ascii_lowercase()
}
