//! Who sends slowly.

use bytes::Bytes;
use http_body_util::StreamBody;
use tonic::body::Body;
use tower::{Service as _, ServiceExt as _};

use super::*;

impl Door {
    /// Begins a call of which nothing follows after its headers.
    async fn half_a_request(&self) -> impl Future + use<> {
        let never = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, Status>>();
        let request = http::Request::post("/kith.teams.v1.TeamsService/SignPromise")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {}", self.token(self.actor())))
            .body(Body::new(StreamBody::new(never)))
            .expect("a request");
        let mut channel = self.channel.clone();
        channel.ready().await.expect("a connection").call(request)
    }
}

/// Whoever sends slowly holds nothing that others need: more calls than there are permits stand with half a request, and
/// everybody else is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_slowly_holds_up_nobody() {
    let door = Door::open_with(|config| config.server.max_concurrent_calls = 2).await;
    let mut slow = Vec::new();
    for _ in 0..6 {
        slow.push(door.half_a_request().await);
    }
    for _ in 0..3 {
        door.teams().sign_promise(door.request(door.note(""))).await.expect("served beside them");
    }
    drop(slow);
    door.close().await;
}
