//! What a broker must be told so that each service has a user of its own, as RabbitMQ's definitions: users, what they
//! may do, and the limits that an operator may change. Exchanges and queues are declared by who provisions.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::address::{binding_keys, events_exchange, inbox_queue, user_of};
use super::marks;
use crate::config::Secret;

/// What waits for one service, in bytes, before the broker takes no more for it: publishers keep it in their outbox.
const MOST_WAITING: u64 = 1 << 30;
const SALT_BYTES: usize = 4;

/// A service's user of the broker.
#[derive(Clone, Debug)]
pub struct User {
    /// The service.
    pub service: &'static str,
    /// What it listens to, `<service>.<aggregate>`.
    pub listens_to: Vec<&'static str>,
    /// Its password.
    pub password: Secret,
}

/// One installation on a broker.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// Virtual host.
    pub vhost: &'a str,
    /// Before every exchange, queue and user.
    pub prefix: &'a str,
    /// Name and password of a user who may do everything, where the broker has none yet.
    pub administrator: Option<(&'a str, &'a Secret)>,
    /// The services' users.
    pub users: &'a [User],
}

/// The definitions of an installation, for `load_definitions` or an import: the same each time, so that a change shows.
///
/// A service may declare and delete nothing. It writes to the exchange of events, with keys that begin with its own
/// name, and asks for nothing that it may not listen to; it reads from its own queue, and binds to it exactly what it
/// listens to, and the same of its watermarks (writing to one's queue is what binding takes; the default exchange stays closed). The broker itself
/// needs no permission to move dead letters.
pub fn definitions(installation: Installation<'_>) -> Value {
    let Installation { vhost, prefix, administrator, users } = installation;
    let events = events_exchange(prefix);
    let (mut accounts, mut permissions, mut topics) = (vec![], vec![], vec![]);
    if let Some((name, password)) = administrator {
        accounts.push(account(name, password, &["administrator"]));
        permissions
            .push(json!({ "user": name, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*" }));
    }
    for user in users {
        let name = user_of(prefix, user.service);
        let mut own = vec![events.clone(), inbox_queue(prefix, user.service)];
        let mut hears = binding_keys(user.service, &user.listens_to);
        if marks::are_needed(&user.listens_to) {
            own.push(marks::queue(prefix, user.service));
            hears.extend(crate::watermark::keys(&user.listens_to));
        }
        let own = one_of(&own);
        accounts.push(account(&name, &user.password, &[]));
        permissions
            .push(json!({ "user": name, "vhost": vhost, "configure": "^$", "write": own, "read": own }));
        topics.push(json!({
            "user": name,
            "vhost": vhost,
            "exchange": events,
            "write": may_write(user),
            "read": one_of(&hears),
        }));
    }
    let inboxes = format!("^{}\\.in\\.", exactly(prefix));
    json!({
        "vhosts": [{ "name": vhost }],
        "users": accounts,
        "permissions": permissions,
        "topic_permissions": topics,
        "policies": [{
            "vhost": vhost,
            "name": format!("{prefix}.inboxes"),
            "pattern": inboxes,
            "apply-to": "queues",
            "definition": { "max-length-bytes": MOST_WAITING },
            "priority": 0,
        }],
    })
}

fn account(name: &str, password: &Secret, tags: &[&str]) -> Value {
    json!({
        "name": name,
        "password_hash": password_hash(name, password),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": tags,
    })
}

/// RabbitMQ's form: the salt, then SHA-256 of salt and password. The salt comes from the password, which is random
/// itself, so that the same user gives the same file.
fn password_hash(name: &str, password: &Secret) -> String {
    let salt = Sha256::digest(format!("salt of {name}: {}", password.reveal()));
    let mut hashed = salt[..SALT_BYTES].to_vec();
    let hash = Sha256::new().chain_update(&hashed).chain_update(password.reveal()).finalize();
    hashed.extend(hash);
    BASE64_STANDARD.encode(hashed)
}

/// Keys that begin with the service's own name. To ask for snapshots is to read: only of what it listens to.
fn may_write(user: &User) -> String {
    let service = exactly(user.service);
    let says = format!("^{service}\\.(?!resend\\.)");
    if user.listens_to.is_empty() {
        return says;
    }
    let asks: Vec<String> =
        user.listens_to.iter().map(|aggregate| format!("{}.resend.{aggregate}", user.service)).collect();
    format!("{says}|{}", one_of(&asks))
}

/// A pattern that matches these texts alone.
fn one_of(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| exactly(text)).collect();
    format!("^({})$", texts.join("|"))
}

/// A pattern that matches this text, whatever is in it.
fn exactly(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_ascii_alphanumeric() && character.is_ascii() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_teams() -> Value {
        let users =
            [User { service: "teams", listens_to: vec!["identity.tenant"], password: Secret::new("hush") }];
        let boss = Secret::new("boss");
        definitions(Installation {
            vhost: "/",
            prefix: "kith",
            administrator: Some(("kith", &boss)),
            users: &users,
        })
    }

    #[test]
    fn a_service_may_read_and_write_its_own_and_declare_nothing() {
        let all = of_teams();
        let permission = &all["permissions"][1];
        assert_eq!((&permission["user"], &permission["configure"]), (&json!("kith-teams"), &json!("^$")));
        assert_eq!(permission["write"], "^(kith\\.events|kith\\.in\\.teams)$");
        let topic = &all["topic_permissions"][0];
        assert_eq!(topic["write"], "^teams\\.(?!resend\\.)|^(teams\\.resend\\.identity\\.tenant)$");
        assert_eq!(
            topic["read"],
            "^(identity\\.tenant\\.\\#|\\*\\.resend\\.teams\\.\\#|\\*\\.snapshot\\.teams|\\*\\.resent\\.teams)$"
        );
    }

    #[test]
    fn passwords_are_hashed_and_the_file_is_the_same_each_time() {
        let text = of_teams().to_string();
        assert!(!text.contains("hush") && !text.contains("boss"));
        assert_eq!(text, of_teams().to_string());
        let hash = BASE64_STANDARD.decode(password_hash("kith-teams", &Secret::new("hush"))).expect("base64");
        let expected = Sha256::new().chain_update(&hash[..SALT_BYTES]).chain_update("hush").finalize();
        assert_eq!(&hash[SALT_BYTES..], expected.as_slice());
    }
}
