//! Sessions: who is signed in where, and whether that may go on.

use chrono::{DateTime, Duration, Utc};
use kith_platform::id::{PersonId, TenantId};

use super::{AccountId, Refused, SessionId};

/// How long a session lasts, however often its tokens are exchanged.
pub const LIFETIME: Duration = Duration::days(30);

/// Where somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As a person of a tenant.
    Tenant(TenantId, PersonId),
    /// As an operator of the host.
    Host,
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    SignedOut,
    TokenReused,
    Left,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub account: AccountId,
    pub place: Place,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub ended: bool,
}

impl Session {
    /// A session that begins now.
    pub fn begin(id: SessionId, account: AccountId, place: Place, now: DateTime<Utc>) -> Self {
        Self { id, account, place, created_at: now, expires_at: now + LIFETIME, ended: false }
    }

    /// What becomes of a refresh token: `Ok(None)` it is exchanged, `Ok(Some)` it was exchanged before, so that one of
    /// two holders must have stolen it and the whole session ends. `still_there` is whether the account still has the
    /// place.
    pub fn exchange(
        &self,
        token_used: bool,
        still_there: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<End>, Refused> {
        if self.ended || now >= self.expires_at {
            return Err(Refused::SessionOver);
        }
        if token_used {
            return Ok(Some(End::TokenReused));
        }
        if still_there { Ok(None) } else { Err(Refused::SessionOver) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_exchanged_once_and_never_after_the_end() {
        let start = DateTime::UNIX_EPOCH;
        let session = Session::begin(SessionId::default(), AccountId::default(), Place::Host, start);
        assert_eq!(session.exchange(false, true, start), Ok(None));
        assert_eq!(session.exchange(true, true, start), Ok(Some(End::TokenReused)));
        assert_eq!(session.exchange(false, false, start), Err(Refused::SessionOver));
        let last = start + LIFETIME;
        assert_eq!(session.exchange(false, true, last - Duration::seconds(1)), Ok(None));
        assert_eq!(session.exchange(false, true, last), Err(Refused::SessionOver));
        let ended = Session { ended: true, ..session };
        assert_eq!(ended.exchange(false, true, start), Err(Refused::SessionOver));
    }
}
