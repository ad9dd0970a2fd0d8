//! Sessions and their refresh tokens, which are kept as hashes only. Of no tenant.

use chrono::{DateTime, Duration, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::global::{Global, Work};
use super::words;
use crate::domain::session::{End, Place, Session};
use crate::domain::{AccountId, SessionId};

/// Writes a session with its first token.
pub async fn insert(work: &mut Work, session: &Session, token_hash: &[u8]) -> Result<()> {
    let (tenant, person) = match session.place {
        Place::Tenant(tenant, person) => (Some(tenant.0), Some(person.0)),
        Place::Host => (None, None),
    };
    sqlx::query!(
        "insert into signin.refresh_family (id, account_id, tenant_id, person_id, created_at, expires_at, method,
             last_used_at)
         values ($1, $2, $3, $4, $5, $6, $7, $5)",
        session.id.0,
        session.account.0,
        tenant,
        person,
        session.created_at,
        session.expires_at,
        words::method_word(session.method),
    )
    .execute(work.conn())
    .await?;
    add_token(work, session.id, token_hash, session.created_at).await
}

/// Adds a token to a session.
pub async fn add_token(
    work: &mut Work,
    session: SessionId,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into signin.refresh_token (token_hash, family_id, created_at) values ($1, $2, $3)",
        token_hash,
        session.0,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// A session as found by one of its tokens.
#[derive(Clone, Debug)]
pub struct Found {
    pub session: Session,
    /// The token was exchanged before.
    pub token_used: bool,
    /// The account still has the place that the session is for.
    pub still_there: bool,
}

/// Finds a session by a token and locks both, so that of two who exchange it at once the second finds it used.
pub async fn lock_by_token(work: &mut Work, token_hash: &[u8]) -> Result<Option<Found>> {
    let row = sqlx::query!(
        r#"select t.used_at, f.id, f.account_id, f.tenant_id, f.person_id, f.method, f.created_at, f.expires_at,
             f.ended_at,
             case when f.tenant_id is null then a.is_operator else exists (
                 select from signin.sign_in_place p where p.account_id = f.account_id and p.tenant_id = f.tenant_id
                     and p.person_id = f.person_id) end as "still_there!"
         from signin.refresh_token t
             join signin.refresh_family f on f.id = t.family_id
             join signin.account a on a.id = f.account_id
         where t.token_hash = $1 for update of t, f"#,
        token_hash
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let session = Row {
        id: row.id,
        account_id: row.account_id,
        tenant_id: row.tenant_id,
        person_id: row.person_id,
        method: row.method,
        created_at: row.created_at,
        expires_at: row.expires_at,
        ended_at: row.ended_at,
    };
    Ok(Some(Found {
        session: session.try_into()?,
        token_used: row.used_at.is_some(),
        still_there: row.still_there,
    }))
}

struct Row {
    id: Uuid,
    account_id: Uuid,
    tenant_id: Option<Uuid>,
    person_id: Option<Uuid>,
    method: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Session {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let place = match (row.tenant_id, row.person_id) {
            (Some(tenant), Some(person)) => Place::Tenant(TenantId(tenant), PersonId(person)),
            (None, None) => Place::Host,
            _ => return Err(half_a_place(row.id)),
        };
        Ok(Self {
            id: SessionId(row.id),
            account: AccountId(row.account_id),
            place,
            method: words::method(&row.method, row.id)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ended: row.ended_at.is_some(),
        })
    }
}

fn half_a_place(row: Uuid) -> Error {
    Error::Inconsistent { table: "refresh_family", row: row.to_string(), problem: "half a place".into() }
}

/// A session by its id.
pub async fn find(global: &Global, session: SessionId) -> Result<Option<Session>> {
    let row = sqlx::query_as!(
        Row,
        "select id, account_id, tenant_id, person_id, method, created_at, expires_at, ended_at
         from signin.refresh_family where id = $1",
        session.0
    )
    .fetch_optional(global.pool()?)
    .await?;
    row.map(Session::try_from).transpose()
}

/// A session in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    pub session: Session,
    pub last_used_at: DateTime<Utc>,
}

/// The sessions of an account in one tenant that have not ended, newest first.
pub async fn list(
    global: &Global,
    account: AccountId,
    tenant: TenantId,
    now: DateTime<Utc>,
) -> Result<Vec<Listed>> {
    let rows = sqlx::query!(
        r#"select id, account_id, tenant_id, person_id, method, created_at, expires_at, ended_at,
             coalesce(last_used_at, created_at) as "last_used_at!"
         from signin.refresh_family
         where account_id = $1 and tenant_id = $2 and ended_at is null and expires_at > $3
         order by created_at desc, id limit 100"#,
        account.0,
        tenant.0,
        now,
    )
    .fetch_all(global.pool()?)
    .await?;
    let listed = rows.into_iter().map(|row| {
        let session = Row {
            id: row.id,
            account_id: row.account_id,
            tenant_id: row.tenant_id,
            person_id: row.person_id,
            method: row.method,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
        };
        Ok(Listed { session: session.try_into()?, last_used_at: row.last_used_at })
    });
    listed.collect()
}

/// Which sessions of an account.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// In one tenant.
    InTenant(TenantId),
    /// The operator's.
    OfHost,
    /// In every place.
    All,
}

/// Ends the sessions of an account but one.
pub async fn end_all(
    work: &mut Work,
    account: AccountId,
    which: Which,
    but: Option<SessionId>,
    why: End,
    now: DateTime<Utc>,
) -> Result<()> {
    let (tenant, of_host) = match which {
        Which::InTenant(tenant) => (Some(tenant.0), false),
        Which::OfHost => (None, true),
        Which::All => (None, false),
    };
    sqlx::query!(
        "update signin.refresh_family set ended_at = $5, ended_reason = $6
         where account_id = $1 and ended_at is null and ($2::uuid is null or tenant_id = $2)
             and (not $3 or tenant_id is null) and ($4::uuid is null or id <> $4)",
        account.0,
        tenant,
        of_host,
        but.map(|session| session.0),
        now,
        words::end_word(why),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Marks a token of a session as exchanged.
pub async fn use_token(
    work: &mut Work,
    session: SessionId,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with used as (update signin.refresh_token set used_at = $3 where token_hash = $2)
         update signin.refresh_family set last_used_at = $3 where id = $1",
        session.0,
        token_hash,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Ends a session; one that has ended stays as it is.
pub async fn end(global: &Global, session: SessionId, why: End, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update signin.refresh_family set ended_at = $2, ended_reason = $3 where id = $1 and ended_at is null",
        session.0,
        now,
        words::end_word(why),
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// A session that was ended because one of its tokens came a second time.
#[derive(Clone, Copy, Debug)]
pub struct Reused {
    pub session: SessionId,
    pub signed_in_at: DateTime<Utc>,
    pub noticed_at: DateTime<Utc>,
}

/// How long it is kept for the person to read that a session was reused.
const REUSE_KEPT: Duration = Duration::days(90);

/// Ends a session of which a token came a second time, and keeps that for its person to read. Answers whether it had not
/// ended before.
pub async fn end_reused(work: &mut Work, session: &Session, now: DateTime<Utc>) -> Result<bool> {
    let tenant = match session.place {
        Place::Tenant(tenant, _) => Some(tenant.0),
        Place::Host => None,
    };
    let ended = sqlx::query!(
        "with ended as (
             update signin.refresh_family set ended_at = $2, ended_reason = $3 where id = $1 and ended_at is null
             returning id, account_id, created_at
         )
         insert into signin.reused_session (session_id, account_id, tenant_id, signed_in_at, reused_at)
         select id, account_id, $4, created_at, $2 from ended on conflict on constraint reused_session_pk do nothing",
        session.id.0,
        now,
        words::end_word(End::TokenReused),
        tenant,
    )
    .execute(work.conn())
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// The reused sessions of an account in one tenant, or as an operator, newest first.
pub async fn reused(
    global: &Global,
    account: AccountId,
    tenant: Option<TenantId>,
    now: DateTime<Utc>,
) -> Result<Vec<Reused>> {
    let rows = sqlx::query!(
        "select session_id, signed_in_at, reused_at from signin.reused_session
         where account_id = $1 and tenant_id is not distinct from $2 and reused_at > $3
         order by reused_at desc, session_id limit 20",
        account.0,
        tenant.map(|tenant| tenant.0),
        now - REUSE_KEPT,
    )
    .fetch_all(global.pool()?)
    .await?;
    let reused = rows.into_iter().map(|row| Reused {
        session: SessionId(row.session_id),
        signed_in_at: row.signed_in_at,
        noticed_at: row.reused_at,
    });
    Ok(reused.collect())
}

/// Removes some sessions whose time is over, with their tokens, and what is kept of reused ones.
pub async fn remove_old(global: &Global, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "delete from signin.refresh_family where id in (
             select id from signin.refresh_family where expires_at <= $1
             order by id limit 100 for update skip locked)",
        now
    )
    .execute(global.pool()?)
    .await?;
    sqlx::query!("delete from signin.reused_session where reused_at <= $1", now - REUSE_KEPT)
        .execute(global.pool()?)
        .await?;
    Ok(())
}
