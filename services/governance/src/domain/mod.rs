//! What governance knows and the rules it holds: Circles, proposals decided by consent, decisions and their mandates.

pub mod circle;
#[cfg(test)]
mod consent_model;
pub mod content;
pub mod decision;
pub mod proposal;

use chrono::NaiveDate;
use kith_platform::error::{Kind, Refusal};

kith_platform::id_type!(
    /// A Circle.
    CircleId,
    /// Someone's wearing of a Circle hat.
    HoldingId,
    /// A proposal, through all its versions.
    ProposalId,
    /// A decision.
    DecisionId,
    /// What a decision changes elsewhere.
    MandateId,
);

/// Whether a command changed anything; doing again what is already so changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Something is different now.
    Changed,
    /// It was so already.
    Unchanged,
}

/// The days that a change may reach, as the tenant stands.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Today on the tenant's wall clock.
    pub today: NaiveDate,
    /// The earliest day that a live tenant accepts; none while the tenant brings in its history.
    pub earliest: Option<NaiveDate>,
}

impl Reach {
    /// Refuses a day that lies further back than a live tenant accepts.
    pub fn check(self, day: NaiveDate) -> Result<(), Refused> {
        match self.earliest {
            Some(earliest) if day < earliest => {
                Err(Refused::TooFarBack { days: (self.today - earliest).num_days() })
            }
            _ => Ok(()),
        }
    }
}

/// Why governance says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The client-made id belongs to something else.
    #[error("this id exists with other content")]
    IdExists,
    /// A day before what a live tenant accepts.
    #[error("it lies further back than {days} days")]
    TooFarBack {
        /// How many days back are accepted.
        days: i64,
    },
    /// The person is in the Circle from another day.
    #[error("this person is a member of the Circle already")]
    AlreadyMember,
    /// The person has an open invitation from another day.
    #[error("this person has been asked to join already and has not answered yet")]
    AlreadyInvited,
    /// Nobody asked this person.
    #[error("nobody has asked you to join this Circle")]
    NotInvited,
    /// The answer was given and is another one.
    #[error("this has been answered already; it has to be asked anew")]
    AlreadyAnswered,
    /// The person has left the tenant.
    #[error("this person has left")]
    HasLeft,
    /// The person is not a member who said yes.
    #[error("this needs a member of the Circle")]
    NotAMember,
    /// The last day does not come after the first.
    #[error("a term ends after it begins")]
    TermBackwards,
    /// More than two years.
    #[error("a term lasts at most two years")]
    TermTooLong,
    /// One person as Leader and Delegate at once.
    #[error("the Leader and the Delegate of a Circle are different people")]
    LeaderIsDelegate,
    /// The same person, hat and time under another id.
    #[error("this person has been asked for this hat in this time already")]
    HatAlreadyAsked,
    /// A step would be skipped.
    #[error("no step is skipped: the next one is {next}")]
    StepSkipped {
        /// The step that comes next.
        next: &'static str,
    },
    /// No consent round is open.
    #[error("no consent round is open for this proposal")]
    RoundNotOpen,
    /// The answer is about another version.
    #[error("the version in force is number {in_force}; read it first")]
    VersionNotInForce {
        /// Number of the version in force.
        in_force: i32,
    },
    /// An objection without an argument.
    #[error("an objection needs an argument")]
    ArgumentMissing,
    /// The proposer took it back.
    #[error("this proposal has been withdrawn")]
    Withdrawn,
    /// The Circle has decided.
    #[error("this proposal has been adopted")]
    AlreadyAdopted,
    /// Nobody overrules an objection.
    #[error("an objection stands: work it into a new version, or let its owner withdraw it")]
    ObjectionStands {
        /// How many.
        count: usize,
    },
    /// Not every member has consented to the version in force.
    #[error("{count} of the members have not consented to the version in force yet")]
    ConsentMissing {
        /// How many members.
        count: usize,
    },
    /// A Circle without members decides nothing.
    #[error("a Circle without members cannot decide")]
    NobodyToConsent,
    /// The review date is past, or after the term.
    #[error("the review date lies within the term, from tomorrow on")]
    ReviewDateOutsideTerm,
    /// The decision to revoke is not one of this Circle.
    #[error("this Circle has no such decision to revoke")]
    RevokesUnknownDecision,
    /// The decision to revoke changes nothing elsewhere.
    #[error("that decision changes nothing elsewhere, so there is nothing to revoke")]
    NothingToRevoke,
    /// It was revoked before.
    #[error("that decision has been revoked already")]
    AlreadyRevoked,
    /// The end before the beginning.
    #[error("a decision cannot be revoked from a day before it takes effect")]
    RevokedBeforeEffect,
}

impl Refusal for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::IdExists => Kind::AlreadyExists,
            Self::TooFarBack { .. }
            | Self::TermBackwards
            | Self::TermTooLong
            | Self::ArgumentMissing
            | Self::ReviewDateOutsideTerm
            | Self::RevokedBeforeEffect => Kind::InvalidArgument,
            Self::AlreadyMember
            | Self::AlreadyInvited
            | Self::NotInvited
            | Self::AlreadyAnswered
            | Self::HasLeft
            | Self::NotAMember
            | Self::LeaderIsDelegate
            | Self::HatAlreadyAsked
            | Self::StepSkipped { .. }
            | Self::RoundNotOpen
            | Self::VersionNotInForce { .. }
            | Self::Withdrawn
            | Self::AlreadyAdopted
            | Self::ObjectionStands { .. }
            | Self::ConsentMissing { .. }
            | Self::NobodyToConsent
            | Self::RevokesUnknownDecision
            | Self::NothingToRevoke
            | Self::AlreadyRevoked => Kind::FailedPrecondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::IdExists => "ID_EXISTS",
            Self::TooFarBack { .. } => "TOO_FAR_BACK",
            Self::AlreadyMember => "ALREADY_MEMBER",
            Self::AlreadyInvited => "ALREADY_INVITED",
            Self::NotInvited => "NOT_INVITED",
            Self::AlreadyAnswered => "ALREADY_ANSWERED",
            Self::HasLeft => "HAS_LEFT",
            Self::NotAMember => "NOT_A_MEMBER",
            Self::TermBackwards => "TERM_BACKWARDS",
            Self::TermTooLong => "TERM_TOO_LONG",
            Self::LeaderIsDelegate => "LEADER_IS_DELEGATE",
            Self::HatAlreadyAsked => "HAT_ALREADY_ASKED",
            Self::StepSkipped { .. } => "STEP_SKIPPED",
            Self::RoundNotOpen => "ROUND_NOT_OPEN",
            Self::VersionNotInForce { .. } => "VERSION_NOT_IN_FORCE",
            Self::ArgumentMissing => "ARGUMENT_MISSING",
            Self::Withdrawn => "WITHDRAWN",
            Self::AlreadyAdopted => "ALREADY_ADOPTED",
            Self::ObjectionStands { .. } => "OBJECTION_STANDS",
            Self::ConsentMissing { .. } => "CONSENT_MISSING",
            Self::NobodyToConsent => "NOBODY_TO_CONSENT",
            Self::ReviewDateOutsideTerm => "REVIEW_DATE_OUTSIDE_TERM",
            Self::RevokesUnknownDecision => "REVOKES_UNKNOWN_DECISION",
            Self::NothingToRevoke => "NOTHING_TO_REVOKE",
            Self::AlreadyRevoked => "ALREADY_REVOKED",
            Self::RevokedBeforeEffect => "REVOKED_BEFORE_EFFECT",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooFarBack { days } => vec![("days", days.to_string())],
            Self::StepSkipped { next } => vec![("next", (*next).to_owned())],
            Self::VersionNotInForce { in_force } => vec![("in_force", in_force.to_string())],
            Self::ObjectionStands { count } | Self::ConsentMissing { count } => {
                vec![("count", count.to_string())]
            }
            _ => Vec::new(),
        }
    }
}
