//! What was begun here, goes on elsewhere and is finished here once. Of no tenant.

use chrono::{DateTime, Duration, Utc};
use kith_platform::error::Result;
use kith_platform::id::TenantId;

use super::global::Global;
use crate::domain::{AccountId, CeremonyId};

/// How long a ceremony may take.
pub const LIFETIME: Duration = Duration::minutes(5);

/// What a ceremony is for. One that was begun for one thing finishes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    PasskeyRegistration,
    PasskeySignIn,
    ProviderLink,
    ProviderSignIn,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::PasskeyRegistration => "passkey_registration",
            Self::PasskeySignIn => "passkey_sign_in",
            Self::ProviderLink => "provider_link",
            Self::ProviderSignIn => "provider_sign_in",
        }
    }
}

/// A ceremony under way.
#[derive(Clone)]
pub struct Ceremony {
    pub id: CeremonyId,
    pub kind: Kind,
    /// Whose, where that is known from the start.
    pub account: Option<AccountId>,
    pub tenant: Option<TenantId>,
    /// What is needed to finish it: never given away.
    pub state: String,
}

/// Keeps a ceremony, and removes some of those whose time is over.
pub async fn begin(global: &Global, ceremony: &Ceremony, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with old as (
             delete from signin.ceremony where id in (
                 select id from signin.ceremony where expires_at <= $6 order by id limit 100
                 for update skip locked))
         insert into signin.ceremony (id, kind, account_id, tenant_id, state, expires_at)
         values ($1, $2, $3, $4, $5, $7)",
        ceremony.id.0,
        ceremony.kind.word(),
        ceremony.account.map(|account| account.0),
        ceremony.tenant.map(|tenant| tenant.0),
        ceremony.state,
        now,
        now + LIFETIME,
    )
    .execute(global.pool()?)
    .await?;
    Ok(())
}

/// Takes a ceremony to finish it: whatever comes of it, it is over. None where it was never begun, has ended, or was begun
/// for something else or by somebody else; then it stays for who began it.
pub async fn take(
    global: &Global,
    id: CeremonyId,
    kind: Kind,
    account: Option<AccountId>,
    now: DateTime<Utc>,
) -> Result<Option<Ceremony>> {
    let row = sqlx::query!(
        "delete from signin.ceremony
         where id = $1 and kind = $2 and account_id is not distinct from $3 and expires_at > $4
         returning account_id, tenant_id, state",
        id.0,
        kind.word(),
        account.map(|account| account.0),
        now,
    )
    .fetch_optional(global.pool()?)
    .await?;
    Ok(row.map(|row| Ceremony {
        id,
        kind,
        account: row.account_id.map(AccountId),
        tenant: row.tenant_id.map(TenantId),
        state: row.state,
    }))
}
