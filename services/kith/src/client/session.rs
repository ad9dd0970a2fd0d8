//! Somebody who is signed in: sends the token with each call and signs in anew before it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use kith_platform::clock::Clock;
use kith_proto::common::v1::{GetBacklogRequest, GetBacklogResponse};
use kith_proto::identity::v1::{SignInRequest, Tokens};
use tokio::sync::Mutex;
use tonic::{Code, Status};

use super::addresses::Service;
use super::calls::{Call, method_of};
use super::causality::MOST;
use super::hub::{Errand, Hub, service_of};
use super::refusal::Refused;
use super::request_id;

/// No token is used for longer, however long it lives, nor in the last fifth of its life.
const USED_FOR: Duration = Duration::from_mins(8);

/// What someone signs in with.
#[derive(Clone)]
pub struct Credentials {
    /// E-mail address of the account.
    pub email: String,
    /// Its password.
    pub password: String,
    /// Where to.
    pub place: Place,
}

/// Where someone signs in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The tenant of this slug.
    Tenant(String),
    /// The host, as an operator.
    Host,
}

/// Somebody's way of calling; signs in with the first call. Copies share one sign-in.
#[derive(Clone)]
pub struct Session {
    hub: Arc<Hub>,
    inner: Arc<Inner>,
}

struct Inner {
    who: String,
    credentials: Credentials,
    /// And until when they are used.
    tokens: Mutex<Option<(Tokens, Instant)>>,
}

impl Session {
    /// Prepares a session; `who` names the person in messages.
    pub fn new(hub: Arc<Hub>, who: impl Into<String>, credentials: Credentials) -> Self {
        Self { hub, inner: Arc::new(Inner { who: who.into(), credentials, tokens: Mutex::default() }) }
    }

    /// The name in messages.
    pub fn who(&self) -> &str {
        &self.inner.who
    }

    /// The e-mail address of the account.
    pub fn email(&self) -> &str {
        &self.inner.credentials.email
    }

    /// The account's password.
    pub fn password(&self) -> &str {
        &self.inner.credentials.password
    }

    /// Signs in now and says whether that is possible; an error only where identity cannot be asked.
    pub async fn can_sign_in(&self) -> Result<bool, Refused> {
        match self.token(&self.hub).await {
            Ok(_) => Ok(true),
            Err(refused) => match refused.code() {
                Code::Unauthenticated | Code::NotFound | Code::PermissionDenied => Ok(false),
                _ => Err(refused),
            },
        }
    }

    /// Calls the method that takes this request. A call that changes state gets a request id made from what it asks
    /// for, so that a repeat, in this run or a later one, is known as the same.
    pub async fn call<R: Call>(&self, request: R) -> Result<R::Answer, Refused> {
        self.send(request, None).await
    }

    /// The same with a request id of this run alone, for a command whose content does not say all it depends on.
    pub async fn call_anew<R: Call>(&self, request: R) -> Result<R::Answer, Refused> {
        self.send(request, Some(self.hub.nonce())).await
    }

    /// What one service has under way for the tenant.
    pub async fn backlog(&self, service: Service) -> Result<GetBacklogResponse, Refused> {
        self.hand_on(service, GetBacklogRequest {}).await
    }

    /// Calls a method that every service serves, at one of them.
    pub async fn call_at<R: Call>(&self, service: Service, request: R) -> Result<R::Answer, Refused> {
        self.hand_on(service, request).await
    }

    /// Who the account is where it signed in.
    pub async fn person_id(&self) -> Result<String, Refused> {
        self.token(&self.hub).await?;
        let tokens = self.inner.tokens.lock().await;
        Ok(tokens.as_ref().map(|(tokens, _)| tokens.person_id.clone()).unwrap_or_default())
    }

    async fn send<R: Call>(&self, mut request: R, nonce: Option<u64>) -> Result<R::Answer, Refused> {
        request_id::fill_in(&mut request, self.email(), nonce);
        self.hand_on(service_of(method_of::<R>()), request).await
    }

    /// Calls with everything the service is not known to have; what does not fit goes ahead in calls of its own.
    async fn hand_on<R: Call>(&self, service: Service, request: R) -> Result<R::Answer, Refused> {
        if self.inner.credentials.place == Place::Host {
            let errand = Errand { who: self.who(), session: Some(self), service, after: Vec::new() };
            return self.hub.perform(errand, request).await;
        }
        loop {
            let mut after = self.hub.causes().pending(service);
            if after.len() <= MOST {
                let errand = Errand { who: self.who(), session: Some(self), service, after };
                return self.hub.perform(errand, request).await;
            }
            after.truncate(MOST);
            let errand = Errand { who: self.who(), session: Some(self), service, after };
            self.hub.perform(errand, GetBacklogRequest {}).await?;
        }
    }

    /// A token that lives long enough for a call; signs in where there is none.
    pub(super) async fn token(&self, hub: &Hub) -> Result<String, Refused> {
        let mut tokens = self.inner.tokens.lock().await;
        if let Some((known, until)) = &*tokens
            && Instant::now() < *until
        {
            return Ok(known.access_token.clone());
        }
        let credentials = &self.inner.credentials;
        let (tenant, as_operator) = match &credentials.place {
            Place::Tenant(slug) => (slug.clone(), false),
            Place::Host => (String::new(), true),
        };
        let request = SignInRequest {
            email: credentials.email.clone(),
            password: credentials.password.clone(),
            tenant,
            as_operator,
        };
        // Boxed: signing in is a call, and a call may sign in.
        let answer = Box::pin(hub.call_unnamed(self.who(), request)).await?;
        let Some(new) = answer.tokens else {
            let status = Status::unauthenticated("the account may not sign in here");
            return Err(Refused::new(self.who(), method_of::<SignInRequest>().path, status, None));
        };
        let token = new.access_token.clone();
        let until = Instant::now() + used_for(&new);
        *tokens = Some((new, until));
        Ok(token)
    }

    pub(super) async fn forget_token(&self) {
        *self.inner.tokens.lock().await = None;
    }
}

fn used_for(tokens: &Tokens) -> Duration {
    let end = tokens.access_expire_time.as_ref().map(|end| end.seconds);
    let life = end.map(|end| end - Clock::System.now().timestamp()).and_then(|life| u64::try_from(life).ok());
    life.map_or(USED_FOR, |life| (Duration::from_secs(life) / 5 * 4).min(USED_FOR))
}
