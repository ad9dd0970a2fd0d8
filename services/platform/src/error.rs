//! One error type for everything above the domain, and the only map from it to gRPC.
//!
//! A rule that says no is a [`Refusal`]: an enum beside the rules of each service, with a stable reason. What goes to
//! the caller (the refusal's own words, never a value that is personal) and what goes to the log (the chain of causes)
//! are kept apart.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What a call or a step of work gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The restricted set of kinds that a refusal may have. A new one needs a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong, whatever the state.
    InvalidArgument,
    /// The thing exists already with other content, or the request id was used for something else.
    AlreadyExists,
    /// The state must change first.
    FailedPrecondition,
    /// Somebody else was quicker: read again and retry.
    Aborted,
    /// The caller may know of the thing but not do this.
    PermissionDenied,
    /// Too much at once, or too often.
    ResourceExhausted,
    /// Not now; the same call may be repeated.
    Unavailable,
    /// Nobody is signed in, or not any more.
    Unauthenticated,
}

/// A rule that says no. Its `Display` is what the caller reads: plain, lower case, no personal data.
pub trait Refusal: std::error::Error + Send + Sync + 'static {
    /// Which kind of no.
    fn kind(&self) -> Kind;
    /// Stable, upper case with underscores, at most 63 characters; the same for the same refusal for ever.
    fn reason(&self) -> &'static str;
    /// After which time the very same call may succeed; `None` where repeating it is no use.
    fn retry_after(&self) -> Option<Duration> {
        (self.kind() == Kind::Unavailable).then_some(RETRY_AFTER)
    }
    /// Whatever varies in the message, by name.
    fn metadata(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name as in the proto, with dots and indices: `funding.shares[1].share_bp`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// Why a call or a step of work did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are wrong; all of them are named.
    #[error("some fields are not right")]
    Invalid(Vec<Violation>),
    /// There is no such thing, or the caller may not know of it: the same answer for both.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// A rule says no.
    #[error("{0}")]
    Refused(Box<dyn Refusal>),
    /// The database did not answer as it should.
    #[error("the database did not answer as it should")]
    Database(#[from] sqlx::Error),
    /// A row breaks an invariant.
    #[error("{table} row {row} is inconsistent: {problem}")]
    Inconsistent {
        /// Which table.
        table: &'static str,
        /// Which row, by id.
        row: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something that should never fail did.
    #[error("internal failure")]
    Internal(#[source] anyhow::Error),
}

impl<R: Refusal> From<R> for Error {
    fn from(refusal: R) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Error {
    /// A failure that is nobody's fault but ours.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(cause.into())
    }

    /// One wrong field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.into(), description: description.into() }])
    }

    /// Turns a violation of a named constraint into a refusal: `.map_err(|e| Error::on_constraint(e, "booking_once", || Clash))`.
    pub fn on_constraint<R: Refusal>(
        error: sqlx::Error,
        constraint: &str,
        refusal: impl FnOnce() -> R,
    ) -> Self {
        let hit =
            error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) == Some(constraint);
        if hit { refusal().into() } else { Self::Database(error) }
    }

    /// Whether it is the data that the database will not have: trying again changes nothing (SQLSTATE classes 22, 23).
    pub(crate) fn is_of_the_data(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// Whether PostgreSQL itself said no: the statement is over, and its connection sound.
    pub(crate) fn is_the_databases_answer(&self) -> bool {
        matches!(self, Self::Database(error) if error.as_database_error().is_some())
    }

    /// Whether a write was refused where only reading is let: by a standby, which passes; or in a query of ours, which does
    /// not (SQLSTATE `read_only_sql_transaction`).
    pub(crate) fn is_a_refused_write(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.as_deref() == Some("25006")
    }

    /// Whether it was refused because the tenant accepts no changes now, or none any more.
    pub(crate) fn is_of_the_tenants_state(&self) -> bool {
        let common = match self {
            Self::Database(cause) => database_kind(cause),
            Self::Refused(refusal) => {
                let states = [Common::TenantFrozen, Common::TenantSuspended, Common::TenantReleased];
                states.into_iter().find(|state| state.reason() == refusal.reason())
            }
            _ => None,
        };
        matches!(common, Some(Common::TenantFrozen | Common::TenantSuspended | Common::TenantReleased))
    }

    /// Whether the same work may succeed when it is simply done again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.kind(), Kind::Unavailable),
            Self::Database(error) => database_kind(error).is_some(),
            _ => false,
        }
    }
}

/// Whether a failure somewhere in this chain may pass by itself: what failed was the database's being away or busy.
pub(crate) fn may_pass(failure: &anyhow::Error) -> bool {
    failure.chain().any(|cause| {
        cause.downcast_ref::<Error>().is_some_and(Error::is_transient)
            || cause.downcast_ref::<sqlx::Error>().is_some_and(|error| database_kind(error).is_some())
    })
}

/// The refusals that belong to no service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Common {
    /// No token, or one that does not verify.
    #[error("sign in first")]
    Unauthenticated,
    /// May know of it, may not do it.
    #[error("you may not do this")]
    PermissionDenied,
    /// The etag is not the current one.
    #[error("it has changed since you read it; read it again")]
    StaleEtag,
    /// The request id was used with other content.
    #[error("this request id was used for something else; make a new one")]
    RequestIdReused,
    /// The client-made id was used with other content.
    #[error("this id exists with other content")]
    IdExists,
    /// Two changed the same thing at once.
    #[error("somebody else changed it at the same moment; try again")]
    Contended,
    /// A fact that the caller has already seen elsewhere has not arrived here yet.
    #[error("what you did elsewhere has not arrived here yet; try again")]
    NotCaughtUp,
    /// An event that the caller depends on was given up on here; an operator must look.
    #[error("an earlier change could not be applied here; an operator has to look at it")]
    EventDead,
    /// Too many calls at once.
    #[error("too much is going on; try again in a moment")]
    Overloaded,
    /// The call took too long.
    #[error("this took too long; repeat it under the same request id")]
    DeadlineExceeded,
    /// Something that we depend on is away.
    #[error("something is being restarted; try again in a moment")]
    Unavailable,
    /// The tenant does not accept changes now.
    #[error("this place does not accept changes at the moment; try again later")]
    TenantFrozen,
    /// The host has suspended the tenant.
    #[error("this place is suspended: you can read and export, and change nothing")]
    TenantSuspended,
    /// The tenant lives elsewhere now.
    #[error("this place has moved: what is here is kept for reading only")]
    TenantReleased,
    /// The moment lies in the future.
    #[error("it cannot have happened in the future")]
    InTheFuture,
    /// The moment lies further back than a live tenant accepts.
    #[error("it lies further back than {days} days")]
    TooFarBack {
        /// How many days back are accepted.
        days: i64,
    },
}

impl Refusal for Common {
    fn kind(&self) -> Kind {
        match self {
            Self::Unauthenticated => Kind::Unauthenticated,
            Self::PermissionDenied => Kind::PermissionDenied,
            Self::StaleEtag | Self::Contended => Kind::Aborted,
            Self::RequestIdReused | Self::IdExists => Kind::AlreadyExists,
            Self::NotCaughtUp | Self::Unavailable | Self::TenantFrozen | Self::DeadlineExceeded => {
                Kind::Unavailable
            }
            Self::EventDead | Self::TenantSuspended | Self::TenantReleased => Kind::FailedPrecondition,
            Self::Overloaded => Kind::ResourceExhausted,
            Self::InTheFuture | Self::TooFarBack { .. } => Kind::InvalidArgument,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::StaleEtag => "STALE_ETAG",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::IdExists => "ID_EXISTS",
            Self::Contended => "CONTENDED",
            Self::NotCaughtUp => "NOT_CAUGHT_UP",
            Self::EventDead => "EVENT_DEAD",
            Self::Overloaded => "OVERLOADED",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Unavailable => "UNAVAILABLE",
            Self::TenantFrozen => "TENANT_FROZEN",
            Self::TenantSuspended => "TENANT_SUSPENDED",
            Self::TenantReleased => "TENANT_RELEASED",
            Self::InTheFuture => "IN_THE_FUTURE",
            Self::TooFarBack { .. } => "TOO_FAR_BACK",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        let soon = matches!(self, Self::Contended | Self::Overloaded) || self.kind() == Kind::Unavailable;
        soon.then_some(RETRY_AFTER)
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooFarBack { days } => vec![("days", days.to_string())],
            _ => Vec::new(),
        }
    }
}

/// The domain of every ErrorInfo: who defines the reasons.
pub const ERROR_DOMAIN: &str = "kith";
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// What a database failure means for the caller, where it means anything but a defect.
fn database_kind(error: &sqlx::Error) -> Option<Common> {
    if let Some(database) = error.as_database_error() {
        return match database.code().as_deref() {
            // serialization_failure, deadlock_detected, lock_not_available
            Some("40001" | "40P01" | "55P03") => Some(Common::Contended),
            // query_canceled: statement_timeout
            Some("57014") => Some(Common::DeadlineExceeded),
            // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout, idle_in_transaction_session_timeout
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03") => Some(Common::Unavailable),
            // insufficient_resources (disk full, out of memory, too_many_connections), io_error, a standby in front,
            // connection_exception
            Some(code) if code.starts_with("53") || code.starts_with("08") => Some(Common::Unavailable),
            Some("58030" | "25006") => Some(Common::Unavailable),
            // raised by platform.begin
            Some("KT001") => Some(Common::TenantFrozen),
            Some("KT002") => Some(Common::NotCaughtUp),
            Some("KT004") => Some(Common::TenantSuspended),
            Some("KT005") => Some(Common::TenantReleased),
            _ => None,
        };
    }
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Some(Common::Unavailable),
        _ => None,
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match &error {
            Error::Invalid(violations) => {
                let mut details = info("INVALID_FIELDS", Vec::new());
                for violation in violations {
                    details.add_bad_request_violation(&violation.field, &violation.description);
                }
                Status::with_error_details(Code::InvalidArgument, error.to_string(), details)
            }
            Error::NotFound(_) => {
                Status::with_error_details(Code::NotFound, error.to_string(), info("NOT_FOUND", Vec::new()))
            }
            Error::Refused(refusal) => refused(refusal.as_ref()),
            Error::Database(cause) => match database_kind(cause) {
                Some(common) => refused(&common),
                None => internal(&error),
            },
            Error::Inconsistent { .. } | Error::Internal(_) => internal(&error),
        }
    }
}

fn refused(refusal: &dyn Refusal) -> Status {
    let code = match refusal.kind() {
        Kind::InvalidArgument => Code::InvalidArgument,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::FailedPrecondition => Code::FailedPrecondition,
        Kind::Aborted => Code::Aborted,
        Kind::PermissionDenied => Code::PermissionDenied,
        Kind::ResourceExhausted => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
        Kind::Unauthenticated => Code::Unauthenticated,
    };
    let mut details = info(refusal.reason(), refusal.metadata());
    if let Some(retry_after) = refusal.retry_after() {
        details.set_retry_info(Some(retry_after));
    }
    Status::with_error_details(code, refusal.to_string(), details)
}

/// What the framework refused by itself, before any handler of ours: the same with a reason, as every refusal has one.
pub(crate) fn explained(status: &Status) -> Status {
    let (code, reason, message) = match status.code() {
        Code::OutOfRange => (Code::OutOfRange, "MESSAGE_TOO_LARGE", "the message is larger than 1 MiB"),
        Code::Internal => (Code::InvalidArgument, "MALFORMED_MESSAGE", "this is no message of this method"),
        code => (code, "NOT_UNDERSTOOD", status.message()),
    };
    Status::with_error_details(code, message, info(reason, Vec::new()))
}

fn internal(error: &Error) -> Status {
    let cause: &dyn std::error::Error = error;
    let mut chain = error.to_string();
    let mut next = cause.source();
    while let Some(inner) = next {
        chain.push_str(": ");
        chain.push_str(&safe(inner));
        next = inner.source();
    }
    tracing::error!(error.chain = chain, "a call failed");
    Status::with_error_details(Code::Internal, "internal failure", info("INTERNAL", Vec::new()))
}

/// A cause as it may stand in a log: of a database error its code, table and constraint, never its values.
fn safe(cause: &(dyn std::error::Error + 'static)) -> String {
    match cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error) {
        Some(database) => format!(
            "database error {} on table {:?} constraint {:?}",
            database.code().unwrap_or_default(),
            database.table(),
            database.constraint()
        ),
        None if cause.is::<sqlx::postgres::PgDatabaseError>() => "see above".to_owned(),
        None => cause.to_string(),
    }
}

fn info(reason: &str, metadata: Vec<(&'static str, String)>) -> ErrorDetails {
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_carries_its_reason_and_the_transient_ones_say_when_to_retry() {
        let status = Status::from(Error::from(Common::TooFarBack { days: 45 }));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().expect("an ErrorInfo");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("TOO_FAR_BACK", ERROR_DOMAIN));
        assert_eq!(info.metadata.get("days").map(String::as_str), Some("45"));

        let status = Status::from(Error::from(Common::NotCaughtUp));
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.get_error_details().retry_info().is_some());
    }

    #[test]
    fn all_wrong_fields_are_named_at_once() {
        let error = Error::Invalid(vec![
            Violation { field: "a".into(), description: "is missing".into() },
            Violation { field: "b.c".into(), description: "is negative".into() },
        ]);
        let status = Status::from(error);
        let details = status.get_error_details();
        assert_eq!(details.bad_request().expect("a BadRequest").field_violations.len(), 2);
        assert!(details.error_info().is_some());
    }

    #[test]
    fn the_cause_of_an_internal_failure_stays_inside() {
        let status = Status::from(Error::internal(anyhow::anyhow!("the secret is 42")));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("42"));
    }
}
