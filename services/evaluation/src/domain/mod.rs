//! The rules of evaluation: what a round is, how answers are scored, what may be shown. No I/O.

pub mod circle;
pub mod continuity;
pub mod reply_code;
pub mod round;
pub mod suppression;
pub mod swemwbs;
pub mod team;
pub mod visit;

use kith_platform::error::{Kind, Refusal};
use kith_platform::id_type;

id_type!(
    /// A survey round.
    RoundId,
    /// A Circle, owned by governance.
    CircleId,
    /// A Team, owned by teams.
    TeamId,
    /// A membership of a Team, owned by teams.
    MembershipId,
    /// An answer; random, so that it says nothing of when or by whom.
    AnswerId,
    /// A visit, owned by appointments.
    VisitId,
);

/// A rule of evaluation that says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One answer for every way in which a code can be of no use: unknown, spent, of a closed round.
    #[error("this reply code cannot be used")]
    ReplyCodeNotValid,
    /// Results are shown of closed rounds only: a live result would give single answers away.
    #[error("the round is still open; its result is shown once it is closed")]
    RoundStillOpen,
    /// Nobody answers a closed round.
    #[error("the round is closed; it takes no more answers")]
    RoundClosed,
    /// The instrument has another number of items.
    #[error(
        "the questions have {expected} items, so {expected} answers are needed; leave one without a value to skip it"
    )]
    WrongNumberOfAnswers {
        /// How many items there are.
        expected: usize,
    },
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::ReplyCodeNotValid | Self::RoundStillOpen | Self::RoundClosed => Kind::FailedPrecondition,
            Self::WrongNumberOfAnswers { .. } => Kind::InvalidArgument,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::ReplyCodeNotValid => "REPLY_CODE_NOT_VALID",
            Self::RoundStillOpen => "ROUND_STILL_OPEN",
            Self::RoundClosed => "ROUND_CLOSED",
            Self::WrongNumberOfAnswers { .. } => "WRONG_NUMBER_OF_ANSWERS",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::WrongNumberOfAnswers { expected } => vec![("expected", expected.to_string())],
            Self::ReplyCodeNotValid | Self::RoundStillOpen | Self::RoundClosed => Vec::new(),
        }
    }
}
