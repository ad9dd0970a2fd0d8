//! The one way out: requests to outside identity providers, over TLS with what the system trusts. No redirect is followed,
//! and nothing inside the host's own network is asked but what the host named: a tenant's administrator writes the
//! issuer, and what an issuer's document names is asked too.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::{ClientConfig, RootCertStore};
use tower::Service;
use url::{Host, Url};

use super::outside::is_public;
use crate::domain::provider::reachable;

type Body = Full<Bytes>;

/// The longest that a provider may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const MOST: usize = 256 * 1024;

/// Why nothing came back. Says nothing of what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Neither https, nor loopback on a machine of one's own; or inside the host's network.
    #[error("this address must not be asked")]
    NotAllowed,
    /// No connection, no TLS, no answer in time, or one that is too large.
    #[error("there is no answer")]
    NoAnswer,
}

/// What may be asked.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether this is a machine of one's own, whose loopback may be asked.
    local: bool,
    /// Hosts inside that the host itself named, in lower case.
    internal: Arc<[String]>,
}

impl Rules {
    /// `origin` is where people sign in; `internal` the host's list of providers of its own, with commas between them.
    pub fn new(origin: &str, internal: &str) -> Self {
        let names = internal.split(',').map(|name| name.trim().to_ascii_lowercase());
        let internal = names.filter(|name| !name.is_empty()).collect();
        Self { local: origin.starts_with("http://"), internal }
    }

    fn names(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        self.internal.contains(&host)
    }

    fn allow(&self, host: &str, address: IpAddr) -> bool {
        is_public(address) || (self.local && address.to_canonical().is_loopback()) || self.names(host)
    }
}

/// Looks names up, and answers none that leads inside: what is looked up here is what is connected to, so that a name
/// cannot lead elsewhere a moment later.
#[derive(Clone, Debug)]
struct OutsideOnly {
    rules: Rules,
    names: GaiResolver,
}

impl Service<Name> for OutsideOnly {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, std::io::Result<Self::Response>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.names.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (rules, host) = (self.rules.clone(), name.as_str().to_owned());
        let found = self.names.call(name);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = found.await?.collect();
            // One address inside is enough: such a name is not a provider's.
            if addresses.iter().all(|address| rules.allow(&host, address.ip())) {
                Ok(addresses.into_iter())
            } else {
                Err(std::io::Error::other(Failure::NotAllowed))
            }
        })
    }
}

type Connector = HttpsConnector<HttpConnector<OutsideOnly>>;

/// The client; made on first use, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Outward(Arc<OnceLock<Client<Connector, Body>>>);

/// The client as the library calls it.
#[derive(Clone, Debug)]
pub struct Asker {
    outward: Outward,
    rules: Rules,
}

impl<'c> AsyncHttpClient<'c> for Asker {
    type Error = Failure;
    type Future = BoxFuture<'static, Result<HttpResponse, Failure>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let (outward, rules) = (self.outward.clone(), self.rules.clone());
        Box::pin(async move { outward.ask(request, rules).await })
    }
}

impl Outward {
    /// For the library. The rules are the host's, and the same each time.
    pub fn asker(&self, rules: Rules) -> Asker {
        Asker { outward: self.clone(), rules }
    }

    async fn ask(&self, request: HttpRequest, rules: Rules) -> Result<HttpResponse, Failure> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| Failure::NotAllowed)?;
        // An address that stands in the URL itself is never looked up.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        let host = url.host_str().unwrap_or_default();
        let inside = literal.is_some_and(|address| !rules.allow(host, address));
        let named = url.scheme() == "https" && rules.names(host);
        if inside || !(named || reachable(&url, rules.local)) {
            return Err(Failure::NotAllowed);
        }
        let asked = self.send(request, rules);
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| Failure::NoAnswer)?
    }

    async fn send(&self, request: HttpRequest, rules: Rules) -> Result<HttpResponse, Failure> {
        let client = self.0.get_or_init(|| client(rules));
        let answer = client
            .request(request.map(|body| Full::new(body.into())))
            .await
            .map_err(|_| Failure::NoAnswer)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MOST).collect().await.map_err(|_| Failure::NoAnswer)?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
    }
}

fn client(rules: Rules) -> Client<Connector, Body> {
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
    let mut plain = HttpConnector::new_with_resolver(OutsideOnly { rules, names: GaiResolver::new() });
    plain.enforce_http(false);
    let connector = builder.https_or_http().enable_http1().wrap_connector(plain);
    Client::builder(TokioExecutor::new()).build(connector)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A listener on this machine, and whether anybody connected to it when that URL was asked.
    async fn is_connected_to(rules: Rules, host: &str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let request = http::Request::get(format!("https://{host}:{port}/.well-known/openid-configuration"));
        let request = request.body(Vec::new()).expect("a request");
        let outward = Outward::default();
        let asked = tokio::spawn(async move { outward.ask(request, rules).await });
        // The listener hangs up, so that the one who asks does not wait for its TLS.
        let accepted = tokio::spawn(async move { listener.accept().await.is_ok() });
        asked.await.expect("it ends").expect_err("nobody there speaks TLS");
        let connected = accepted.is_finished();
        accepted.abort();
        connected
    }

    #[tokio::test]
    async fn nothing_inside_is_connected_to_but_what_the_host_named() {
        let public = || Rules::new("https://kith.example", "");
        for inside in
            ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0.0.0.0"]
        {
            assert!(!is_connected_to(public(), inside).await, "{inside}");
        }
        let named = Rules::new("https://kith.example", "login.internal, localhost");
        assert!(is_connected_to(named.clone(), "localhost").await, "the host named it");
        assert!(!is_connected_to(named, "127.0.0.1").await, "that is another name");
        let address = Rules::new("https://kith.example", "127.0.0.1");
        assert!(is_connected_to(address, "127.0.0.1").await, "the host named it");
        assert!(
            is_connected_to(Rules::new("http://localhost:1", ""), "localhost").await,
            "one's own machine"
        );
    }

    #[tokio::test]
    async fn what_was_asked_may_not_send_us_elsewhere() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let location = format!("http://{}/", elsewhere.local_addr().expect("an address"));
        let answers = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.expect("somebody asks");
            assert!(connection.read(&mut [0; 1024]).await.expect("a request") > 0);
            let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            connection.write_all(answer.as_bytes()).await.expect("answered");
        });
        let request =
            http::Request::get(format!("http://127.0.0.1:{port}/")).body(Vec::new()).expect("a request");
        let rules = Rules::new("http://localhost:1", "");
        let answer = Outward::default().ask(request, rules).await.expect("an answer");
        answers.await.expect("it answered");
        assert_eq!(answer.status(), 302, "it is answered as it is");
        let followed = tokio::spawn(async move { elsewhere.accept().await });
        tokio::task::yield_now().await;
        assert!(!followed.is_finished(), "and not followed");
        followed.abort();
    }
}
