//! Sessions: who is signed in where, and whether that may go on.

use chrono::{DateTime, Duration, Utc};
use kith_platform::id::{PersonId, TenantId};

use super::{AccountId, Refused, SessionId};

/// How long a session lasts, however often its tokens are exchanged.
pub const LIFETIME: Duration = Duration::days(30);

/// How long after a sign-in one may change what one signs in with.
pub const FRESH: Duration = Duration::minutes(15);

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
    /// They left the tenant.
    Left,
    /// From another session of the same account.
    EndedElsewhere,
    PasswordChanged,
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Password,
    Passkey,
    RecoveryCode,
    /// Through an outside provider, which stands for one place only.
    Provider,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub account: AccountId,
    pub place: Place,
    pub method: Method,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub ended: bool,
}

impl Session {
    /// A session that begins now.
    pub fn begin(
        id: SessionId,
        account: AccountId,
        place: Place,
        method: Method,
        now: DateTime<Utc>,
    ) -> Self {
        Self { id, account, place, method, created_at: now, expires_at: now + LIFETIME, ended: false }
    }

    /// Refuses a session that has ended.
    pub fn require_open(&self, now: DateTime<Utc>) -> Result<(), Refused> {
        if self.ended || now >= self.expires_at { Err(Refused::SessionOver) } else { Ok(()) }
    }

    /// Refuses a session that speaks for one place only: who runs a place's provider must not reach the others.
    pub fn require_own(&self, now: DateTime<Utc>) -> Result<(), Refused> {
        self.require_open(now)?;
        if self.method == Method::Provider { Err(Refused::SignInAgain) } else { Ok(()) }
    }

    /// Refuses a session that may not change what the account signs in with: it must have begun a moment ago, and with
    /// something of the account's own.
    pub fn require_fresh(&self, now: DateTime<Utc>) -> Result<(), Refused> {
        self.require_own(now)?;
        if now < self.created_at + FRESH { Ok(()) } else { Err(Refused::SignInAgain) }
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

    fn session(method: Method, now: DateTime<Utc>) -> Session {
        Session::begin(SessionId::default(), AccountId::default(), Place::Host, method, now)
    }

    #[test]
    fn only_a_fresh_session_of_the_accounts_own_changes_what_one_signs_in_with() {
        let start = DateTime::UNIX_EPOCH;
        for method in [Method::Password, Method::Passkey, Method::RecoveryCode] {
            let session = session(method, start);
            assert_eq!(session.require_fresh(start + Duration::minutes(14)), Ok(()));
            assert_eq!(session.require_fresh(start + FRESH), Err(Refused::SignInAgain));
            assert_eq!(session.require_own(start + FRESH), Ok(()));
        }
        assert_eq!(session(Method::Provider, start).require_own(start), Err(Refused::SignInAgain));
        let ended = Session { ended: true, ..session(Method::Password, start) };
        assert_eq!(ended.require_fresh(start), Err(Refused::SessionOver));
    }

    #[test]
    fn a_token_is_exchanged_once_and_never_after_the_end() {
        let start = DateTime::UNIX_EPOCH;
        let session = session(Method::Password, start);
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
