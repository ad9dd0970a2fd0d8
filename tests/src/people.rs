//! People who call the seven services for themselves: each with a token of their own, handing on what was caused.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Buf, BufMut};
use http::uri::PathAndQuery;
use kith_platform::auth::TokenKey;
use kith_platform::causality::{AFTER, CAUSED, MOST};
use kith_platform::clock::Clock;
use kith_platform::context::Actor;
use kith_platform::id::{Ids, PersonId, TenantId, Uuid};
use kith_proto::common::v1::{GetBacklogRequest, GetBacklogResponse};
use kith_proto::governance::v1::{ListCirclesRequest, ListCirclesResponse};
use kith_proto::identity::v1::{
    LegalFactContent, LegalFactKind, RecordLegalFactRequest, RecordLegalFactResponse,
};
use kith_proto::teams::v1::{ListTeamsRequest, ListTeamsResponse};
use kith_proto::{METHODS, Method};
use prost::{Message, Name};
use sqlx::Row as _;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::stack::Stack;

/// How often a call that came too early is repeated, a tenth of a second apart.
const REPEATS: usize = 300;

/// Everybody of the one tenant of a stack into which a month was taken.
#[derive(Debug)]
pub struct People {
    /// Their tenant.
    pub tenant: TenantId,
    /// The key that identity signs with.
    pub key: TokenKey,
    by_name: BTreeMap<String, PersonId>,
    channels: BTreeMap<&'static str, Channel>,
    random: Ids,
    /// By aggregate and its id, the newest event that a call of ours wrote, as `kith-caused` says it.
    caused: Mutex<BTreeMap<String, String>>,
}

/// Somebody who calls.
#[derive(Clone, Copy, Debug)]
pub struct Someone<'people> {
    people: &'people People,
    /// Who.
    pub id: PersonId,
}

/// The scenario of the first month.
pub const FIRST_MONTH: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../services/kith/data/first_month/scenario.json");

/// The key that identity signs with now: from its database and its secret together.
///
/// # Panics
/// Where there is none.
pub async fn signing_key(stack: &Stack) -> TokenKey {
    let mut admin = stack.admin("identity").await;
    let row = sqlx::query(
        "select kid, seed from signin.signing_key where retired_at is null and signs_from <= $1
         order by signs_from desc, kid desc limit 1",
    )
    .bind(Clock::System.now())
    .fetch_one(&mut admin)
    .await
    .expect("a key");
    let (kid, salt): (String, Vec<u8>) = (row.get("kid"), row.get("seed"));
    let salt = salt.try_into().expect("32 bytes");
    kith_identity::signing_key_from_row(stack.config("identity"), &kid, &salt).expect("its secret")
}

/// The id of the key that signed a token.
///
/// # Panics
/// Where it is no token.
pub fn kid_of(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64");
    let header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("a key id").to_owned()
}

impl People {
    /// Takes the first month in and looks up who is there.
    ///
    /// # Panics
    /// Where that does not succeed.
    pub async fn of_first_month(stack: &Stack) -> Self {
        let month = stack.kith(&["month", FIRST_MONTH]).output().expect("kith is built");
        assert!(month.status.success(), "{}", String::from_utf8_lossy(&month.stderr));
        Self::of(stack).await
    }

    /// Looks up who is there.
    ///
    /// # Panics
    /// Where no month was taken in.
    pub async fn of(stack: &Stack) -> Self {
        let mut admin = stack.admin("identity").await;
        let tenant = sqlx::query_scalar("select tenant_id from person limit 1").fetch_one(&mut admin).await;
        Self::of_tenant(stack, TenantId(tenant.expect("a month was taken in"))).await
    }

    /// Looks up who is in a tenant, where there is more than the one of the month.
    ///
    /// # Panics
    /// Where a database does not answer.
    pub async fn of_tenant(stack: &Stack, tenant: TenantId) -> Self {
        let mut admin = stack.admin("identity").await;
        let rows = sqlx::query("select id, display_name from person where tenant_id = $1").bind(tenant.0);
        let rows = rows.fetch_all(&mut admin).await.expect("the people");
        let mut channels = BTreeMap::new();
        for service in crate::services() {
            let channel = Channel::from_shared(stack.address(service.name)).expect("an address");
            channels.insert(service.name, channel.connect_lazy());
        }
        Self {
            tenant,
            key: signing_key(stack).await,
            by_name: rows.iter().map(|row| (row.get("display_name"), PersonId(row.get("id")))).collect(),
            channels,
            random: Ids::system(),
            caused: Mutex::default(),
        }
    }

    /// Somebody by the name in the scenario.
    pub fn named(&self, name: &str) -> Someone<'_> {
        let id = self.by_name.get(name).unwrap_or_else(|| panic!("nobody is called {name}"));
        Someone { people: self, id: *id }
    }

    /// The administrator of the tenant.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn administrator(&self, stack: &Stack) -> Someone<'_> {
        let mut admin = stack.admin("identity").await;
        let id = sqlx::query_scalar("select person_id from person_role where role = 'administrator' limit 1")
            .fetch_one(&mut admin)
            .await
            .expect("an administrator");
        Someone { people: self, id: PersonId(id) }
    }

    /// Somebody by id.
    pub fn with_id(&self, id: &str) -> Someone<'_> {
        Someone { people: self, id: PersonId(id.parse().expect("a UUID")) }
    }

    /// A new id.
    pub fn uuid(&self) -> Uuid {
        self.random.uuid(Clock::System.now())
    }

    /// What makes new ids, for tasks of their own.
    pub fn ids(&self) -> impl Fn() -> Uuid + Clone + Send + use<> {
        let random = self.random.clone();
        move || random.uuid(Clock::System.now())
    }

    /// A token as identity would give it.
    pub fn token(&self, actor: Actor) -> String {
        self.key.sign("kith", "kith", actor, Clock::System.now()).expect("a token")
    }

    /// The token of a person, in whatever tenant.
    pub fn token_of(&self, tenant: TenantId, person: PersonId) -> String {
        self.token(Actor::Person { tenant, person, session: self.uuid() })
    }

    /// Sends bytes to a method of a service, handing on `after` and noting what is caused.
    pub async fn send(
        &self,
        (service, method): (&str, &Method),
        body: Vec<u8>,
        token: Option<&str>,
        after: &[String],
    ) -> Result<Vec<u8>, Status> {
        let mut client = tonic::client::Grpc::new(self.channels[service].clone());
        client.ready().await.expect("the service is there");
        let mut request = tonic::Request::new(body);
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().expect("a header");
            request.metadata_mut().insert("authorization", bearer);
        }
        for event in after {
            request.metadata_mut().append(AFTER, event.parse().expect("a header"));
        }
        let answer = client.unary(request, PathAndQuery::from_static(method.path), Raw).await?;
        for value in answer.metadata().get_all(CAUSED) {
            for event in value.to_str().expect("text").split(',') {
                self.note(event);
            }
        }
        Ok(answer.into_inner())
    }

    /// Waits until nothing is under way between the services: all that was written is done wherever it is listened to.
    ///
    /// # Panics
    /// Where it does not come to rest within half a minute.
    pub async fn until_settled(&self) {
        let somebody = self.by_name.values().next().expect("somebody");
        let token = self.token_of(self.tenant, *somebody);
        let method = method_of(&GetBacklogRequest {});
        for _ in 0..REPEATS {
            let mut written = BTreeMap::new();
            let mut done = Vec::new();
            let mut all_answer = true;
            for service in self.channels.keys() {
                let answer = match self.send((service, method), Vec::new(), Some(&token), &[]).await {
                    // It was started a moment ago, and has no keys yet.
                    Err(status) if status.code() == Code::Unavailable => {
                        all_answer = false;
                        continue;
                    }
                    answer => answer.expect("the backlog"),
                };
                let backlog = GetBacklogResponse::decode(answer.as_slice());
                let backlog = backlog.expect("the answer of the contract");
                written.extend(backlog.published.into_iter().map(|count| (count.aggregate, count.written)));
                done.extend(backlog.received.into_iter().map(|count| (count.aggregate, count.done)));
            }
            let settled = |(aggregate, done): &(String, _)| written.get(aggregate).unwrap_or(&0) == done;
            if all_answer && done.iter().all(settled) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("events are still under way");
    }

    fn caused(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.caused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &str) {
        let (event_type, id) = event.split_once(';').expect("<type>;<aggregate id>;<event id>");
        let aggregate = event_type.rsplitn(3, '.').last().expect("<service>.<aggregate>.<past_tense>.v1");
        let about = format!("{aggregate};{}", id.split(';').next().unwrap_or_default());
        let mut caused = self.caused();
        let newest = caused.entry(about).or_default();
        if event_id(newest) < event_id(event) {
            event.clone_into(newest);
        }
    }

    /// The newest events of others than this service, as many as may be handed on.
    pub fn after(&self, service: &str) -> Vec<String> {
        let caused = self.caused();
        let mut events: Vec<String> = caused
            .values()
            .filter(|event| event.split('.').next().is_some_and(|writer| writer != service))
            .cloned()
            .collect();
        events.sort_by(|one, other| event_id(other).cmp(event_id(one)));
        events.truncate(MOST);
        events
    }
}

impl Someone<'_> {
    /// The id of the Team that they own.
    ///
    /// # Panics
    /// Where they own none.
    pub async fn own_team(self) -> String {
        let teams: ListTeamsResponse = self.ask(ListTeamsRequest::default()).await.expect("the Teams");
        let own = teams.teams.into_iter().find(|team| team.owner_person_id == self.id.to_string());
        own.expect("a Team of their own").id
    }

    /// The id of the one Circle.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn circle(self) -> String {
        let circles: ListCirclesResponse =
            self.ask(ListCirclesRequest::default()).await.expect("the Circles");
        circles.circles.into_iter().next().expect("a Circle").id
    }

    /// Records a legal fact about themselves by its name.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn record_legal_fact(self, name: &str, original_place: &str) {
        let kind = LegalFactKind::Other.into();
        let (name, original_place) = (name.to_owned(), original_place.to_owned());
        let content = Some(LegalFactContent { kind, name, original_place, ..Default::default() });
        let record = RecordLegalFactRequest { content, ..Default::default() };
        let _: RecordLegalFactResponse = self.ask(record).await.expect("a legal fact");
    }

    /// Asks a service, and asks again under the same request id while it has not heard of what was caused elsewhere.
    ///
    /// # Errors
    /// What the service refuses.
    ///
    /// # Panics
    /// Where request and answer do not belong together.
    pub async fn ask<A: Message + Name + Default>(self, request: impl Name) -> Result<A, Status> {
        let method = method_of(&request);
        assert_eq!(method.output, A::full_name(), "{} answers something else", method.path);
        let service = service_of(method);
        let body = with_request_id(method, &request, self.people.uuid());
        let token = self.people.token_of(self.people.tenant, self.id);
        let mut repeats = 0;
        loop {
            let after = self.people.after(service);
            match self.people.send((service, method), body.clone(), Some(&token), &after).await {
                Ok(answer) => return Ok(A::decode(answer.as_slice()).expect("the answer of the contract")),
                Err(status) if status.code() == Code::Unavailable && repeats < REPEATS => {
                    repeats += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(status) => return Err(status),
            }
        }
    }
}

/// Ids of events grow with time.
fn event_id(event: &str) -> &str {
    event.rsplit(';').next().unwrap_or_default()
}

/// The method that takes this request.
///
/// # Panics
/// Where none does.
pub fn method_of<R: Name>(_: &R) -> &'static Method {
    let found = METHODS.iter().find(|method| method.input == R::full_name());
    found.expect("a request of the contracts")
}

/// The service whose method this is.
///
/// # Panics
/// Where it is one that all of them serve.
pub fn service_of(method: &'static Method) -> &'static str {
    let name = method.path.split('.').nth(1).expect("a service");
    assert_ne!(name, "common", "{} is served by all: say by which", method.path);
    name
}

/// A request as it is sent, with this request id where it changes state and has none of its own: of a field that is
/// there twice the last one counts, and `request_id` is field 1 of every request.
pub fn with_request_id(method: &Method, request: &impl Message, id: Uuid) -> Vec<u8> {
    let mut body = Vec::new();
    if method.changes_state {
        body.extend([0x0a, 36]);
        body.extend(id.to_string().bytes());
    }
    body.extend(request.encode_to_vec());
    body
}

/// Bytes as they are, both ways.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
