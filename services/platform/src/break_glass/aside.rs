//! Emergency looks in a tenant that accepts no changes. Somebody may be in danger whatever state their co-op is in.
//!
//! Suspended: the look is kept and told as ever; nothing else may change. Frozen: nothing of the data that moves may
//! change, so the look lies aside (`platform.break_glass_aside`), opens reading like any other and is written down in the
//! audit; the thaw brings it where the others are and tells it then. Released: the records that count are elsewhere, and
//! so is the look. The lock that writers share is held meanwhile, so that no freeze and no thaw comes in between.

use super::{Action, Look, Open, decide, insert, tell};
use crate::authz::{Standing, Subject};
use crate::db::Tx;
use crate::error::{Common, Error, Result};
use crate::host::Host;
use crate::id::{PersonId, Uuid};

/// Opens a look under the request's own id, so that who repeats the request opens no second one.
pub(super) async fn open(tx: &mut Tx, request_id: Uuid, (host, command): (Host, Open)) -> Result<Look> {
    let state = hold_state(tx).await?;
    let same = (command.person.0, tx.person()?.0, command.stated_reason.clone());
    let look = decide(tx, request_id, command).await?;
    if let Some(earlier) = kept(tx, request_id).await? {
        let is_same = same == (earlier.person_id, earlier.opened_by, earlier.stated_reason.clone());
        return if is_same { Ok(earlier) } else { Err(Common::RequestIdReused.into()) };
    }
    match state.as_str() {
        "suspended" => {
            insert(tx, &look).await?;
            tell(tx, host.name(), "opened", &look)?;
        }
        "frozen" => insert_aside(tx, host.name(), &look).await?,
        _ => return Err(other_state(&state)),
    }
    Ok(look)
}

/// Ends a look before its time. One from before a freeze ends by itself.
pub(super) async fn close(tx: &mut Tx, _: Uuid, (host, id): (Host, Uuid)) -> Result<Look> {
    let state = hold_state(tx).await?;
    if state == "suspended" {
        return super::close(tx, (host, id)).await;
    }
    let mut look = kept(tx, id).await?.ok_or(Error::NotFound("break_glass"))?;
    let (tenant, now) = (tx.tenant(), tx.now());
    let standing = Standing::new().with("opener", look.opened_by == tx.person()?.0);
    let subject = Subject::about("break_glass", id, PersonId(look.person_id));
    tx.require(Action::CloseBreakGlass, subject, &standing)?;
    if look.ends_at <= now {
        return Ok(look);
    }
    let ended = sqlx::query!(
        "update platform.break_glass_aside set ends_at = $3 where tenant_id = $1 and id = $2",
        tenant.0,
        id,
        now
    )
    .execute(tx.conn())
    .await?;
    if ended.rows_affected() == 0 {
        return Err(other_state(&state));
    }
    look.ends_at = now;
    Ok(look)
}

/// Brings what lay aside where the others are, and tells it. Nobody writes in the tenant meanwhile.
pub(crate) async fn carry_over(tx: &mut Tx) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let aside = sqlx::query!(
        "delete from platform.break_glass_aside where tenant_id = $1
         returning service, id, person_id, opened_by, reason, stated_reason, opened_at, ends_at",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    for row in aside {
        let look = Look {
            id: row.id,
            person_id: row.person_id,
            opened_by: row.opened_by,
            reason: row.reason,
            stated_reason: row.stated_reason,
            opened_at: row.opened_at,
            ends_at: row.ends_at,
        };
        insert(tx, &look).await?;
        tell(tx, &row.service, "opened", &look)?;
        if look.ends_at <= now {
            tell(tx, &row.service, "closed", &look)?;
        }
    }
    Ok(())
}

/// The tenant's state, which stays so until the transaction ends.
async fn hold_state(tx: &mut Tx) -> Result<String> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", tenant.to_string())
        .execute(tx.conn())
        .await?;
    let state = sqlx::query_scalar!("select state from platform.tenant where tenant_id = $1", tenant.0)
        .fetch_optional(tx.conn())
        .await?;
    state.ok_or_else(|| Common::NotCaughtUp.into())
}

/// Neither a state in which this is done aside, nor any more the one for which it was refused.
fn other_state(state: &str) -> Error {
    match state {
        "released" => Common::TenantReleased.into(),
        "frozen" => Common::TenantFrozen.into(),
        _ => Common::Contended.into(),
    }
}

/// A look, wherever it is kept.
async fn kept(tx: &mut Tx, id: Uuid) -> Result<Option<Look>> {
    let tenant = tx.tenant();
    let look = sqlx::query_as!(
        Look,
        r#"select id as "id!", person_id as "person_id!", opened_by as "opened_by!", reason as "reason!",
             stated_reason as "stated_reason!", opened_at as "opened_at!", ends_at as "ends_at!"
         from (
             select id, person_id, opened_by, reason, stated_reason, opened_at, ends_at
             from platform.break_glass where tenant_id = $1 and id = $2
             union all
             select id, person_id, opened_by, reason, stated_reason, opened_at, ends_at
             from platform.break_glass_aside where tenant_id = $1 and id = $2
         ) look"#,
        tenant.0,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(look)
}

async fn insert_aside(tx: &mut Tx, service: &str, look: &Look) -> Result<()> {
    let tenant = tx.tenant();
    // A service without records that a look would open has no event for it either.
    let told = format!("{service}.break_glass.opened.v1");
    if !kith_proto::EVENTS.iter().any(|event| event.event_type == told) {
        return Err(super::Refused::NothingToOpen.into());
    }
    sqlx::query!(
        "insert into platform.break_glass_aside
             (tenant_id, id, service, person_id, opened_by, reason, stated_reason, opened_at, ends_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        look.id,
        service,
        look.person_id,
        look.opened_by,
        look.reason,
        look.stated_reason,
        look.opened_at,
        look.ends_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
