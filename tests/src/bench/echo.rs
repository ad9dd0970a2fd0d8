//! The limit of an RPC: a bare tonic server in a process of its own that answers the same bytes and does nothing else.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, ExitCode, Stdio};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use kith_platform::id::hex;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};

use super::caller::Caller;
use crate::people::Raw;

/// The argument that makes this program the server.
pub const COMMAND: &str = "echo-server";
const PATH: &str = "/kith.bench.v1.Echo/Answer";

/// A running echo server; it ends with this.
#[derive(Debug)]
pub struct Echo {
    child: Child,
    address: String,
}

impl Echo {
    /// Starts one that answers these bytes.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(answer: &[u8]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([COMMAND, &hex(answer)])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("its address");
        Self { child, address: line.trim().to_owned() }
    }

    /// A client of it.
    pub async fn caller(&self) -> Caller {
        Caller::connect(&self.address, PATH, None).await
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[derive(Clone, Debug)]
struct Service(Bytes);

impl NamedService for Service {
    const NAME: &'static str = "kith.bench.v1.Echo";
}

impl UnaryService<Vec<u8>> for Service {
    type Response = Vec<u8>;
    type Future = std::future::Ready<Result<tonic::Response<Vec<u8>>, Status>>;

    fn call(&mut self, _: tonic::Request<Vec<u8>>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new(self.0.to_vec())))
    }
}

impl tonic::codegen::Service<Request<Body>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.clone();
        Box::pin(async move {
            if request.uri().path() != PATH {
                return Ok(Status::new(Code::Unimplemented, "").into_http());
            }
            Ok(tonic::server::Grpc::new(Raw).unary(answer, request).await)
        })
    }
}

/// The server itself: the same number of worker threads as a service has.
pub fn serve(answer: &str) -> ExitCode {
    let bytes: Option<Vec<u8>> =
        (0..answer.len()).step_by(2).map(|at| u8::from_str_radix(answer.get(at..at + 2)?, 16).ok()).collect();
    let Some(bytes) = bytes else { return ExitCode::from(2) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let served = runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        println!("http://{}", listener.local_addr()?);
        let server = Server::builder().add_service(Service(bytes.into()));
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        server.serve_with_incoming(incoming).await.map_err(std::io::Error::other)
    });
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
