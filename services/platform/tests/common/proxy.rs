//! A small TCP proxy between a service and a server, which can cut, refuse, stall and delay.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What the proxy does with what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Everything goes through.
    Open,
    /// New connections are closed at once.
    Refusing,
    /// Connections stay, nothing goes through.
    Stalled,
    /// What the server says comes that much later.
    Late(Duration),
    /// After so many answers on a connection nothing goes through any more.
    SilentAfter(u32),
    /// The first so many connections stay, and nothing goes through them any more.
    Lost(usize),
}

/// A proxy before one server; ends with its value.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    way: watch::Sender<Way>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    taken: Arc<AtomicUsize>,
    listening: AbortHandle,
}

impl Proxy {
    /// Listens on a free port before that server.
    pub async fn before(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own_port = listener.local_addr().expect("an address").port();
        let (way, ways) = watch::channel(Way::Open);
        let connections: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let (target, opened) = (format!("{host}:{port}"), connections.clone());
        let taken: Arc<AtomicUsize> = Arc::default();
        let count = taken.clone();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *ways.borrow() == Way::Refusing {
                    continue;
                }
                let number = count.fetch_add(1, Ordering::Relaxed);
                let task = tokio::spawn(carry(client, target.clone(), ways.clone(), number));
                opened.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
            }
        });
        Self { port: own_port, way, connections, taken, listening: listening.abort_handle() }
    }

    /// How many connections there have been.
    pub fn opened(&self) -> usize {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lets everything through again.
    pub fn open(&self) {
        self.way.send_replace(Way::Open);
    }

    /// Ends every connection; new ones are taken.
    pub fn cut(&self) {
        for connection in self.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            connection.abort();
        }
    }

    /// Ends every connection and takes no new one.
    pub fn refuse(&self) {
        self.way.send_replace(Way::Refusing);
        self.cut();
    }

    /// Keeps connections, but nothing goes through any more.
    pub fn stall(&self) {
        self.way.send_replace(Way::Stalled);
    }

    /// What the server says comes that much later.
    pub fn delay(&self, by: Duration) {
        self.way.send_replace(Way::Late(by));
    }

    /// As after a machine has gone without a word: the connections there are stay and say nothing, new ones work.
    pub fn lose(&self) {
        self.way.send_replace(Way::Lost(self.taken.load(Ordering::Relaxed)));
    }

    /// Lets so many answers through on each connection, and nothing after them.
    pub fn stall_after(&self, answers: u32) {
        self.way.send_replace(Way::SilentAfter(answers));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn carry(client: TcpStream, target: String, ways: watch::Receiver<Way>, number: usize) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // When one direction ends, both do.
    tokio::select! {
        () = pass(from_client, to_server, ways.clone(), number, false) => {}
        () = pass(from_server, to_client, ways, number, true) => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut ways: watch::Receiver<Way>,
    number: usize,
    from_server: bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let late = match *ways.borrow() {
            Way::Late(by) if from_server => Some(by),
            _ => None,
        };
        if let Some(by) = late {
            tokio::time::sleep(by).await;
        }
        let silent = |way: &Way| match way {
            Way::Stalled => true,
            Way::SilentAfter(answers) => from_server && passed >= *answers,
            Way::Lost(connections) => number < *connections,
            _ => false,
        };
        let gone = ways.wait_for(|way| !silent(way)).await.is_err();
        if gone || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        passed += 1;
    }
}
