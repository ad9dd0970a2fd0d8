//! The rules of identity: no I/O.

pub mod account;
pub mod acquaintance;
pub mod break_glass;
pub mod communication;
pub mod confirmation;
pub mod consent;
pub mod fence;
pub mod integrator;
pub mod invitation;
pub mod key;
pub mod legal_fact;
pub mod mail;
pub mod network;
pub mod person;
pub mod place_link;
pub mod profile;
pub mod provider;
pub mod recovery;
pub mod representative;
pub mod rights;
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
    /// That somebody acts for a person.
    RepresentativeId,
    /// A ceremony: something that was begun here, goes on elsewhere and is finished here once.
    CeremonyId,
    /// The erasure of a person's data.
    ErasureId,
    /// A legal hold.
    HoldId,
    /// A request for access that somebody handles.
    AccessRequestId,
    /// A Team, owned by teams, or a Circle, owned by governance.
    GroupId,
    /// A legal fact about somebody.
    LegalFactId,
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
    /// The step does not begin where the tenant stands.
    #[error(
        "a place has to be live to be suspended or frozen, suspended to be resumed, and frozen to be thawed or released"
    )]
    OtherState,
    /// A service has not said yet that nothing is under way.
    #[error("the freeze is not complete yet")]
    FreezeNotComplete,
    /// Somebody else has to see the basis.
    #[error("nobody confirms what they act on or recorded themselves")]
    OwnRepresentation,
    /// An attorney or guardian acts in what the basis is about, and nobody for themselves.
    #[error("this basis does not reach that far")]
    OutsideBasis,
    /// Ended, or confirmed after its end.
    #[error("this representation has ended")]
    RepresentationEnded,
    /// One is not one's own contact.
    #[error("choose somebody else than yourself")]
    OwnContact,
    /// Who looked does not review it.
    #[error("somebody else has to review what you looked at")]
    OwnLook,
    /// A review ends once.
    #[error("this review was closed with another finding")]
    ReviewClosed,
    /// A consent that opens nothing.
    #[error("the consent would be over already: valid_until has to come after valid_from and after today")]
    ConsentOver,
    /// Withdrawn is for good.
    #[error("this consent was withdrawn; give another")]
    ConsentWithdrawn,
    /// The session is too old for what it wants, or began through a provider that stands for one place only.
    #[error("sign in again with something of your own first, then do this within a quarter of an hour")]
    SignInAgain,
    /// Not the password in force.
    #[error("this is not your password")]
    PasswordNotRight,
    /// Unknown, over, used, or somebody else's.
    #[error("this has ended or was never begun; begin again")]
    CeremonyNotValid,
    /// What the authenticator gave does not verify.
    #[error("this passkey cannot be registered")]
    PasskeyNotAccepted,
    /// Registered already, here or by somebody else.
    #[error("this passkey is registered already")]
    PasskeyExists,
    /// More than an account may have.
    #[error("there are too many passkeys; remove one first")]
    TooManyPasskeys,
    /// The provider does not answer, or not as a provider does.
    #[error("the provider cannot be reached or is not set up right")]
    ProviderNotReady,
    /// What came back does not prove anything.
    #[error("the provider's answer does not fit")]
    ProviderAnswerNotValid,
    /// The account at the provider is linked with another account, or this one with another there.
    #[error("this is linked already; take the other link away first")]
    LinkTaken,
    /// Proceedings, an inquiry or safeguarding stand against it.
    #[error("a legal hold stands: nothing about this person may be destroyed")]
    LegalHold,
    /// It was ordered and cannot be stopped.
    #[error("this person's data are being erased; a legal hold would come too late")]
    ErasureUnderWay,
    /// Confirmed or corrected after its end.
    #[error("this legal fact has ended; record another")]
    LegalFactEnded,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::NotSignedIn | Self::SessionOver => Kind::Unauthenticated,
            Self::TooManyAttempts => Kind::ResourceExhausted,
            Self::SlugTaken | Self::PasskeyExists | Self::LinkTaken => Kind::AlreadyExists,
            Self::HostCodeNotValid | Self::OwnLook | Self::PasswordNotRight => Kind::PermissionDenied,
            Self::InvitationNotValid
            | Self::AccountHasPlace
            | Self::LastAdministrator
            | Self::SignInAgain
            | Self::CeremonyNotValid
            | Self::PasskeyNotAccepted
            | Self::TooManyPasskeys
            | Self::ProviderNotReady
            | Self::ProviderAnswerNotValid
            | Self::OtherState
            | Self::FreezeNotComplete
            | Self::OwnRepresentation
            | Self::OutsideBasis
            | Self::RepresentationEnded
            | Self::OwnContact
            | Self::ReviewClosed
            | Self::ConsentWithdrawn
            | Self::LegalHold
            | Self::ErasureUnderWay
            | Self::LegalFactEnded => Kind::FailedPrecondition,
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
            Self::OtherState => "OTHER_STATE",
            Self::FreezeNotComplete => "FREEZE_NOT_COMPLETE",
            Self::OwnRepresentation => "OWN_REPRESENTATION",
            Self::OutsideBasis => "OUTSIDE_BASIS",
            Self::RepresentationEnded => "REPRESENTATION_ENDED",
            Self::OwnContact => "OWN_CONTACT",
            Self::OwnLook => "OWN_LOOK",
            Self::ReviewClosed => "REVIEW_CLOSED",
            Self::ConsentOver => "CONSENT_OVER",
            Self::ConsentWithdrawn => "CONSENT_WITHDRAWN",
            Self::SignInAgain => "SIGN_IN_AGAIN",
            Self::PasswordNotRight => "PASSWORD_NOT_RIGHT",
            Self::CeremonyNotValid => "CEREMONY_NOT_VALID",
            Self::PasskeyNotAccepted => "PASSKEY_NOT_ACCEPTED",
            Self::PasskeyExists => "PASSKEY_EXISTS",
            Self::TooManyPasskeys => "TOO_MANY_PASSKEYS",
            Self::ProviderNotReady => "PROVIDER_NOT_READY",
            Self::ProviderAnswerNotValid => "PROVIDER_ANSWER_NOT_VALID",
            Self::LinkTaken => "LINK_TAKEN",
            Self::LegalHold => "LEGAL_HOLD",
            Self::ErasureUnderWay => "ERASURE_UNDER_WAY",
            Self::LegalFactEnded => "LEGAL_FACT_ENDED",
        }
    }
}
