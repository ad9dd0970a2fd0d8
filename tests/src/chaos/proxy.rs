//! A network that misbehaves: a TCP proxy before one server or service that delays, slices, cuts, resets, and closes
//! slowly.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

/// What happens to what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything goes through at once.
    Open,
    /// Everything comes that much later, in both directions.
    Late(Duration),
    /// Everything comes in pieces of so many bytes.
    Sliced(usize),
    /// Connections stay, nothing goes through.
    Stalled,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides see the end of the stream.
    Cut,
    /// Both sides see a reset.
    Reset,
    /// Nothing goes through for so long, then both sides see the end of the stream.
    SlowClose(Duration),
}

/// A proxy before one port of this machine; ends with its value.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    way: watch::Sender<Way>,
    ends: broadcast::Sender<End>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Proxy {
    /// Listens on a free port before that one.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own_port = listener.local_addr().expect("an address").port();
        let (way, ways) = watch::channel(Way::Open);
        let (ends, _) = broadcast::channel(16);
        let tasks: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let (opened, ending) = (tasks.clone(), ends.clone());
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let task = tokio::spawn(carry(client, port, ways.clone(), ending.subscribe()));
                opened.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
            }
        });
        tasks.lock().unwrap_or_else(PoisonError::into_inner).push(listening.abort_handle());
        Self { port: own_port, way, ends, tasks }
    }

    /// What happens from now on to what passes.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Ends every connection; new ones are taken.
    pub fn end(&self, how: End) {
        self.ends.send(how).ok();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

async fn carry(client: TcpStream, port: u16, ways: watch::Receiver<Way>, mut ends: broadcast::Receiver<End>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let end = tokio::select! {
        () = pass(&mut from_client, &mut to_server, ways.clone()) => End::Cut,
        () = pass(&mut from_server, &mut to_client, ways) => End::Cut,
        end = ends.recv() => end.unwrap_or(End::Cut),
    };
    match end {
        End::Cut => {}
        End::SlowClose(time) => tokio::time::sleep(time).await,
        End::Reset => {
            for (one, other) in [(from_client, to_client), (from_server, to_server)] {
                if let Ok(stream) = one.reunite(other) {
                    stream.set_zero_linger().ok();
                }
            }
        }
    }
}

async fn pass(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut ways: watch::Receiver<Way>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if ways.wait_for(|way| *way != Way::Stalled).await.is_err() {
            return;
        }
        let way = *ways.borrow();
        let piece = match way {
            Way::Late(by) => {
                tokio::time::sleep(by).await;
                length
            }
            Way::Sliced(size) => size.max(1),
            Way::Open | Way::Stalled => length,
        };
        for piece in buffer[..length].chunks(piece) {
            if to.write_all(piece).await.is_err() {
                return;
            }
            if matches!(way, Way::Sliced(_)) {
                tokio::task::yield_now().await;
            }
        }
    }
}
