//! The rules of Teams: no I/O.

pub mod hat;
pub mod membership;
pub mod team;

use kith_platform::error::{Kind, Refusal};
use kith_platform::id_type;

id_type!(
    /// A Team.
    TeamId,
    /// The Circle that a Team belongs to; owned by governance.
    CircleId,
    /// Someone's place in a Team.
    MembershipId,
    /// Someone's wearing of a hat.
    HoldingId,
);

/// Whether a transition changed anything: doing again what is so already changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something is different now.
    Changed,
    /// It was so already.
    Unchanged,
}

/// What the rules of Teams refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The person has an open place already, or is the Owner.
    #[error("this person is in the Team already, or was asked")]
    AlreadyAsked,
    /// The invitation was answered differently, or waits for somebody else's answer.
    #[error("this was answered already, or it is somebody else's turn to answer")]
    NotToBeAnswered,
    /// The membership is not in force.
    #[error("this person is not a member")]
    NotAMember,
    /// A hat must be passed on before its wearer leaves.
    #[error("pass the hats on first: somebody who leaves cannot wear one")]
    HatsFirst,
    /// The end lies before the beginning, or a term is too long.
    #[error("the dates do not fit: an end comes after its beginning, and a hat is for two years at most")]
    DatesDoNotFit,
    /// The person is in this place no more.
    #[error("this person has left")]
    HasLeft,
    /// The hat is not held.
    #[error("this hat is not being worn")]
    NotHeld,
    /// The text is not the one in force.
    #[error("this is not the Promise in force on that day; read it again")]
    PromiseNotInForce,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::AlreadyAsked => Kind::AlreadyExists,
            Self::DatesDoNotFit => Kind::InvalidArgument,
            _ => Kind::FailedPrecondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::AlreadyAsked => "ALREADY_ASKED",
            Self::NotToBeAnswered => "NOT_TO_BE_ANSWERED",
            Self::NotAMember => "NOT_A_MEMBER",
            Self::HatsFirst => "HATS_FIRST",
            Self::DatesDoNotFit => "DATES_DO_NOT_FIT",
            Self::HasLeft => "HAS_LEFT",
            Self::NotHeld => "NOT_HELD",
            Self::PromiseNotInForce => "PROMISE_NOT_IN_FORCE",
        }
    }
}
