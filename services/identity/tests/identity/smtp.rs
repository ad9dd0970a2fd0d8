//! A mail server for tests: it speaks SMTP (RFC 5321) as far as a client that hands mail in needs it, over a real socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A mail as it was handed in.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
}

impl Received {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ");
        let prefix = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&prefix))?;
        Some(line[prefix.len()..].trim().to_owned())
    }

    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// The code that it holds.
    pub fn code(&self) -> String {
        let line = self.body().lines().map(str::trim).find(|line| line.starts_with("kith-"));
        line.expect("a code on a line of its own").to_owned()
    }
}

#[derive(Default)]
struct Inner {
    received: Vec<Received>,
    /// Every line that was said to it, in order.
    said: Vec<String>,
    /// What it answers to a verb instead of yes.
    answers: BTreeMap<&'static str, &'static str>,
    /// User and password without which it takes nothing.
    credentials: Option<(&'static str, &'static str)>,
}

/// A running server.
pub struct MailServer {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    task: Option<JoinHandle<()>>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut server = Self { address, inner: Arc::default(), task: None };
        server.serve(listener);
        server
    }

    fn serve(&mut self, listener: TcpListener) {
        let inner = self.inner.clone();
        self.task = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, inner.clone()));
            }
        }));
    }

    /// Nobody listens any more.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            task.await.ok();
        }
    }

    /// Listens again where it did.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        self.serve(listener);
    }

    /// From now on that verb is answered so; by an empty text as usual.
    pub fn answer(&self, verb: &'static str, reply: &'static str) {
        self.inner.lock().expect("unpoisoned").answers.insert(verb, reply);
    }

    pub fn wants(&self, user: &'static str, password: &'static str) {
        self.inner.lock().expect("unpoisoned").credentials = Some((user, password));
    }

    /// What was handed in since this was asked last.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.inner.lock().expect("unpoisoned").received)
    }

    pub fn said(&self) -> Vec<String> {
        self.inner.lock().expect("unpoisoned").said.clone()
    }
}

async fn converse(stream: TcpStream, inner: Arc<Mutex<Inner>>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    if writer.write_all(b"220 mail.test ready\r\n").await.is_err() {
        return;
    }
    let (mut from, mut to, mut signed_in) = (String::new(), Vec::new(), false);
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let (planned, credentials) = {
            let mut inner = inner.lock().expect("unpoisoned");
            inner.said.push(line.clone());
            let planned = inner.answers.get(verb.as_str()).copied().filter(|reply| !reply.is_empty());
            (planned, inner.credentials)
        };
        let in_brackets = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let reply = match (verb.as_str(), planned) {
            ("QUIT", _) => {
                writer.write_all(b"221 bye\r\n").await.ok();
                return;
            }
            ("DATA", None) if !to.is_empty() => {
                if writer.write_all(b"354 go on\r\n").await.is_err() {
                    return;
                }
                let mut text = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push_str("\r\n");
                }
                let mut inner = inner.lock().expect("unpoisoned");
                let planned = inner.answers.get("CONTENT").copied().filter(|reply| !reply.is_empty());
                if planned.is_none() {
                    inner.received.push(Received { from: from.clone(), to: std::mem::take(&mut to), text });
                }
                planned.unwrap_or("250 taken").to_owned()
            }
            (_, Some(planned)) => planned.to_owned(),
            ("EHLO", None) => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned(),
            ("AUTH", None) => {
                let given = line.split(' ').nth(2).and_then(|given| STANDARD.decode(given).ok());
                let wanted = credentials.map(|(user, password)| format!("\0{user}\0{password}"));
                signed_in = given.is_some() && given == wanted.map(String::into_bytes);
                if signed_in { "235 welcome".to_owned() } else { "535 no".to_owned() }
            }
            ("MAIL", None) if credentials.is_some() && !signed_in => "530 sign in first".to_owned(),
            ("MAIL", None) => {
                from = in_brackets();
                "250 yes".to_owned()
            }
            ("RCPT", None) if !from.is_empty() => {
                to.push(in_brackets());
                "250 yes".to_owned()
            }
            _ => "503 not now".to_owned(),
        };
        if writer.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
