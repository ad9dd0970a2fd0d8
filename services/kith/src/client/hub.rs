//! The connections of one run and what its calls have caused; sends a call until it is answered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kith_proto::Method;
use rand::TryRng;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::addresses::{Addresses, Service};
use super::back_off::BackOff;
use super::calls::{Call, method_of};
use super::causality::{Cause, Causes};
use super::journal::Journal;
use super::refusal::{Refused, Verdict, verdict};
use super::request_id;
use super::session::Session;

/// How long one attempt may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a call is repeated while a service is away.
const REPEAT_FOR: Duration = Duration::from_mins(2);
/// After that long somebody who waits is told what for.
const SAY_AFTER: Duration = Duration::from_secs(5);

/// Shared by all sessions of a run.
pub struct Hub {
    channels: Vec<(Service, Channel)>,
    causes: Mutex<Causes>,
    nonce: u64,
    journal: Option<Journal>,
}

/// One call to be repeated until it is answered: where it goes and what it hands on.
pub(super) struct Errand<'a> {
    /// Named in a refusal.
    pub(super) who: &'a str,
    pub(super) session: Option<&'a Session>,
    pub(super) service: Service,
    pub(super) after: Vec<Cause>,
}

impl Hub {
    /// Prepares the seven connections; none is made before its first call.
    pub fn new(addresses: &Addresses) -> Result<Self> {
        let mut channels = Vec::with_capacity(Service::ALL.len());
        for service in Service::ALL {
            channels.push((service, addresses.channel(service)?));
        }
        let nonce = rand::rngs::SysRng.try_next_u64().context("the system gives no random numbers")?;
        Ok(Self { channels, causes: Mutex::default(), nonce, journal: None })
    }

    /// Writes down what is asked for and acknowledged from now on.
    #[must_use]
    pub fn with_journal(mut self, journal: Option<Journal>) -> Self {
        self.journal = journal;
        self
    }

    /// A number of this run alone.
    pub(super) fn nonce(&self) -> u64 {
        self.nonce
    }

    pub(super) fn causes(&self) -> MutexGuard<'_, Causes> {
        self.causes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls without being signed in: nothing says who asks, and nothing is handed on that could tell.
    pub async fn call_unnamed<R: Call>(&self, who: &str, mut request: R) -> Result<R::Answer, Refused> {
        request_id::fill_in(&mut request, who, None);
        let service = service_of(method_of::<R>());
        self.perform(Errand { who, session: None, service, after: Vec::new() }, request).await
    }

    /// Sends the same request until the service decides, or the time is up.
    pub(super) async fn perform<R: Call>(
        &self,
        errand: Errand<'_>,
        mut request: R,
    ) -> Result<R::Answer, Refused> {
        let method = method_of::<R>();
        let request_id = request.request_id().map(|id| id.clone());
        let noted = request_id.as_deref().zip(self.journal.as_ref());
        let seed = self.nonce ^ u64::from(std::process::id()) ^ request.encoded_len() as u64;
        let started = Instant::now();
        let mut said = false;
        let mut back_off = BackOff::new(started, REPEAT_FOR, seed);
        let mut signed_in_anew = false;
        loop {
            let token = match errand.session {
                Some(session) => Some(session.token(self).await?),
                None => None,
            };
            if let Some((id, journal)) = noted {
                journal.attempted(id, method.path);
            }
            let status = match self.attempt(method, &errand, token.as_deref(), request.clone()).await {
                Ok(answer) => {
                    let caused = self.learn(&answer);
                    if let Some((id, journal)) = noted {
                        journal.acknowledged(id, &caused);
                    }
                    self.causes().mark_delivered(errand.service, errand.after);
                    return Ok(answer.into_inner());
                }
                Err(status) => status,
            };
            if let Some(session) = errand.session
                && status.code() == tonic::Code::Unauthenticated
                && !signed_in_anew
            {
                signed_in_anew = true;
                eprintln!("  {} did not accept the token of {}; signing in anew", errand.service, errand.who);
                session.forget_token().await;
                continue;
            }
            let refuse = |status: &Status| {
                if let Some((id, journal)) = noted {
                    journal.refused(id, status.message());
                }
            };
            let Verdict::Again(asked) = verdict(&status) else {
                refuse(&status);
                return Err(Refused::new(errand.who, method.path, status, None));
            };
            let Some(pause) = back_off.pause(Instant::now(), asked) else {
                refuse(&status);
                return Err(Refused::new(errand.who, method.path, status, Some(REPEAT_FOR)));
            };
            if !said && started.elapsed() >= SAY_AFTER {
                eprintln!("  {} does not answer yet ({}); going on trying", errand.service, status.message());
                said = true;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt<R: Call>(
        &self,
        method: &'static Method,
        errand: &Errand<'_>,
        token: Option<&str>,
        message: R,
    ) -> Result<Response<R::Answer>, Status> {
        let mut request = Request::new(message);
        request.set_timeout(DEADLINE);
        let metadata = request.metadata_mut();
        if let Some(token) = token {
            let bearer = AsciiMetadataValue::try_from(format!("Bearer {token}"));
            metadata.insert("authorization", bearer.map_err(|_| Status::internal("the token is no text"))?);
        }
        for cause in &errand.after {
            let value = AsciiMetadataValue::try_from(cause.written.as_str());
            metadata.append(AFTER, value.map_err(|_| Status::internal("an event id is no text"))?);
        }
        let mut grpc = Grpc::new(self.channel(errand.service));
        grpc.ready().await.map_err(|error| Status::unavailable(format!("cannot be reached: {error}")))?;
        let codec = ProstCodec::<R, R::Answer>::default();
        let exchange = grpc.unary(request, PathAndQuery::from_static(method.path), codec);
        tokio::time::timeout(DEADLINE + Duration::from_secs(1), exchange)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
    }

    /// Takes in what an answer says that the call caused, and returns it.
    fn learn<'a, T>(&self, answer: &'a Response<T>) -> Vec<&'a str> {
        let values: Vec<&str> =
            answer.metadata().get_all(CAUSED).iter().filter_map(|value| value.to_str().ok()).collect();
        if !values.is_empty() {
            self.causes().record(values.iter().copied());
        }
        values
    }

    fn channel(&self, service: Service) -> Channel {
        let found = self.channels.iter().find(|(name, _)| *name == service);
        found.map(|(_, channel)| channel.clone()).expect("`new` made one connection for each service")
    }
}

/// Metadata of an answer: an event that the call wrote.
const CAUSED: &str = "kith-caused";
/// Metadata of a call: an event that must be applied before it is answered.
const AFTER: &str = "kith-after";

/// The service whose method this is; the operations of all seven belong to none.
pub(super) fn service_of(method: &Method) -> Service {
    let package = method.path.split('.').nth(1).unwrap_or_default();
    Service::named(package).expect("methods of `common` are called at a named service")
}
