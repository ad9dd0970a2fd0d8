//! Accounts: an address and a password. Neither is ever printed.

use std::fmt;

use chrono::Duration;

use super::AccountId;

/// How many attempts at a password an address has within [`ATTEMPT_WINDOW`], and for how long it then rests.
pub const MOST_ATTEMPTS: i32 = 10;
/// See [`MOST_ATTEMPTS`].
pub const ATTEMPT_WINDOW: Duration = Duration::minutes(15);

/// An e-mail address in lower case, checked for its form only.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address: one `@` with something on both sides, no white space, at most 254 bytes (RFC 5321).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.split_once('@')?;
        let plain = !text.chars().any(|character| character.is_whitespace() || character.is_control());
        let dots = domain.starts_with('.') || domain.ends_with('.') || domain.contains("..");
        let sides = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
        (plain && sides && !dots && text.len() <= 254).then_some(Self(text))
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(an address)")
    }
}

/// A password as it was typed: white space counts.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// A new password: 12 to 256 characters.
    pub fn new(text: &str) -> Option<Self> {
        (12..=256).contains(&text.chars().count()).then(|| Self(text.to_owned()))
    }

    /// A password to be compared: whatever could be one.
    pub fn given(text: &str) -> Option<Self> {
        (1..=256).contains(&text.chars().count()).then(|| Self(text.to_owned()))
    }

    /// What is hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(a password)")
    }
}

/// What one signs in with.
#[derive(Clone)]
pub struct Account {
    pub id: AccountId,
    /// argon2id, as a PHC string.
    pub password_hash: String,
    pub is_operator: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_lower_case_and_nonsense_is_refused() {
        let email = Email::parse(" Ada@Example.ORG ").expect("an address");
        assert_eq!(email.as_str(), "ada@example.org");
        for bad in
            ["", "ada", "@example.org", "ada@", "a@b@c", "a b@example.org", "a@.org", "a@b..c", "a@b\n.c"]
        {
            assert!(Email::parse(bad).is_none(), "{bad}");
        }
        assert!(Email::parse(&format!("{}@example.org", "a".repeat(250))).is_none());
    }

    #[test]
    fn a_password_counts_characters_and_keeps_its_spaces() {
        assert!(Password::new(&"ä".repeat(12)).is_some());
        assert!(Password::new(&"a".repeat(11)).is_none());
        assert!(Password::new(&"a".repeat(257)).is_none());
        assert_eq!(Password::new("  twelve chars  ").map(|kept| kept.as_bytes().len()), Some(16));
        assert!(Password::given("short").is_some() && Password::given("").is_none());
    }

    #[test]
    fn nothing_personal_or_secret_is_printed() {
        let (email, password) = (Email::parse("ada@example.org"), Password::new("correct horse battery"));
        let printed = format!("{email:?} {password:?}");
        assert!(!printed.contains("ada") && !printed.contains("horse"));
    }
}
