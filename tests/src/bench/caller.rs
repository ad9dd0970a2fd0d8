//! A client that costs the same whomever it calls: bytes out, bytes back, over a few connections.

use http::uri::PathAndQuery;
use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use crate::people::Raw;

/// As many connections as many callers share.
const CONNECTIONS: usize = 4;

/// Calls one method of one server.
#[derive(Clone, Debug)]
pub struct Caller {
    channels: Vec<Channel>,
    path: PathAndQuery,
    token: Option<MetadataValue<Ascii>>,
}

impl Caller {
    /// Connects.
    ///
    /// # Panics
    /// Where nobody is there.
    pub async fn connect(address: &str, path: &'static str, token: Option<&str>) -> Self {
        let mut channels = Vec::new();
        for _ in 0..CONNECTIONS {
            let endpoint = Channel::from_shared(address.to_owned()).expect("an address").tcp_nodelay(true);
            channels.push(endpoint.connect().await.expect("the server is there"));
        }
        let token = token.map(bearer);
        Self { channels, path: PathAndQuery::from_static(path), token }
    }

    /// The same connections for somebody else.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(bearer(token)), ..self.clone() }
    }

    /// One call, on the connection of this client.
    pub async fn call(&self, client: usize, body: Vec<u8>) -> Result<Vec<u8>, Status> {
        let channel = self.channels[client % self.channels.len()].clone();
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut request = tonic::Request::new(body);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(grpc.unary(request, self.path.clone(), Raw).await?.into_inner())
    }
}

fn bearer(token: &str) -> MetadataValue<Ascii> {
    format!("Bearer {token}").parse().expect("a header")
}
