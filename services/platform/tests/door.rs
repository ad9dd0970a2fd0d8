//! The door of a real server on a port of its own: who comes in, how long, how many, and how it closes.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kith_platform::Host;
use kith_platform::auth::{KeySet, TokenKey};
use kith_platform::clock::Clock;
use kith_platform::config::Config;
use kith_platform::context::Actor;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::lifecycle::Life;
use kith_platform::testing::{World, reason};
use kith_proto::common::v1::GetBacklogRequest;
use kith_proto::common::v1::operations_service_client::OperationsServiceClient;
use kith_proto::teams::v1::teams_service_client::TeamsServiceClient;
use kith_proto::teams::v1::{self as pb};
use kith_proto::{Access, METHODS};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::common::{Ask, SERVICE, count, gate, id, joined, message, until};

mod silent;
mod slow;

/// A server, and a replica of it by whose hand events arrive.
struct Door {
    world: World,
    replica: Host,
    key: TokenKey,
    tenant: TenantId,
    person: PersonId,
    life: Life,
    address: SocketAddr,
    channel: Channel,
    server: JoinHandle<anyhow::Result<()>>,
    _folder: tempfile::TempDir,
}

fn now() -> DateTime<Utc> {
    Clock::System.now()
}

impl Door {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// A server that is ready; no broker is there, which must not matter to any call.
    async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        let door = Self::unready_with(change).await;
        until("the server is ready", Duration::from_secs(10), async || {
            door.health("").await == ServingStatus::Serving
        })
        .await;
        door
    }

    async fn unready_with(change: impl FnOnce(&mut Config)) -> Self {
        let world = World::new();
        let folder = tempfile::tempdir().expect("a folder");
        let key = TokenKey::new("k1", [7; 32]);
        let keys = folder.path().join("keys.json");
        let set = KeySet { keys: vec![key.jwk()] };
        std::fs::write(&keys, serde_json::to_string(&set).expect("JSON")).expect("a file");
        let mut config = world.config(&SERVICE).await;
        config.auth.keys = keys.display().to_string();
        config.server.ready_file = folder.path().join("ready");
        config.broker.port = 1;
        change(&mut config);
        let replica = world.host_with(&SERVICE, config.clone()).await;
        let tenant = world.tenant(&replica, false).await;
        joined(&mut world.admin(&replica).await).await;
        let life = Life::new();
        let ready = config.server.ready_file.clone();
        let server = tokio::spawn(kith_platform::run(&SERVICE, config, life.clone()));
        until("the server listens", Duration::from_secs(10), async || ready.exists()).await;
        let address: SocketAddr =
            std::fs::read_to_string(&ready).expect("a file").parse().expect("the bound address");
        let channel = connect(address).await.expect("a connection");
        let person = world.person();
        Self { world, replica, key, tenant, person, life, address, channel, server, _folder: folder }
    }

    fn actor(&self) -> Actor {
        Actor::Person { tenant: self.tenant, person: self.person, session: Uuid::from_u128(1) }
    }

    fn token(&self, actor: Actor) -> String {
        self.key.sign("kith", "kith", actor, now()).expect("a token")
    }

    fn request<M>(&self, message: M) -> Request<M> {
        with_token(message, &self.token(self.actor()))
    }

    fn teams(&self) -> TeamsServiceClient<Channel> {
        TeamsServiceClient::new(self.channel.clone())
    }

    /// Writes a note; waits at that gate first, if one is named.
    fn note(&self, gate: &str) -> pb::SignPromiseRequest {
        pb::SignPromiseRequest {
            request_id: id(&self.world).to_string(),
            team_id: id(&self.world).to_string(),
            text_version: gate.into(),
            ..Default::default()
        }
    }

    /// Begins a call that waits at its gate.
    fn begin(&self, request: pb::SignPromiseRequest) -> JoinHandle<Result<String, Status>> {
        let (mut teams, request) = (self.teams(), self.request(request));
        tokio::spawn(async move {
            let answer = teams.sign_promise(request).await?.into_inner();
            Ok(answer.promise.expect("a promise").text_version)
        })
    }

    async fn health(&self, service: &str) -> ServingStatus {
        let request = HealthCheckRequest { service: service.into() };
        match HealthClient::new(self.channel.clone()).check(request).await {
            Ok(answer) => answer.into_inner().status(),
            Err(_) => ServingStatus::Unknown,
        }
    }

    async fn notes(&self) -> i64 {
        count(&mut self.world.admin(&self.replica).await, "select count(*) from note").await
    }

    async fn close(self) {
        self.life.soft.cancel();
        self.server.await.expect("the server ends").expect("without failure");
    }
}

async fn connect(address: SocketAddr) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_shared(format!("http://{address}")).expect("an address").connect().await
}

fn with_token<M>(message: M, token: &str) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("text"));
    request
}

/// Calls any method with an empty message.
async fn call(channel: &Channel, path: &'static str, token: Option<&str>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("the channel works");
    let request = match token {
        Some(token) => with_token((), token),
        None => Request::new(()),
    };
    let path = http::uri::PathAndQuery::from_static(path);
    client.unary(request, path, tonic_prost::ProstCodec::<(), ()>::default()).await.map(|_| ())
}

/// Proves A1 at the door: no token, a stale, foreign, forged or garbled one all get the same refusal, and it is the same
/// for every method that is not public.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_known_is_refused() {
    let door = Door::open().await;
    let good = door.token(door.actor());
    let sign = |key: &TokenKey, issuer: &str, audience: &str, at| {
        key.sign(issuer, audience, door.actor(), at).expect("a token")
    };
    let long_ago = now() - chrono::Duration::minutes(11);
    let tokens = [
        ("expired", sign(&door.key, "kith", "kith", long_ago)),
        ("from the future", sign(&door.key, "kith", "kith", now() + chrono::Duration::minutes(2))),
        ("for another audience", sign(&door.key, "kith", "elsewhere", now())),
        ("of another issuer", sign(&door.key, "elsewhere", "kith", now())),
        ("signed by a stranger", sign(&TokenKey::new("k1", [8; 32]), "kith", "kith", now())),
        ("of an unknown key", sign(&TokenKey::new("k2", [7; 32]), "kith", "kith", now())),
        ("cut short", good[..good.len() - 4].to_owned()),
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
    ];
    let anonymous =
        call(&door.channel, "/kith.teams.v1.TeamsService/GetTeam", None).await.expect_err("refused");
    assert_eq!(reason(&anonymous), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
    for (what, token) in &tokens {
        let refused = call(&door.channel, "/kith.teams.v1.TeamsService/GetTeam", Some(token)).await;
        let refused = refused.expect_err(what);
        assert_eq!(refused.code(), anonymous.code(), "{what}");
        assert_eq!(
            (refused.message(), refused.details()),
            (anonymous.message(), anonymous.details()),
            "{what}"
        );
    }
    let mut other_scheme = Request::new(pb::ListTeamsRequest::default());
    other_scheme.metadata_mut().insert("authorization", format!("Basic {good}").parse().expect("text"));
    let refused = door.teams().list_teams(other_scheme).await.expect_err("refused");
    assert_eq!(refused.code(), Code::Unauthenticated);

    let operator = door.token(Actor::Operator { account: id(&door.world), session: Uuid::from_u128(1) });
    let mut cells = 0;
    for method in METHODS {
        for (token, kind) in
            [(None, None), (Some(&good), Some(Access::Person)), (Some(&operator), Some(Access::Operator))]
        {
            let answer = call(&door.channel, method.path, token.map(String::as_str)).await;
            let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
            let (public, right) = (method.access == Access::Public, kind == Some(method.access));
            match kind {
                _ if public || right => assert!(
                    !matches!(code, Code::Unauthenticated | Code::PermissionDenied),
                    "{} lets {kind:?} in: {code:?}",
                    method.path
                ),
                None => assert_eq!(code, Code::Unauthenticated, "{} without a token", method.path),
                Some(_) => assert_eq!(code, Code::PermissionDenied, "{} for {kind:?}", method.path),
            }
            cells += 1;
        }
    }
    println!("A1 at the door: methods {}, cells {cells}, wrong decisions 0", METHODS.len());
    assert_eq!(door.notes().await, 0);
    door.close().await;
}

/// Proves R3's size limit: a message that is too large is refused before it is worked on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversize_message_is_refused() {
    let door = Door::open().await;
    for size in [1024 * 1024 + 1, 5 * 1024 * 1024] {
        let request = pb::StartTeamRequest {
            request_id: id(&door.world).to_string(),
            id: id(&door.world).to_string(),
            outward_code: "x".repeat(size),
            ..Default::default()
        };
        let refused = door.teams().start_team(door.request(request)).await.expect_err("refused");
        assert_eq!(reason(&refused), (Code::OutOfRange, "MESSAGE_TOO_LARGE".into()), "{refused:?}");
    }
    door.teams().sign_promise(door.request(door.note(""))).await.expect("the door still works");
    assert_eq!(door.notes().await, 1);
    door.close().await;
}

/// Proves D13 at the door: a caller who runs out of time is told so and may repeat; the work goes on, and the repeat is
/// answered with what it gave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_deadline_the_work_goes_on_and_a_repeat_is_answered() {
    let door = Door::open().await;
    let gate = gate::named("deadline");
    let request = door.note("deadline");
    let mut impatient = door.request(request.clone());
    impatient.set_timeout(Duration::from_secs(4));
    let refused = door.teams().sign_promise(impatient).await.expect_err("out of time");
    assert_eq!(reason(&refused), (Code::Unavailable, "DEADLINE_EXCEEDED".into()));
    assert!(refused.get_error_details().retry_info().is_some(), "it may be repeated");
    gate.met(1).await;
    // A repeat while the first is still under way waits for it.
    let repeat = door.begin(request.clone());
    gate.let_through(1);
    assert_eq!(repeat.await.expect("ends").expect("the answer of the first"), request.team_id);
    let again = door.teams().sign_promise(door.request(request.clone())).await.expect("the saved answer");
    assert_eq!(again.into_inner().promise.expect("a promise").text_version, request.team_id);
    assert_eq!(door.notes().await, 1, "it was done once");

    // Gone without a word: the same.
    let request = door.note("deadline");
    let gone = door.begin(request.clone());
    gate.met(1).await;
    gone.abort();
    gate.let_through(1);
    until("the work is done all the same", Duration::from_secs(10), async || door.notes().await == 2).await;
    let again = door.teams().sign_promise(door.request(request.clone())).await.expect("the saved answer");
    assert_eq!(again.into_inner().promise.expect("a promise").text_version, request.team_id);
    assert_eq!(door.notes().await, 2);
    door.close().await;
}

/// Proves the promise of `kith-after`: a call waits until what its caller has already seen elsewhere is applied here, not
/// for ever, and is told when it never will be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_for_what_its_caller_has_seen() {
    let door = Door::open().await;
    let event = |made: DateTime<Utc>| {
        let mut event = message(&door.world, door.tenant, id(&door.world), 1, Ask::Nothing);
        event.event_id = door.world.ids.uuid(made);
        event
    };
    let after = |event: &kith_platform::broker::Message, limit: u64| {
        let mut request = door.request(pb::GetTeamRequest { id: event.aggregate_id.to_string() });
        let seen = format!("{};{};{}", event.event_type, event.aggregate_id, event.event_id);
        request.metadata_mut().insert("kith-after", seen.parse().expect("text"));
        request.set_timeout(Duration::from_secs(limit));
        request
    };

    let soon = event(now());
    let (mut teams, request) = (door.teams(), after(&soon, 8));
    let mut waiting = tokio::spawn(async move { teams.get_team(request).await });
    tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.expect_err("it waits");
    door.world.receive(&door.replica, std::slice::from_ref(&soon)).await;
    let note = waiting.await.expect("the call ends").expect("goes on").into_inner().team.expect("a note");
    assert_eq!(note.id, soon.aggregate_id.to_string(), "and sees what the event brought");
    door.teams().get_team(after(&soon, 8)).await.expect("what is applied is not waited for");

    let late = event(now());
    let refused = door.teams().get_team(after(&late, 1)).await.expect_err("not here yet");
    assert_eq!(reason(&refused), (Code::Unavailable, "NOT_CAUGHT_UP".into()));
    assert!(refused.get_error_details().retry_info().is_some(), "it may be repeated");

    // Of another tenant: as if it were not there.
    let mut foreign = event(now());
    foreign.tenant_id = door.world.tenant(&door.replica, false).await;
    door.world.receive(&door.replica, std::slice::from_ref(&foreign)).await;
    let refused = door.teams().get_team(after(&foreign, 1)).await.expect_err("never here");
    assert_eq!(reason(&refused), (Code::Unavailable, "NOT_CAUGHT_UP".into()));

    let dead = event(now());
    door.world.receive(&door.replica, std::slice::from_ref(&dead)).await;
    sqlx::query("insert into platform.inbox_todo select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, 'dead',
             null, 8, received_at, null, received_at from platform.inbox where event_id = $1")
        .bind(dead.event_id)
        .execute(&mut door.world.admin(&door.replica).await)
        .await
        .expect("given up on");
    let refused = door.teams().get_team(after(&dead, 8)).await.expect_err("never");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "EVENT_DEAD".into()));

    // Nor will what stands behind it; of another aggregate, it does not matter.
    let mut behind = event(now());
    (behind.aggregate_id, behind.event_no) = (dead.aggregate_id, 3);
    let free = event(now());
    door.world.receive(&door.replica, &[behind.clone(), free.clone()]).await;
    let begin = std::time::Instant::now();
    let refused = door.teams().get_team(after(&behind, 8)).await.expect_err("never");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "EVENT_DEAD".into()));
    assert!(refused.get_error_details().retry_info().is_none(), "repeating it is no use");
    assert!(begin.elapsed() < Duration::from_secs(2), "it is told at once");
    door.teams().get_team(after(&free, 8)).await.expect("others go on");

    // Nobody waits for what is long ago, or for what this service does not listen to.
    let old = event(now() - chrono::Duration::hours(2));
    let mut elsewhere = event(now());
    elsewhere.event_type = "matching.introduction.made.v1".into();
    for event in [old, elsewhere] {
        let answer = door.teams().get_team(after(&event, 8)).await.expect_err("there is no such note");
        assert_eq!(reason(&answer), (Code::NotFound, "NOT_FOUND".into()));
    }
    door.close().await;
}

/// Proves R1's limit: calls beyond it are shed at once, a call whose caller is gone still counts, and the door opens again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_beyond_the_limit_are_shed() {
    let door = Door::open_with(|config| config.server.max_concurrent_calls = 2).await;
    let gate = gate::named("shed");
    let (one, two) = (door.begin(door.note("shed")), door.begin(door.note("shed")));
    gate.met(2).await;
    let shed = |status: Status| {
        assert_eq!(reason(&status), (Code::ResourceExhausted, "OVERLOADED".into()));
        assert!(status.get_error_details().retry_info().is_some(), "it may be repeated");
    };
    shed(door.teams().list_teams(door.request(pb::ListTeamsRequest::default())).await.expect_err("shed"));
    assert_eq!(door.health("live").await, ServingStatus::Serving, "health is not shed");
    two.abort();
    shed(door.teams().list_teams(door.request(pb::ListTeamsRequest::default())).await.expect_err("shed"));
    gate.let_through(2);
    one.await.expect("the call ends").expect("what was let in is done");
    until("the door opens again", Duration::from_secs(5), async || {
        door.teams().list_teams(door.request(pb::ListTeamsRequest::default())).await.is_ok()
    })
    .await;
    assert_eq!(door.notes().await, 2);
    door.close().await;
}

/// Proves R2 in small: told to stop, a server says that it is not ready, still takes what comes meanwhile, finishes what
/// is under way, and ends without failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soft_stop_finishes_what_is_under_way() {
    let door = Door::open_with(|config| config.server.lame_duck_milliseconds = 4_000).await;
    let gate = gate::named("stop");
    let call = door.begin(door.note("stop"));
    gate.met(1).await;
    door.life.soft.cancel();
    until("it says that it is not ready", Duration::from_secs(3), async || {
        door.health("").await == ServingStatus::NotServing
    })
    .await;
    assert_eq!(door.health("live").await, ServingStatus::Serving);
    door.teams().sign_promise(door.request(door.note(""))).await.expect("what still comes is served");
    until("the port is closed", Duration::from_secs(10), async || connect(door.address).await.is_err()).await;
    assert!(!door.server.is_finished(), "it waits for the call under way");
    gate.let_through(1);
    call.await.expect("the call ends").expect("it is answered");
    assert_eq!(door.notes().await, 2);
    assert!(!door.life.failed());
    door.server.await.expect("the server ends").expect("without failure");
}

/// Proves that a stop ends, whatever a call under way does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_ever() {
    let door = Door::open_with(|config| config.server.drain_seconds = 1).await;
    let gate = gate::named("never");
    let call = door.begin(door.note("never"));
    gate.met(1).await;
    door.life.soft.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(8), door.server).await;
    ended.expect("it ends in time").expect("the server ends").expect("without failure");
    call.abort();
}

/// Proves that liveness depends on nothing and readiness on the keys, and that a server without keys lets nobody in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_tells_alive_from_ready() {
    let door = Door::unready_with(|config| config.auth.keys = "/nowhere/keys.json".into()).await;
    assert_eq!(door.health("live").await, ServingStatus::Serving);
    assert_eq!(door.health("").await, ServingStatus::NotServing);
    assert_eq!(door.health("nothing").await, ServingStatus::Unknown);
    let refused = door.teams().list_teams(door.request(pb::ListTeamsRequest::default())).await;
    assert_eq!(refused.expect_err("no keys").code(), Code::Unavailable, "it cannot tell, so ask again");
    door.close().await;
    let door = Door::open().await;
    assert_eq!(door.health("").await, ServingStatus::Serving);
    door.close().await;
}

/// Proves that reflection is off unless it is asked for, and that a method that is not there is just not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_is_off_by_default() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    for asked_for in [false, true] {
        let door = Door::open_with(|config| config.server.reflection = asked_for).await;
        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(door.channel.clone());
        let answer = client.server_reflection_info(tokio_stream::once(list)).await;
        match answer {
            Ok(_) => assert!(asked_for, "it is off"),
            Err(status) => assert_eq!((status.code(), asked_for), (Code::Unimplemented, false)),
        }
        let nothing = call(&door.channel, "/kith.teams.v1.TeamsService/Nothing", None).await;
        assert_eq!(nothing.expect_err("there is no such method").code(), Code::Unimplemented);
        door.close().await;
    }
}

/// Proves that a handler which panics is an internal failure of that one call, of which nothing is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_one_calls_failure() {
    let door = Door::open().await;
    for _ in 0..3 {
        let refused = door.teams().end_membership(door.request(pb::EndMembershipRequest::default())).await;
        let refused = refused.expect_err("it panicked");
        assert_eq!(reason(&refused), (Code::Internal, "INTERNAL".into()));
        assert!(!refused.message().contains("purpose"), "the cause stays inside");
    }
    door.teams().sign_promise(door.request(door.note(""))).await.expect("the others go on");
    assert!(!door.life.failed());
    door.close().await;
}

/// Proves that a tenant's backlog counts what it wrote and received, and nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backlog_counts_the_callers_tenant() {
    let door = Door::open().await;
    door.teams().sign_promise(door.request(door.note(""))).await.expect("a note");
    let other = door.world.tenant(&door.replica, false).await;
    let foreign = message(&door.world, other, id(&door.world), 1, Ask::Nothing);
    let mine = message(&door.world, door.tenant, id(&door.world), 1, Ask::Nothing);
    let parked = message(&door.world, door.tenant, id(&door.world), 1, Ask::Await(Uuid::from_u128(1)));
    door.world.receive(&door.replica, &[foreign, mine, parked]).await;
    let mut operations = OperationsServiceClient::new(door.channel.clone());
    let backlog =
        operations.get_backlog(door.request(GetBacklogRequest {})).await.expect("counted").into_inner();
    assert_eq!(backlog.service, "notes");
    let published: Vec<_> =
        backlog.published.iter().map(|row| (row.aggregate.as_str(), row.written, row.unpublished)).collect();
    assert_eq!(published, [("teams.team", 1, 1)]);
    let received: Vec<_> = backlog
        .received
        .iter()
        .map(|row| (row.aggregate.as_str(), row.received, row.done, row.parked, row.dead))
        .collect();
    assert_eq!(received, [("teams.team", 2, 1, 1, 0)]);
    door.close().await;
}
