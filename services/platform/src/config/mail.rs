//! The server that takes our mail. Without one no mail is sent, and everything else works.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The server that takes our mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Host name or address; empty where no mail is sent.
    pub host: String,
    /// Port: 587 with STARTTLS, 465 with TLS from the first byte.
    pub port: u16,
    /// How the connection is kept private.
    pub tls: MailTls,
    /// Who we are there, with the secret `mail` as password; empty where the server asks nobody.
    pub user: String,
    /// The host's own address, such as `kith@host.example`: mail comes from there where a tenant has no sender of its own,
    /// and what cannot be delivered goes back there in any case.
    pub from: String,
    /// How often waiting mail is looked for, in seconds.
    pub poll_seconds: u64,
}

/// How a connection to the mail server is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Not at all: for a server on this machine alone.
    None,
    /// By STARTTLS, which has to succeed before anything is said.
    Starttls,
    /// From the first byte.
    Tls,
}

impl Mail {
    /// Whether mail is sent.
    pub fn is_on(&self) -> bool {
        !self.host.is_empty()
    }

    fn is_on_this_machine(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// Names what is not right.
    pub(super) fn check(&self, check: &mut impl FnMut(bool, &str)) {
        check((1..=3600).contains(&self.poll_seconds), "mail.poll_seconds: 1 to 3600");
        if !self.is_on() {
            check(
                self.user.is_empty() && self.from.is_empty(),
                "mail.host: is missing, while mail.user or mail.from is set",
            );
            return;
        }
        check(self.port > 0, "mail.port: 1 to 65535");
        check(
            self.tls != MailTls::None || self.is_on_this_machine(),
            "mail.tls: none is for a server on this machine only; use starttls or tls",
        );
        let sides = self.from.split_once('@');
        check(
            sides.is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            }),
            "mail.from: must be an e-mail address",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn with(settings: &[(&str, &str)]) -> Result<Config, String> {
        Config::from_settings(settings.iter().copied()).map_err(|error| format!("{error:#}"))
    }

    const HOST: (&str, &str) = ("KITH__MAIL__HOST", "mail.example");
    const FROM: (&str, &str) = ("KITH__MAIL__FROM", "kith@host.example");

    #[test]
    fn without_a_server_there_is_no_mail_and_with_one_it_is_private() {
        assert!(!with(&[]).expect("the defaults are fine").mail.is_on());
        assert!(with(&[HOST, FROM]).expect("starttls").mail.is_on());
        let plain = ("KITH__MAIL__TLS", "none");
        for here in ["127.0.0.1", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"] {
            assert!(with(&[("KITH__MAIL__HOST", here), FROM, plain]).is_ok(), "{here}");
        }
        for elsewhere in ["mail.example", "10.0.0.1", "localhost.example"] {
            let refused = with(&[("KITH__MAIL__HOST", elsewhere), FROM, plain]).expect_err("refused");
            assert!(refused.contains("mail.tls: none is for a server on this machine only"), "{refused}");
        }
    }

    #[test]
    fn a_wrong_setting_is_refused_by_name() {
        for (settings, named) in [
            (vec![HOST], "mail.from"),
            (vec![HOST, ("KITH__MAIL__FROM", "nobody")], "mail.from"),
            (vec![FROM], "mail.host"),
            (vec![("KITH__MAIL__USER", "kith")], "mail.host"),
            (vec![HOST, FROM, ("KITH__MAIL__PORT", "0")], "mail.port"),
            (vec![HOST, FROM, ("KITH__MAIL__TLS", "perhaps")], "perhaps"),
            (vec![HOST, FROM, ("KITH__MAIL__POLL_SECONDS", "0")], "mail.poll_seconds"),
            (vec![HOST, FROM, ("KITH__MAIL__PASSWORD", "hush")], "password"),
        ] {
            let refused = with(&settings).expect_err("refused");
            assert!(refused.contains(named), "{refused}");
        }
    }
}
