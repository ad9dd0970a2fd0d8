//! A call that was refused, in words.

use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A service's answer other than success: who called what, and everything the service said.
#[derive(Clone, Debug)]
pub struct Refused(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    who: String,
    method: &'static str,
    status: Status,
    gave_up_after: Option<Duration>,
}

/// What to do about an answer other than success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The service has decided.
    Final,
    /// Repeat the same request, after at least this long where the service says how long.
    Again(Option<Duration>),
}

/// Tells a decision from a service that is away. Services always say why (ErrorInfo), so an answer of a general kind
/// without a reason comes from the connection.
pub(super) fn verdict(status: &Status) -> Verdict {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let says_why = status.get_details_error_info().is_some();
    let again = match status.code() {
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => true,
        Code::Aborted => status.get_details_retry_info().is_some(),
        Code::Unknown | Code::Internal | Code::Cancelled => !says_why,
        _ => false,
    };
    if again { Verdict::Again(asked) } else { Verdict::Final }
}

impl Refused {
    pub(super) fn new(
        who: &str,
        path: &'static str,
        status: Status,
        gave_up_after: Option<Duration>,
    ) -> Self {
        let method = path.rsplit_once('.').map_or(path, |(_, method)| method);
        Self(Box::new(Inner { who: who.to_owned(), method, status, gave_up_after }))
    }

    /// The kind of refusal.
    pub fn code(&self) -> Code {
        self.0.status.code()
    }

    /// The reason as the service names it, such as `DOUBLE_BOOKED`.
    pub fn reason(&self) -> Option<String> {
        self.0.status.get_details_error_info().map(|info| info.reason)
    }

    /// Whether the service gives exactly this reason.
    pub fn is_because(&self, reason: &str) -> bool {
        self.reason().as_deref() == Some(reason)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { who, method, status, gave_up_after } = &*self.0;
        write!(formatter, "{method} as {who}: {}", code_name(status.code()))?;
        let details = status.get_error_details();
        if let Some(info) = details.error_info() {
            write!(formatter, " {}", info.reason)?;
        }
        write!(formatter, ": {}", status.message())?;
        if let Some(waited) = gave_up_after {
            write!(formatter, " (repeated for {} s)", waited.as_secs())?;
        }
        if let Some(info) = details.error_info() {
            let mut metadata: Vec<_> = info.metadata.iter().collect();
            metadata.sort();
            for (name, value) in metadata {
                write!(formatter, "\n    {name} = {value}")?;
            }
        }
        if let Some(request) = details.bad_request() {
            for violation in &request.field_violations {
                write!(formatter, "\n    {}: {}", violation.field, violation.description)?;
            }
        }
        if let Some(failure) = details.precondition_failure() {
            for violation in &failure.violations {
                write!(formatter, "\n    {}: {}", violation.subject, violation.description)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// The code as the gRPC documents write it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn with_reason(code: Code) -> Status {
        Status::with_error_details(code, "no", ErrorDetails::with_error_info("SO", "kith", HashMap::new()))
    }

    #[test]
    fn a_service_that_is_away_is_told_from_a_decision() {
        assert_eq!(verdict(&Status::unavailable("transport error")), Verdict::Again(None));
        assert_eq!(verdict(&Status::unknown("transport error")), Verdict::Again(None));
        assert_eq!(verdict(&Status::cancelled("timeout expired")), Verdict::Again(None));
        assert_eq!(verdict(&with_reason(Code::Internal)), Verdict::Final);
        assert_eq!(
            verdict(&with_reason(Code::Aborted)),
            Verdict::Final,
            "a stale etag does not get fresh by itself"
        );
        assert_eq!(verdict(&with_reason(Code::FailedPrecondition)), Verdict::Final);
        let wait = Duration::from_millis(250);
        let details = ErrorDetails::with_retry_info(Some(wait));
        let busy = Status::with_error_details(Code::Aborted, "busy", details);
        assert_eq!(verdict(&busy), Verdict::Again(Some(wait)));
    }

    #[test]
    fn a_refusal_says_everything_the_service_said() {
        let mut details = ErrorDetails::with_bad_request_violation("rule.name", "must not be empty");
        details.set_error_info("INVALID_FIELDS", "kith", HashMap::new());
        details.add_bad_request_violation("rule.mode", "is missing");
        let status = Status::with_error_details(Code::InvalidArgument, "some fields are wrong", details);
        let refused =
            Refused::new("Owner One", "/kith.finance.v1.RulesService/AddFoundingRule", status, None);
        assert_eq!(
            refused.to_string(),
            "RulesService/AddFoundingRule as Owner One: INVALID_ARGUMENT INVALID_FIELDS: some fields are wrong\n    \
             rule.name: must not be empty\n    rule.mode: is missing"
        );
        assert!(refused.is_because("INVALID_FIELDS"));
    }
}
