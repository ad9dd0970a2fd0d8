//! Series, visits, and the rules they follow. No I/O.

pub mod facts;
pub mod fitness;
pub mod giver;
pub mod introduction;
pub mod pattern;
pub mod rule;
pub mod series;
pub mod team;
pub mod visit;
pub mod walk;
pub mod words;

use std::time::Duration;

use chrono::NaiveDateTime;
use kith_platform::error::{Kind, Refusal};
use kith_platform::id::PersonId;
use kith_platform::local::LOCAL_FORMAT;

pub use words::{IntroductionState, SeriesState, Settlement, Side, VisitKind, VisitState};

kith_platform::id_type!(
    /// A Team.
    TeamId,
    /// A Circle.
    CircleId,
    /// A series of visits.
    SeriesId,
    /// A visit.
    VisitId,
    /// Two sides getting to know one another.
    IntroductionId,
);

/// Who acts, and for which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person.
    pub person: PersonId,
    /// For whom they speak here.
    pub side: Side,
}

/// What a transition did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Something is different now.
    Changed,
    /// It was so already: nothing is written.
    Unchanged,
}

/// The longest window of local days that occurrences are made for at once.
pub const MOST_WINDOW_DAYS: i64 = 400;
/// The most occurrences that one call makes.
pub const MOST_OCCURRENCES: usize = 1000;

/// Everything that the rules of this service say no to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A recurrence rule that cannot be followed.
    #[error("this rule cannot be followed: {0}")]
    ImpossibleRule(rule::Problem),
    /// Occurrences of an endless rule were asked for without saying between which days.
    #[error("the rule never ends; say between which days")]
    EndlessWithoutWindow,
    /// The window is empty, runs backwards, or is too long.
    #[error("a window runs from a day to a later one, at most {MOST_WINDOW_DAYS} days on")]
    WindowOutOfRange,
    /// The rule gives too much at once.
    #[error("that is more than {MOST_OCCURRENCES} visits at once; ask for fewer days")]
    TooManyOccurrences,
    /// The first start or the length lies outside of what is accepted.
    #[error("a visit starts at a whole minute between 2000 and 2100 and lasts 1 to 1440 minutes")]
    PatternOutOfRange,
    /// The Owner cannot be their own giver.
    #[error("somebody else must be the giver than the Owner")]
    GiverIsOwner,
    /// The giver has nothing to do with the Team on that day.
    #[error("the giver is neither a member of the Team on that day nor on an agreed trial with it")]
    NotInTeam {
        /// Which planned start.
        starts_local: NaiveDateTime,
    },
    /// More trial sessions than agreed.
    #[error("the trial is agreed for {sessions} sessions")]
    TrialSessionsUsed {
        /// How many were agreed.
        sessions: i32,
    },
    /// Checks or training are not in order on that day.
    #[error("the giver's checks and training are not in order on that day")]
    GiverNotReady {
        /// Which planned start.
        starts_local: NaiveDateTime,
    },
    /// The giver is in this place no more.
    #[error("this giver has left")]
    GiverHasLeft,
    /// Giver or Owner has another visit at that time.
    #[error("the giver or the Owner has another visit at that time")]
    DoubleBooking {
        /// Which planned start.
        starts_local: NaiveDateTime,
    },
    /// The Promise must be signed first.
    #[error("the Team's Promise must be signed and hold on that day before support is paid")]
    PromiseNotSigned,
    /// The giver stated no terms for that day.
    #[error("the giver has stated no terms for that day")]
    NoTerms,
    /// One side proposes, the other answers.
    #[error("the other side has to answer")]
    SameSide,
    /// Not this giver's visit.
    #[error("it is another giver's visit")]
    NotTheirVisit,
    /// Only the Team's side may say so.
    #[error("only the Team's side may say so, never the giver alone")]
    TeamSideOnly,
    /// The series is not agreed by both sides.
    #[error("both sides must agree to the series first")]
    SeriesNotAgreed,
    /// The series was answered otherwise.
    #[error("the series is already {state}")]
    AlreadyAnswered {
        /// What was answered.
        state: SeriesState,
    },
    /// The visit does not stand where this would be possible.
    #[error("the visit is {state}, so this is not possible")]
    WrongState {
        /// Where it stands.
        state: VisitState,
    },
    /// It was called off already, at another time or by the other side.
    #[error("the visit was called off already")]
    AlreadyCalledOff,
    /// It is over.
    #[error("the visit is over; say what happened instead")]
    AlreadyOver,
    /// It is not over.
    #[error("the visit is not over yet")]
    NotOverYet,
    /// Nothing awaits an answer.
    #[error("nothing is proposed that could be answered")]
    NothingProposed,
    /// Another proposal awaits its answer.
    #[error("another proposal is waiting for its answer")]
    AnotherProposed,
    /// Only what the giver called off can be covered.
    #[error("only a visit that its giver called off can be covered")]
    NotCoverable,
    /// No cancellation awaits confirmation.
    #[error("no cancellation is waiting to be confirmed")]
    NothingToConfirm,
    /// Recorded times are not whole minutes, run backwards or are too long.
    #[error("a visit begins and ends at whole minutes, ends after it begins and within 48 hours")]
    ActualOutOfRange,
    /// The Team's side recorded times that the giver has not accepted.
    #[error("the giver has not recorded the same times yet")]
    ActualNotAccepted,
    /// The giver recorded that they were there.
    #[error("the giver has recorded that the visit took place")]
    ActualRecorded,
}

/// Why one of several that are decided together was refused, and which.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct OneOfSeveral {
    /// Which.
    pub visit: VisitId,
    /// Why.
    pub why: Box<dyn Refusal>,
}

impl Refusal for OneOfSeveral {
    fn kind(&self) -> Kind {
        self.why.kind()
    }

    fn reason(&self) -> &'static str {
        self.why.reason()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.why.retry_after()
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let mut metadata = self.why.metadata();
        metadata.push(("visit_id", self.visit.to_string()));
        metadata
    }
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::ImpossibleRule(_)
            | Self::EndlessWithoutWindow
            | Self::WindowOutOfRange
            | Self::TooManyOccurrences
            | Self::PatternOutOfRange
            | Self::GiverIsOwner
            | Self::ActualOutOfRange => Kind::InvalidArgument,
            Self::SameSide | Self::NotTheirVisit | Self::TeamSideOnly => Kind::PermissionDenied,
            Self::NotInTeam { .. }
            | Self::TrialSessionsUsed { .. }
            | Self::GiverNotReady { .. }
            | Self::GiverHasLeft
            | Self::DoubleBooking { .. }
            | Self::PromiseNotSigned
            | Self::NoTerms
            | Self::SeriesNotAgreed
            | Self::AlreadyAnswered { .. }
            | Self::WrongState { .. }
            | Self::AlreadyCalledOff
            | Self::AlreadyOver
            | Self::NotOverYet
            | Self::NothingProposed
            | Self::AnotherProposed
            | Self::NotCoverable
            | Self::NothingToConfirm
            | Self::ActualNotAccepted
            | Self::ActualRecorded => Kind::FailedPrecondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::ImpossibleRule(_) => "IMPOSSIBLE_RULE",
            Self::EndlessWithoutWindow => "ENDLESS_WITHOUT_WINDOW",
            Self::WindowOutOfRange => "WINDOW_OUT_OF_RANGE",
            Self::TooManyOccurrences => "TOO_MANY_OCCURRENCES",
            Self::PatternOutOfRange => "PATTERN_OUT_OF_RANGE",
            Self::GiverIsOwner => "GIVER_IS_OWNER",
            Self::NotInTeam { .. } => "NOT_IN_TEAM",
            Self::TrialSessionsUsed { .. } => "TRIAL_SESSIONS_USED",
            Self::GiverNotReady { .. } => "GIVER_NOT_READY",
            Self::GiverHasLeft => "GIVER_HAS_LEFT",
            Self::DoubleBooking { .. } => "DOUBLE_BOOKING",
            Self::PromiseNotSigned => "PROMISE_NOT_SIGNED",
            Self::NoTerms => "NO_TERMS",
            Self::SameSide => "SAME_SIDE",
            Self::NotTheirVisit => "NOT_THEIR_VISIT",
            Self::TeamSideOnly => "TEAM_SIDE_ONLY",
            Self::SeriesNotAgreed => "SERIES_NOT_AGREED",
            Self::AlreadyAnswered { .. } => "ALREADY_ANSWERED",
            Self::WrongState { .. } => "WRONG_STATE",
            Self::AlreadyCalledOff => "ALREADY_CALLED_OFF",
            Self::AlreadyOver => "ALREADY_OVER",
            Self::NotOverYet => "NOT_OVER_YET",
            Self::NothingProposed => "NOTHING_PROPOSED",
            Self::AnotherProposed => "ANOTHER_PROPOSED",
            Self::NotCoverable => "NOT_COVERABLE",
            Self::NothingToConfirm => "NOTHING_TO_CONFIRM",
            Self::ActualOutOfRange => "ACTUAL_OUT_OF_RANGE",
            Self::ActualNotAccepted => "ACTUAL_NOT_ACCEPTED",
            Self::ActualRecorded => "ACTUAL_RECORDED",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::ImpossibleRule(problem) => vec![("problem", problem.to_string())],
            Self::NotInTeam { starts_local }
            | Self::GiverNotReady { starts_local }
            | Self::DoubleBooking { starts_local } => {
                vec![("starts_local", starts_local.format(LOCAL_FORMAT).to_string())]
            }
            Self::TrialSessionsUsed { sessions } => vec![("sessions", sessions.to_string())],
            Self::AlreadyAnswered { state } => vec![("state", state.to_string())],
            Self::WrongState { state } => vec![("state", state.to_string())],
            _ => Vec::new(),
        }
    }
}
