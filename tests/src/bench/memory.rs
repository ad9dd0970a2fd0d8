//! An RPC that is answered from memory, behind everything that every call passes: the door with its span, metrics, token,
//! tenant, limit and task, then the policy. None of the seven services answers without its database, so this is a service
//! of the bench: the platform's own `main`, a contract of evaluation, answers out of a map.

use std::collections::HashMap;
use std::convert::Infallible;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use kith_platform::authz::{Standing, Subject};
use kith_platform::config::Config;
use kith_platform::context::Actor;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::inbox::Subscriptions;
use kith_platform::server::{MAX_RECEIVE, MAX_SEND};
use kith_platform::{Host, Service, host};
use kith_proto::evaluation::v1::{GetContinuityRequest, GetContinuityResponse};
use prost::Message as _;
use tonic::body::Body;
use tonic::server::{NamedService, UnaryService};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::people::Raw;
use crate::services;
use crate::stack::{Port, environment, free_port};

/// The argument that makes this program the service.
pub const COMMAND: &str = "memory-service";
/// The method.
pub const PATH: &str = "/kith.evaluation.v1.IndicatorsService/GetContinuity";
/// How many Teams it knows.
const TEAMS: u128 = 1_000;

/// What one of the Teams is asked about.
pub fn question(team: usize) -> GetContinuityRequest {
    let team = Uuid::from_u128(team as u128 % TEAMS);
    GetContinuityRequest { team_id: team.to_string(), month: "2026-03".to_owned() }
}

/// What is answered.
pub fn answer() -> GetContinuityResponse {
    GetContinuityResponse { weeks: 5, mean_distinct_givers_per_week: "2.80".to_owned() }
}

#[derive(Clone, Debug)]
struct FromMemory {
    host: Host,
    answers: Arc<HashMap<Uuid, GetContinuityResponse>>,
}

impl NamedService for FromMemory {
    const NAME: &'static str = "kith.evaluation.v1.IndicatorsService";
}

impl FromMemory {
    fn answer(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Status> {
        let actor = host::actor(&request);
        let Actor::Person { person, .. } = actor else { return Err(Status::unauthenticated("nobody")) };
        let asked = GetContinuityRequest::decode(request.into_inner().as_slice());
        let asked = asked.map_err(|_| Status::invalid_argument("not the message of the contract"))?;
        let team = Uuid::try_parse(&asked.team_id).map_err(|_| Status::invalid_argument("team_id"))?;
        let found = self.answers.get(&team).ok_or_else(|| Status::not_found("team"))?;
        let standing = Standing::new().with("member", person != PersonId(team));
        let subject = Subject::of("team", team);
        if !self.host.shared().policy.allows(actor, "GetContinuity", &subject, &standing) {
            return Err(Status::not_found("team"));
        }
        Ok(Response::new(found.encode_to_vec()))
    }
}

impl UnaryService<Vec<u8>> for FromMemory {
    type Response = Vec<u8>;
    type Future = std::future::Ready<Result<Response<Vec<u8>>, Status>>;

    fn call(&mut self, request: Request<Vec<u8>>) -> Self::Future {
        std::future::ready(self.answer(request))
    }
}

impl tonic::codegen::Service<http::Request<Body>> for FromMemory {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.clone();
        Box::pin(async move {
            if request.uri().path() != PATH {
                return Ok(Status::unimplemented("").into_http());
            }
            let server = tonic::server::Grpc::new(Raw);
            Ok(server
                .apply_max_message_size_config(Some(MAX_RECEIVE), Some(MAX_SEND))
                .unary(answer, request)
                .await)
        })
    }
}

fn routes(host: &Host) -> Routes {
    let answers = (0..TEAMS).map(|team| (Uuid::from_u128(team), answer())).collect();
    Routes::default().add_service(FromMemory { host: host.clone(), answers: Arc::new(answers) })
}

/// The service itself.
pub fn serve() -> ExitCode {
    let evaluation = services().into_iter().find(|service| service.name == "evaluation");
    let service = Service {
        routes,
        subscriptions: Subscriptions::new,
        ..evaluation.expect("one of the seven").clone()
    };
    kith_platform::main(Box::leak(Box::new(service)))
}

/// A running one; it ends with this.
#[derive(Debug)]
pub struct Memory {
    child: Child,
    /// Where it listens.
    pub address: String,
    _port: Port,
}

impl Memory {
    /// Starts it beside the service whose configuration this is, on that one's database.
    ///
    /// # Panics
    /// Where it does not serve.
    pub fn start(config: &Config, folder: &std::path::Path) -> Self {
        let (mut config, port) = (config.clone(), free_port());
        config.server.listen = ([127, 0, 0, 1], port.number).into();
        config.server.ready_file = folder.join("memory.ready");
        let log = std::fs::File::create(folder.join("memory.log")).expect("a log");
        let child = Command::new(std::env::current_exe().expect("this program"))
            .arg(COMMAND)
            .envs(environment(&config))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("this program again");
        let end = Instant::now() + Duration::from_secs(30);
        while !config.server.ready_file.exists() {
            assert!(Instant::now() < end, "the service that answers from memory does not serve");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, address: format!("http://127.0.0.1:{}", port.number), _port: port }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
