//! Outside identity providers of a tenant.

use chrono::{DateTime, Utc};
use url::Url;

/// A provider's short name within its tenant has the form of a tenant's own.
pub use super::tenant::Slug as Name;

/// A provider as its tenant's administrator set it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    pub name: Name,
    pub issuer: String,
    pub client: String,
    pub secret_name: String,
    pub updated_at: DateTime<Utc>,
}

/// Reads an issuer: an https URL without query and fragment (OpenID Connect Core 1.0, section 2).
pub fn issuer(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (reachable(&url, true) && plain && text.len() <= 200).then(|| text.to_owned())
}

/// Whether something may be asked of that URL: over https, or over plain http on loopback, which is for a machine of
/// one's own (`local`) alone: elsewhere an administrator could reach what only the host should.
pub fn reachable(url: &Url, local: bool) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(domain)) => domain == "localhost",
        None => return false,
    };
    match url.scheme() {
        "https" => !loopback || local,
        "http" => loopback && local,
        _ => false,
    }
}

/// Reads the name of a secret of the tenant.
pub fn secret_name(text: &str) -> Option<String> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (begins && text.bytes().all(known) && text.len() <= 40).then(|| text.to_owned())
}

/// The file of a secret of a tenant: no tenant can name another's, nor any other secret. Slugs hold no dots.
pub fn secret_file(tenant: &Name, secret_name: &str) -> String {
    format!("oidc.{}.{secret_name}", tenant.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_reached_safely_or_not_at_all() {
        for good in ["https://accounts.example", "https://login.example/realms/a", "http://127.0.0.1:8081"] {
            assert!(issuer(good).is_some(), "{good}");
        }
        for bad in [
            "http://accounts.example",
            "http://localhost.example",
            "https://a.example/?q=1",
            "https://a.example/#f",
            "https://user@a.example",
            "file:///etc/passwd",
            "words",
        ] {
            assert!(issuer(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_secrets_of_the_tenants_own_providers_can_be_named() {
        let name = secret_name("google").expect("a name");
        let tenant = Name::parse("clapton").expect("a slug");
        assert_eq!(secret_file(&tenant, &name), "oidc.clapton.google");
        for bad in ["", "../derive", "a.b", "A", "-a", "hackney.google"] {
            assert!(secret_name(bad).is_none(), "{bad}");
        }
    }
}
