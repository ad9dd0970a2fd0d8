//! Mail: what it is about, how often it is tried, and how its text is filled.

use chrono::{DateTime, Duration, Utc};
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::AccountId;
use super::account::Email;

/// Mail that no server took for so long is given up: codes in it are over or nearly so, and news is none any more.
pub const GIVEN_UP_AFTER: Duration = Duration::hours(24);
/// How long a mail belongs to who is sending it: longer than any conversation with a server.
pub const LEASE: Duration = Duration::minutes(5);
/// The first pause after a mail was not taken; it doubles each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::minutes(1);
const LONGEST_PAUSE: Duration = Duration::hours(1);

/// What a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The code of an invitation.
    Invitation,
    /// The code that confirms an address.
    Confirmation,
    /// A session was ended because its refresh token came twice.
    SessionReused,
    /// Somebody was told of an emergency look.
    EmergencyLook,
}

/// What a mail is about; whom it goes to follows from that when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A person's invitation.
    Invitation(TenantId, PersonId),
    /// An address to be confirmed, for a place in that tenant.
    Confirmation(TenantId, Uuid),
    /// What an account is told of a tenant; of the host where there is none.
    Account(Option<TenantId>, AccountId),
}

impl About {
    /// In whose name; none for the host.
    pub fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Invitation(tenant, _) | Self::Confirmation(tenant, _) => Some(tenant),
            Self::Account(tenant, _) => tenant,
        }
    }
}

/// A mail that waits and is being sent now.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: Uuid,
    pub kind: Kind,
    pub about: About,
    pub created_at: DateTime<Utc>,
    /// This one included.
    pub attempts: i32,
    /// None where what it is about is over.
    pub to: Option<Email>,
}

impl Waiting {
    /// Whether it has waited too long.
    pub fn is_too_old(&self, now: DateTime<Utc>) -> bool {
        now >= self.created_at + GIVEN_UP_AFTER
    }
}

/// The pause after so many attempts.
pub fn pause_after(attempts: i32) -> Duration {
    let mut pause = FIRST_PAUSE;
    for _ in 1..attempts {
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    pause
}

/// Puts values in the place of their names, such as `{place}`. What a value holds is never filled again.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('{') {
        filled.push_str(before);
        let known = values.iter().find_map(|(name, value)| {
            let after = from.strip_prefix(name)?.strip_prefix('}')?;
            Some((value, after))
        });
        if let Some((value, after)) = known {
            filled.push_str(value);
            rest = after;
        } else {
            filled.push('{');
            rest = from;
        }
    }
    filled.push_str(rest);
    filled
}

/// A name as one line: what could end a header is a space.
pub fn one_line(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_a_day_holds_many_attempts() {
        let minutes: Vec<i64> = (1..=9).map(|attempts| pause_after(attempts).num_minutes()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let (mut attempts, mut waited) = (0, Duration::zero());
        while waited < GIVEN_UP_AFTER {
            attempts += 1;
            waited += pause_after(attempts);
        }
        assert_eq!(attempts, 29);
    }

    #[test]
    fn a_value_is_never_filled_again() {
        let values = [("place", "{code} & {place}"), ("code", "kith-1")];
        assert_eq!(fill("{place}: {code}, {other} {", &values), "{code} & {place}: kith-1, {other} {");
    }

    #[test]
    fn a_name_ends_no_header() {
        assert_eq!(one_line(" A\r\nBcc: all@example.org\t Co-op "), "A Bcc: all@example.org Co-op");
    }
}
