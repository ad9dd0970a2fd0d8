//! The one way out: requests to outside identity providers, over TLS with what the system trusts. No redirect is followed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::domain::provider::reachable;

type Body = Full<Bytes>;

/// The longest that a provider may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const MOST: usize = 256 * 1024;

/// Why nothing came back. Says nothing of what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Neither https, nor loopback on a machine of one's own.
    #[error("this address must not be asked")]
    NotAllowed,
    /// No connection, no TLS, no answer in time, or one that is too large.
    #[error("there is no answer")]
    NoAnswer,
}

/// The client; made on first use, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Outward(Arc<OnceLock<Client<HttpsConnector<HttpConnector>, Body>>>);

/// The client as the library calls it.
#[derive(Clone, Debug)]
pub struct Asker {
    outward: Outward,
    local: bool,
}

impl<'c> AsyncHttpClient<'c> for Asker {
    type Error = Failure;
    type Future = BoxFuture<'static, Result<HttpResponse, Failure>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let (outward, local) = (self.outward.clone(), self.local);
        Box::pin(async move { outward.ask(request, local).await })
    }
}

impl Outward {
    /// For the library. `local` is whether this is a machine of one's own.
    pub fn asker(&self, local: bool) -> Asker {
        Asker { outward: self.clone(), local }
    }

    async fn ask(&self, request: HttpRequest, local: bool) -> Result<HttpResponse, Failure> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| Failure::NotAllowed)?;
        if !reachable(&url, local) {
            return Err(Failure::NotAllowed);
        }
        let asked = self.send(request);
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| Failure::NoAnswer)?
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let client = self.0.get_or_init(client);
        let answer = client
            .request(request.map(|body| Full::new(body.into())))
            .await
            .map_err(|_| Failure::NoAnswer)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MOST).collect().await.map_err(|_| Failure::NoAnswer)?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
    }
}

fn client() -> Client<HttpsConnector<HttpConnector>, Body> {
    let provider = Arc::new(rustls_graviola::default_provider());
    let builder = HttpsConnectorBuilder::new();
    // Without any certificate that the system trusts, nothing over TLS is trusted either.
    let builder = builder.with_provider_and_native_roots(provider.clone()).unwrap_or_else(|_| {
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3");
        let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        HttpsConnectorBuilder::new().with_tls_config(config)
    });
    Client::builder(TokioExecutor::new()).build(builder.https_or_http().enable_http1().build())
}
