//! The rules of identity: no I/O.

pub mod account;
pub mod invitation;
pub mod person;
pub mod rights;
pub mod session;
pub mod tenant;

use kith_platform::error::{Kind, Refusal};
use kith_platform::id_type;

id_type!(
    /// An account: what one signs in with. It belongs to no tenant.
    AccountId,
    /// A session: all refresh tokens that follow from one sign-in.
    SessionId,
    /// The erasure of a person's data.
    ErasureId,
    /// A legal hold.
    HoldId,
    /// A request for access that somebody handles.
    AccessRequestId,
);

/// Whether a transition changed anything: doing again what is so already changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something is different now.
    Changed,
    /// It was so already.
    Unchanged,
}

/// What the rules of identity refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not the code, or spent by somebody else.
    #[error("this host code is not valid")]
    HostCodeNotValid,
    /// Wrong password, unknown address, no such place: the same answer for all.
    #[error("address, password and place do not fit together")]
    NotSignedIn,
    /// Too many wrong passwords for this address.
    #[error("there were too many attempts; try again in a quarter of an hour")]
    TooManyAttempts,
    /// Unknown, spent, expired or ended.
    #[error("this session cannot be continued; sign in again")]
    SessionOver,
    /// Unknown, run out, or taken up by somebody else.
    #[error("this invitation is not valid")]
    InvitationNotValid,
    /// The account is somebody in this tenant already.
    #[error("this account belongs to this place already")]
    AccountHasPlace,
    /// Another tenant has this short name.
    #[error("this short name is taken; choose another")]
    SlugTaken,
    /// Nobody would be left to set things up.
    #[error("somebody has to be administrator: give the role to somebody who has joined first")]
    LastAdministrator,
    /// Proceedings, an inquiry or safeguarding stand against it.
    #[error("a legal hold stands: nothing about this person may be destroyed")]
    LegalHold,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::NotSignedIn | Self::SessionOver => Kind::Unauthenticated,
            Self::TooManyAttempts => Kind::ResourceExhausted,
            Self::SlugTaken => Kind::AlreadyExists,
            Self::HostCodeNotValid => Kind::PermissionDenied,
            Self::InvitationNotValid | Self::AccountHasPlace | Self::LastAdministrator | Self::LegalHold => {
                Kind::FailedPrecondition
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::HostCodeNotValid => "HOST_CODE_NOT_VALID",
            Self::NotSignedIn => "SIGN_IN_REFUSED",
            Self::TooManyAttempts => "TOO_MANY_ATTEMPTS",
            Self::SessionOver => "REFRESH_REFUSED",
            Self::InvitationNotValid => "INVITATION_NOT_VALID",
            Self::AccountHasPlace => "ACCOUNT_HAS_PLACE",
            Self::SlugTaken => "SLUG_TAKEN",
            Self::LastAdministrator => "LAST_ADMINISTRATOR",
            Self::LegalHold => "LEGAL_HOLD",
        }
    }
}
