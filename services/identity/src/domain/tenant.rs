//! Tenants: the co-ops that a host serves, from preparation to life.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use kith_platform::id::TenantId;

use super::Change;

/// The epoch of a tenant that was never frozen.
pub const FIRST_EPOCH: i64 = 1;

/// A tenant's short name: 2 to 40 letters, digits and hyphens in lower case, no hyphen at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    /// Reads a short name.
    pub fn parse(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (2..=40).contains(&text.len()) && text.bytes().all(known);
        let ends = text.starts_with('-') || text.ends_with('-');
        (fits && !ends).then(|| Self(text.to_owned()))
    }

    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The life of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Being set up; may bring in its history.
    Preparing,
    /// In use.
    Live,
}

/// What the host's list says of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub id: TenantId,
    pub slug: Slug,
    pub display_name: String,
    pub zone: Tz,
    pub state: State,
    pub created_at: DateTime<Utc>,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub listing: Listing,
    /// Raised with every freeze and thaw.
    pub epoch: i64,
}

impl Tenant {
    /// A new tenant, in preparation.
    pub fn new(id: TenantId, slug: Slug, display_name: String, zone: Tz, now: DateTime<Utc>) -> Self {
        let listing = Listing { id, slug, display_name, zone, state: State::Preparing, created_at: now };
        Self { listing, epoch: FIRST_EPOCH }
    }

    /// Ends the preparation; there is no way back.
    pub fn go_live(&mut self) -> Change {
        if self.listing.state == State::Live {
            return Change::Unchanged;
        }
        self.listing.state = State::Live;
        Change::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_names_are_lower_case_and_two_to_forty_long() {
        for good in ["clapton", "a1", "equal-care", &"a".repeat(40)] {
            assert!(Slug::parse(good).is_some(), "{good}");
        }
        for bad in ["", "a", "Clapton", "a b", "a_b", "-ab", "ab-", "é1", &"a".repeat(41)] {
            assert!(Slug::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_tenant_goes_live_once() {
        let slug = Slug::parse("clapton").expect("a slug");
        let now = DateTime::UNIX_EPOCH;
        let mut tenant = Tenant::new(TenantId::default(), slug, "Clapton".into(), Tz::UTC, now);
        assert_eq!(tenant.go_live(), Change::Changed);
        assert_eq!(tenant.go_live(), Change::Unchanged);
        assert_eq!(tenant.listing.state, State::Live);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_what_the_database_accepts(text in "[a-zA-Z0-9_ -]{0,45}") {
            if let Some(slug) = Slug::parse(&text) {
                prop_assert_eq!(slug.as_str(), text.as_str());
                prop_assert!(text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit() || byte.is_ascii_lowercase()));
                prop_assert!((2..=40).contains(&text.len()));
            }
        }
    }
}
