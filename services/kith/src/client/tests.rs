//! Calls against a service that is away for a while, forgets tokens, and tells what it caused.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kith_proto::common::v1::operations_service_server::{OperationsService, OperationsServiceServer};
use kith_proto::common::v1::{GetBacklogRequest, GetBacklogResponse};
use kith_proto::identity::v1::sign_in_service_server::{SignInService, SignInServiceServer};
use kith_proto::identity::v1::{
    GetKeysRequest, GetKeysResponse, RefreshRequest, RefreshResponse, SignInRequest, SignInResponse,
    SignOutRequest, SignOutResponse, Tokens,
};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

use super::*;

const PASSWORD: &str = "correct horse battery";

/// What one call brought with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Brought {
    token: String,
    after: Vec<String>,
}

/// A service that refuses first, with these in turn, and then answers.
#[derive(Default)]
struct Fake {
    refusals: Mutex<Vec<Code>>,
    caused: Mutex<Vec<String>>,
    calls: Mutex<Vec<Brought>>,
    sign_ins: AtomicUsize,
}

/// The fake as the generated servers take it.
#[derive(Clone)]
struct Door(Arc<Fake>);

#[tonic::async_trait]
impl OperationsService for Door {
    async fn get_backlog(
        &self,
        request: Request<GetBacklogRequest>,
    ) -> Result<Response<GetBacklogResponse>, Status> {
        let metadata = request.metadata();
        let text = |value: &tonic::metadata::AsciiMetadataValue| value.to_str().unwrap_or("?").to_owned();
        let brought = Brought {
            token: metadata.get("authorization").map(text).unwrap_or_default(),
            after: metadata.get_all("kith-after").iter().map(text).collect(),
        };
        assert!(metadata.contains_key("grpc-timeout"), "every call has a deadline");
        self.0.calls.lock().unwrap().push(brought);
        if let Some(code) = self.0.refusals.lock().unwrap().pop() {
            return Err(Status::new(code, "not now"));
        }
        let mut answer = Response::new(GetBacklogResponse::default());
        for caused in self.0.caused.lock().unwrap().drain(..) {
            answer.metadata_mut().append("kith-caused", caused.parse().unwrap());
        }
        Ok(answer)
    }
}

#[tonic::async_trait]
impl SignInService for Door {
    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        assert!(!request.metadata().contains_key("kith-after"), "nothing is handed on without a name");
        if request.into_inner().password != PASSWORD {
            return Err(Status::unauthenticated("no"));
        }
        let count = self.0.sign_ins.fetch_add(1, Ordering::Relaxed) + 1;
        let tokens = Tokens { access_token: format!("token-{count}"), ..Tokens::default() };
        Ok(Response::new(SignInResponse { tokens: Some(tokens), tenants: Vec::new() }))
    }

    async fn refresh(&self, _: Request<RefreshRequest>) -> Result<Response<RefreshResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn sign_out(&self, _: Request<SignOutRequest>) -> Result<Response<SignOutResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_keys(&self, _: Request<GetKeysRequest>) -> Result<Response<GetKeysResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

/// Starts the fake in the place of all seven services.
fn start() -> (Arc<Fake>, Arc<Hub>) {
    let fake = Arc::new(Fake::default());
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = format!("http://{}", incoming.local_addr().expect("an address"));
    let server = Server::builder()
        .add_service(OperationsServiceServer::new(Door(Arc::clone(&fake))))
        .add_service(SignInServiceServer::new(Door(Arc::clone(&fake))));
    tokio::spawn(server.serve_with_incoming(incoming));
    let addresses = Addresses {
        identity: address.clone(),
        teams: address.clone(),
        matching: address.clone(),
        appointments: address.clone(),
        finance: address.clone(),
        governance: address.clone(),
        evaluation: address,
    };
    (fake, Arc::new(Hub::new(&addresses).expect("a hub")))
}

fn session(hub: &Arc<Hub>, password: &str) -> Session {
    let credentials = Credentials {
        email: "g1@clapton.example".to_owned(),
        password: password.to_owned(),
        place: Place::Tenant("clapton".to_owned()),
    };
    Session::new(Arc::clone(hub), "Giver One", credentials)
}

#[tokio::test]
async fn a_call_is_repeated_while_the_service_is_away_and_signs_in_once() {
    let (fake, hub) = start();
    *fake.refusals.lock().unwrap() = vec![Code::Unavailable, Code::ResourceExhausted, Code::Unknown];
    let session = session(&hub, PASSWORD);
    session.backlog(Service::Teams).await.expect("answered in the end");
    session.backlog(Service::Finance).await.expect("answered");
    let calls = fake.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 5);
    assert!(calls.iter().all(|call| call.token == "Bearer token-1"), "{calls:?}");
    assert_eq!(fake.sign_ins.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_replaced_once() {
    let (fake, hub) = start();
    *fake.refusals.lock().unwrap() = vec![Code::Unauthenticated];
    let session = session(&hub, PASSWORD);
    session.backlog(Service::Teams).await.expect("answered");
    assert_eq!(fake.calls.lock().unwrap()[1].token, "Bearer token-2");

    *fake.refusals.lock().unwrap() = vec![Code::Unauthenticated, Code::Unauthenticated];
    let refused = session.backlog(Service::Teams).await.expect_err("twice is an answer");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(refused.to_string(), "OperationsService/GetBacklog as Giver One: UNAUTHENTICATED: not now");
}

#[tokio::test]
async fn what_a_call_caused_goes_with_the_next_call_of_anybody_to_the_others() {
    let (fake, hub) = start();
    let caused = "teams.team.started.v1;0190a;0190b";
    *fake.caused.lock().unwrap() = vec![caused.to_owned()];
    session(&hub, PASSWORD).backlog(Service::Teams).await.expect("answered");
    let other = session(&hub, PASSWORD);
    other.backlog(Service::Teams).await.expect("answered");
    other.backlog(Service::Finance).await.expect("answered");
    other.backlog(Service::Finance).await.expect("answered");
    let after: Vec<Vec<String>> = fake.calls.lock().unwrap().iter().map(|call| call.after.clone()).collect();
    let none: Vec<String> = Vec::new();
    assert_eq!(after, [none.clone(), none.clone(), vec![caused.to_owned()], none]);
}

#[tokio::test]
async fn more_than_a_call_can_carry_goes_ahead_of_it() {
    let (fake, hub) = start();
    let caused = |number: usize| format!("teams.team.started.v1;{number:04};{number:04}");
    *fake.caused.lock().unwrap() = (0..70).map(caused).collect();
    let session = session(&hub, PASSWORD);
    session.backlog(Service::Teams).await.expect("answered");
    session.backlog(Service::Finance).await.expect("answered");
    let calls = fake.calls.lock().unwrap().clone();
    let carried: Vec<usize> = calls.iter().map(|call| call.after.len()).collect();
    assert_eq!(carried, [0, 32, 32, 6]);
    assert_eq!(calls[1].after[0], caused(0), "the oldest first");
}

#[tokio::test]
async fn a_wrong_password_is_an_answer_and_not_repeated() {
    let (fake, hub) = start();
    assert!(!session(&hub, "wrong").can_sign_in().await.expect("an answer"));
    assert!(session(&hub, PASSWORD).can_sign_in().await.expect("an answer"));
    assert_eq!(fake.sign_ins.load(Ordering::Relaxed), 1);
}
