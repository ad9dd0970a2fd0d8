//! The rules of matching: who gives support on which terms, what a Team looks for, and how two sides get to know one
//! another without either learning of a "no" that was not meant for them.

pub mod giver;
pub mod introduction;
pub mod opportunity;
pub mod place;
pub mod suggestion;
pub mod team;

use kith_platform::error::{Kind, Refusal};
use kith_platform::id_type;

pub use kith_platform::id::PersonId;

id_type!(
    /// A Team, owned by the service teams.
    TeamId,
    /// A Circle, owned by the service governance.
    CircleId,
    /// A giver's terms.
    TermsId,
    /// A record of readiness.
    ReadinessId,
    /// An opportunity: what a Team looks for.
    OpportunityId,
    /// An introduction of a giver to a Team.
    IntroductionId,
);

/// Whether a transition did anything. Imports are repeated, so what is already so is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was already so: nothing to save, nothing to tell.
    Unchanged,
    /// Something is different now.
    Changed,
}

/// Why matching says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Registered before, with another status or another place.
    #[error("you are a giver already, with other details")]
    GiverExists,
    /// Readiness is never recorded by the one it is about.
    #[error("nobody records their own readiness; somebody else with the checks role has to")]
    OwnReadiness,
    /// An id that exists with other content.
    #[error("this id exists with other content")]
    IdExists,
    /// Two terms from one day.
    #[error("there are terms from that day already; choose another first day")]
    TermsFromThatDay,
    /// Nobody new can show interest.
    #[error("this opportunity is closed")]
    OpportunityClosed,
    /// The support is paid and this giver is not.
    #[error("this opportunity is paid and only for paid givers")]
    PaidGiversOnly,
    /// Both sides would be one person.
    #[error("nobody is introduced to their own Team")]
    OwnTeam,
    /// The caller's own interest is all there is to know of.
    #[error("this has to wait until both sides would like to meet")]
    NotMutual,
    /// There is nothing to say yes to.
    #[error("this has to wait until both sides have agreed to a trial")]
    TrialNotAgreed,
    /// Another trial was agreed.
    #[error("a trial is agreed already")]
    TrialSettled,
    /// As far as the caller may know, it has ended.
    #[error("this introduction has ended")]
    IntroductionEnded,
    /// Both said yes.
    #[error("both sides have said yes already; what follows is up to the Team")]
    AlreadyWelcome,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::GiverExists | Self::IdExists => Kind::AlreadyExists,
            Self::OwnReadiness => Kind::PermissionDenied,
            Self::TermsFromThatDay
            | Self::OpportunityClosed
            | Self::PaidGiversOnly
            | Self::OwnTeam
            | Self::NotMutual
            | Self::TrialNotAgreed
            | Self::TrialSettled
            | Self::IntroductionEnded
            | Self::AlreadyWelcome => Kind::FailedPrecondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::GiverExists => "GIVER_EXISTS",
            Self::OwnReadiness => "OWN_READINESS",
            Self::IdExists => "ID_EXISTS",
            Self::TermsFromThatDay => "TERMS_FROM_THAT_DAY",
            Self::OpportunityClosed => "OPPORTUNITY_CLOSED",
            Self::PaidGiversOnly => "PAID_GIVERS_ONLY",
            Self::OwnTeam => "OWN_TEAM",
            Self::NotMutual => "NOT_MUTUAL",
            Self::TrialNotAgreed => "TRIAL_NOT_AGREED",
            Self::TrialSettled => "TRIAL_SETTLED",
            Self::IntroductionEnded => "INTRODUCTION_ENDED",
            Self::AlreadyWelcome => "ALREADY_WELCOME",
        }
    }
}
