//! The door: what every call passes before its handler, in this order: span, metrics, token, deadline, what the caller
//! has already seen elsewhere, the whole request, limit, and a task of its own.
//!
//! The handler runs in its own task, which carries permit and span with it: a dropped call never cuts a transaction in
//! half, and cancelled calls still count against the limit. It goes on for as long after the call's deadline as one statement
//! may take in the database, and no longer: a connection may have gone silent.

mod gathered;

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use kith_proto::{Access, Method};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::causality::{self, Seen};
use crate::connections::LONGEST_STATEMENT;
use crate::context::Actor;
use crate::error::{self, Common, Error, Result};
use crate::host::Host;
use crate::telemetry;

pub(crate) use gathered::Gathered;

/// Largest request that is read, in bytes.
pub const MAX_RECEIVE: usize = 1024 * 1024;
/// Largest answer that is sent, in bytes.
pub const MAX_SEND: usize = 4 * 1024 * 1024;

/// Puts size limits on a generated server: `limited!(TeamsServiceServer::new(teams))`.
#[macro_export]
macro_rules! limited {
    ($server:expr) => {
        $server
            .max_decoding_message_size($crate::server::MAX_RECEIVE)
            .max_encoding_message_size($crate::server::MAX_SEND)
    };
}

/// Puts the door before every method.
#[derive(Clone, Debug)]
pub(crate) struct DoorLayer {
    pub host: Host,
    pub calls: Arc<Semaphore>,
}

impl<S> Layer<S> for DoorLayer {
    type Service = Door<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Door { inner, host: self.host.clone(), calls: self.calls.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Door<S> {
    inner: S,
    host: Host,
    calls: Arc<Semaphore>,
}

type Answer<E> = std::result::Result<Response<Body>, E>;

impl<S> Service<Request<Body>> for Door<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Answer<S::Error>>;

    fn poll_ready(&mut self, context: &mut TaskContext<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The service that was polled ready is used; the clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let Some(method) = Method::at(request.uri().path()) else {
            // Health and reflection, and the NOT_IMPLEMENTED of a path that is not there.
            return Box::pin(inner.call(request));
        };
        let span = telemetry::of_call(method.path, header(request.headers(), "traceparent"));
        let (host, calls) = (self.host.clone(), self.calls.clone());
        let started = Instant::now();
        let through = async move {
            let answer = match admit(&host, calls, method, request).await {
                Ok((request, permit, left)) => {
                    let work = async move {
                        // Whoever called has long been told that it took too long. What still waits has a connection that
                        // has gone silent, and gives it up together with its permit.
                        let answer =
                            tokio::time::timeout(left + LONGEST_STATEMENT, inner.call(request)).await;
                        drop(permit);
                        answer.unwrap_or_else(|_| Ok(refuse(Common::DeadlineExceeded.into())))
                    };
                    let task = host.life().tasks.spawn(work.in_current_span());
                    match tokio::time::timeout(left, task).await {
                        Ok(Ok(answer)) => answer,
                        Ok(Err(_)) => Ok(refuse(Error::internal(anyhow::anyhow!("the handler panicked")))),
                        Err(_) => Ok(refuse(Common::DeadlineExceeded.into())),
                    }
                }
                Err(error) => Ok(refuse(error)),
            };
            let answer = answer.map(with_reason);
            if let Ok(answer) = &answer {
                let code =
                    header(answer.headers(), "grpc-status").and_then(|code| code.parse().ok()).unwrap_or(0);
                telemetry::called(method.path, code, started.elapsed());
            }
            answer
        };
        Box::pin(through.instrument(span))
    }
}

fn refuse(error: Error) -> Response<Body> {
    Status::from(error).into_http()
}

/// Gives a reason to a refusal that is not ours: a message that is too large, or none of the method's.
fn with_reason(answer: Response<Body>) -> Response<Body> {
    match answer.extensions().get::<Status>() {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            error::explained(status).into_http()
        }
        _ => answer,
    }
}

type Admitted = (Request<Body>, tokio::sync::OwnedSemaphorePermit, Duration);

/// Largest request of somebody who has not signed in, in bytes.
const MAX_OF_NOBODY: usize = 64 * 1024;
/// What gRPC puts before a message.
const PREFIX: usize = 5;

/// A prefix that announces more than anybody may send: the method's own limit refuses it.
const TOO_LARGE: [u8; PREFIX] = [0, 255, 255, 255, 255];

/// Reads the whole request, so that nobody holds a permit by sending slowly.
async fn read(mut body: Body, most: usize) -> Result<Body> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Cut off: who sent it is gone, and hears nothing of this.
        let Ok(frame) = frame else { return Err(Common::DeadlineExceeded.into()) };
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > PREFIX + most {
            return Ok(Body::new(Full::from(TOO_LARGE.as_slice())));
        }
    }
    Ok(Body::new(Full::new(bytes.freeze())))
}

async fn admit(
    host: &Host,
    calls: Arc<Semaphore>,
    method: &Method,
    request: Request<Body>,
) -> Result<Admitted> {
    let actor = authenticate(host, method, request.headers())?;
    let longest = Duration::from_secs(host.config().server.call_timeout_seconds);
    let asked = header(request.headers(), "grpc-timeout").and_then(parse_timeout);
    // A tenth less than the caller waits, so that it hears our answer and not its own clock.
    let limit = asked.map_or(longest, |asked| (asked / 10 * 9).min(longest));
    let started = Instant::now();
    if let Some(tenant) = actor.tenant() {
        let seen = causality::parse(request.headers())?;
        let mine: Vec<Seen> = seen.into_iter().filter(|seen| host.listens_to(&seen.event_type)).collect();
        if !mine.is_empty() {
            let applied = host.wait_until_applied(tenant, &mine, limit / 2);
            tokio::time::timeout(limit, applied).await.map_err(|_| Common::DeadlineExceeded)??;
        }
    }
    let most = if actor == Actor::Nobody { MAX_OF_NOBODY } else { MAX_RECEIVE };
    let (parts, body) = request.into_parts();
    let body = tokio::time::timeout(limit.saturating_sub(started.elapsed()), read(body, most)).await;
    let mut request = Request::from_parts(parts, body.map_err(|_| Common::DeadlineExceeded)??);
    let Ok(permit) = calls.try_acquire_owned() else {
        telemetry::shed();
        return Err(Common::Overloaded.into());
    };
    request.extensions_mut().insert(actor);
    Ok((request, permit, limit.saturating_sub(started.elapsed())))
}

/// A public method is called by nobody, whatever token came with it; the others need the right kind of actor.
fn authenticate(host: &Host, method: &Method, headers: &HeaderMap) -> Result<Actor> {
    if method.access == Access::Public {
        return Ok(Actor::Nobody);
    }
    let token = header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    let actor = host.verifier().verify(token.ok_or(Common::Unauthenticated)?)?;
    match (method.access, actor) {
        (Access::Person, Actor::Person { .. }) | (Access::Operator, Actor::Operator { .. }) => Ok(actor),
        _ => Err(Common::PermissionDenied.into()),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reads `grpc-timeout`: at most eight digits and a unit.
fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_in_every_unit() {
        assert_eq!(parse_timeout("10S"), Some(Duration::from_secs(10)));
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("1H"), Some(Duration::from_hours(1)));
        assert_eq!(parse_timeout("123456789S"), None);
        assert_eq!(parse_timeout("S"), None);
        assert_eq!(parse_timeout(""), None);
    }
}
