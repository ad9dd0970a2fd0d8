//! The rules of identity: no I/O.

pub mod account;
pub mod consent;
pub mod invitation;
pub mod person;
pub mod session;
pub mod tenant;

use kith_platform::error::{Kind, Refusal};
use kith_platform::id_type;

id_type!(
    /// An account: what one signs in with. It belongs to no tenant.
    AccountId,
    /// A consent.
    ConsentId,
    /// A session: all refresh tokens that follow from one sign-in.
    SessionId,
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
    /// A consent that opens nothing.
    #[error("the consent would be over already: valid_until has to come after valid_from and after today")]
    ConsentOver,
    /// Withdrawn is for good.
    #[error("this consent was withdrawn; give another")]
    ConsentWithdrawn,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::NotSignedIn | Self::SessionOver => Kind::Unauthenticated,
            Self::TooManyAttempts => Kind::ResourceExhausted,
            Self::SlugTaken => Kind::AlreadyExists,
            Self::HostCodeNotValid => Kind::PermissionDenied,
            Self::InvitationNotValid
            | Self::AccountHasPlace
            | Self::LastAdministrator
            | Self::ConsentWithdrawn => Kind::FailedPrecondition,
            Self::ConsentOver => Kind::InvalidArgument,
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
            Self::ConsentOver => "CONSENT_OVER",
            Self::ConsentWithdrawn => "CONSENT_WITHDRAWN",
        }
    }
}
