//! The way to the mail server: SMTP, private by TLS with what the system trusts. What the server answers is never passed
//! on but for its code: it may name the address.

use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use kith_platform::config::{Config, MailTls};
use kith_platform::id::Uuid;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::{Address, Message};
use url::Url;

use crate::domain::account::Email;

/// The longest that one step of the connection, and the whole conversation, may take.
const CONNECT: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(90);

/// The secret with the password at the mail server.
const SECRET: &str = "mail";

/// A mail, written out. Never printed: it may hold a code.
#[derive(Clone)]
pub struct Letter {
    /// Stays the same however often it is tried, so that a mailbox knows it again.
    pub id: Uuid,
    pub to: Email,
    /// In whose name.
    pub from_name: String,
    /// Their own address; none for the host's.
    pub from: Option<Email>,
    pub subject: String,
    pub body: String,
    pub written_at: DateTime<Utc>,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has it.
    Taken,
    /// Not now; with the step that failed and what the server answered, 0 for nothing.
    Later { step: &'static str, reply: u16 },
    /// Neither now nor later: the server refuses this address or this mail for good.
    Never { step: &'static str, reply: u16 },
}

/// Where mail is handed in.
#[derive(Clone)]
pub struct Post {
    host: String,
    port: u16,
    tls: MailTls,
    /// None where the connection is not encrypted.
    trust: Option<TlsParameters>,
    credentials: Option<Credentials>,
    /// The host's own address.
    from: Address,
    hello: ClientId,
}

impl fmt::Debug for Post {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(the way to the mail server)")
    }
}

impl Post {
    /// As the configuration says; refuses what cannot work.
    pub fn of(config: &Config) -> anyhow::Result<Self> {
        let mail = &config.mail;
        // lettre takes the process's provider; whoever installed one first installed the same.
        rustls_graviola::default_provider().install_default().ok();
        let from = mail.from.parse().map_err(|_| anyhow!("mail.from: is not an e-mail address"))?;
        let host = mail.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let trust = match mail.tls {
            MailTls::None => None,
            MailTls::Starttls | MailTls::Tls => {
                Some(TlsParameters::new(host.clone()).context("mail.host: cannot be reached by TLS")?)
            }
        };
        let credentials = if mail.user.is_empty() {
            None
        } else {
            let password = config.secret(SECRET).context("mail.user: is set, and needs the secret mail")?;
            Some(Credentials::new(mail.user.clone(), password.reveal().to_owned()))
        };
        // Who we say we are: the host that people know.
        let origin = Url::parse(&config.auth.origin).ok();
        let domain = origin.and_then(|origin| origin.domain().map(str::to_owned));
        let hello = domain.map_or_else(ClientId::default, ClientId::Domain);
        Ok(Self { host, port: mail.port, tls: mail.tls, trust, credentials, from, hello })
    }

    /// Hands a mail in.
    pub async fn send(&self, letter: &Letter) -> Outcome {
        let Some((to, text)) = self.write(letter) else {
            return Outcome::Never { step: "write", reply: 0 };
        };
        let conversation = self.converse(to, &text);
        match tokio::time::timeout(PATIENCE, conversation).await {
            Ok(Ok(())) => Outcome::Taken,
            Ok(Err(refused)) => refused,
            Err(_) => Outcome::Later { step: "wait", reply: 0 },
        }
    }

    /// The mail as it is handed in; none for an address that is none by the stricter rules of mail.
    fn write(&self, letter: &Letter) -> Option<(Address, Vec<u8>)> {
        let to: Address = letter.to.as_str().parse().ok()?;
        let own = match &letter.from {
            Some(own) => own.as_str().parse().ok()?,
            None => self.from.clone(),
        };
        let foreign = own != self.from;
        let id = format!("<{}@{}>", letter.id, self.from.domain());
        let mut builder = Message::builder()
            .from(Mailbox::new(Some(letter.from_name.clone()), own))
            .to(Mailbox::new(None, to.clone()))
            .subject(letter.subject.clone())
            .date(SystemTime::from(letter.written_at))
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            // No mailbox answers this by itself (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".into(),
            ));
        if foreign {
            builder = builder.sender(Mailbox::new(None, self.from.clone()));
        }
        let message = builder.body(letter.body.clone()).ok()?;
        Some((to, message.formatted()))
    }

    async fn converse(&self, to: Address, text: &[u8]) -> Result<(), Outcome> {
        let mut connection = self.connect().await?;
        let handed_in = self.hand_in(&mut connection, to, text).await;
        // Taken is taken, however the goodbye goes.
        connection.abort().await;
        handed_in
    }

    /// Nothing that fails here is about the mail: it is tried again.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let at_once = self.trust.clone().filter(|_| self.tls == MailTls::Tls);
        let server = (self.host.as_str(), self.port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &self.hello, at_once, None).await;
        let mut connection = connected.map_err(later("connect"))?;
        if self.tls == MailTls::Starttls
            && let Some(trust) = self.trust.clone()
        {
            connection.starttls(trust, &self.hello).await.map_err(later("starttls"))?;
        }
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(later("sign in"))?;
        }
        Ok(connection)
    }

    async fn hand_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        to: Address,
        text: &[u8],
    ) -> Result<(), Outcome> {
        let mut parameters = Vec::new();
        if !AsRef::<str>::as_ref(&to).is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Outcome::Never { step: "recipient", reply: 0 });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        // Whether the host may send is the host's own business with its server, and no fault of this mail.
        let sender = connection.command(Mail::new(Some(self.from.clone()), parameters)).await;
        sender.map_err(later("sender"))?;
        connection.command(Rcpt::new(to, Vec::new())).await.map_err(refused("recipient"))?;
        connection.command(Data).await.map_err(refused("data"))?;
        connection.message(text).await.map_err(refused("content"))?;
        Ok(())
    }
}

fn reply(error: &Error) -> u16 {
    error.status().map_or(0, u16::from)
}

fn later(step: &'static str) -> impl Fn(Error) -> Outcome {
    move |error| Outcome::Later { step, reply: reply(&error) }
}

/// For good where the server says so.
fn refused(step: &'static str) -> impl Fn(Error) -> Outcome {
    move |error| {
        let reply = reply(&error);
        if error.is_permanent() { Outcome::Never { step, reply } } else { Outcome::Later { step, reply } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(tls: &str, user: &str, from: &str) -> Config {
        let settings = [
            ("KITH__MAIL__HOST", "127.0.0.1"),
            ("KITH__MAIL__TLS", tls),
            ("KITH__MAIL__USER", user),
            ("KITH__MAIL__FROM", from),
        ];
        Config::from_settings(settings).expect("it can be read")
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for tls in ["none", "starttls", "tls"] {
            assert!(Post::of(&config(tls, "", "kith@host.example")).is_ok(), "{tls}");
        }
        let refused = Post::of(&config("none", "kith", "kith@host.example")).expect_err("no password");
        assert!(format!("{refused:#}").contains("needs the secret mail"), "{refused:#}");
        let refused = Post::of(&config("none", "", "ki th@host.example")).expect_err("no address");
        assert!(format!("{refused:#}").contains("mail.from"), "{refused:#}");
    }
}
