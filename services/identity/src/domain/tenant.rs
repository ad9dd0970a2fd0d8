//! Tenants: the co-ops that a host serves: preparing, live, suspended and live again, frozen for a move, released.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use kith_platform::id::{PersonId, TenantId, Uuid};

use super::{Change, Refused};

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
    /// Read and exported, not changed, until the host resumes it.
    Suspended,
    /// Not changed while it is moved.
    Frozen,
    /// Lives elsewhere; kept for reading.
    Released,
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
    /// The Circle that is founded with it.
    pub first_circle: Option<Uuid>,
    /// Its first administrator.
    pub founder: Option<PersonId>,
    /// When the freeze under way began.
    pub frozen_at: Option<DateTime<Utc>>,
    /// When all services had said that the freeze under way is complete.
    pub freeze_complete_at: Option<DateTime<Utc>>,
}

/// What the host does with a tenant that went live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Stops changes.
    Suspend,
    /// Lets a suspended tenant live.
    Resume,
    /// Stops changes for a move.
    Freeze,
    /// Lets a frozen tenant live.
    Thaw,
    /// Gives a tenant up that lives elsewhere.
    Release,
}

impl Tenant {
    /// A new tenant, in preparation.
    pub fn new(id: TenantId, slug: Slug, display_name: String, zone: Tz, now: DateTime<Utc>) -> Self {
        let listing = Listing { id, slug, display_name, zone, state: State::Preparing, created_at: now };
        Self {
            listing,
            epoch: FIRST_EPOCH,
            first_circle: None,
            founder: None,
            frozen_at: None,
            freeze_complete_at: None,
        }
    }

    /// Ends the preparation; there is no way back.
    pub fn go_live(&mut self) -> Result<Change, Refused> {
        match self.listing.state {
            State::Preparing => {
                self.listing.state = State::Live;
                Ok(Change::Changed)
            }
            State::Live => Ok(Change::Unchanged),
            State::Suspended | State::Frozen | State::Released => Err(Refused::OtherState),
        }
    }

    /// Takes a step of the host. A step whose end is reached already changes nothing; one that does not begin where the
    /// tenant stands is refused.
    pub fn take(&mut self, step: Step, now: DateTime<Utc>) -> Result<Change, Refused> {
        let (from, to) = match step {
            Step::Suspend => (State::Live, State::Suspended),
            Step::Resume => (State::Suspended, State::Live),
            Step::Freeze => (State::Live, State::Frozen),
            Step::Thaw => (State::Frozen, State::Live),
            Step::Release => (State::Frozen, State::Released),
        };
        if self.listing.state == to {
            return Ok(Change::Unchanged);
        }
        if self.listing.state != from {
            return Err(Refused::OtherState);
        }
        if step == Step::Release && self.freeze_complete_at.is_none() {
            return Err(Refused::FreezeNotComplete);
        }
        if matches!(step, Step::Freeze | Step::Thaw) {
            self.epoch += 1;
        }
        self.frozen_at = (step == Step::Freeze).then_some(now);
        self.freeze_complete_at = None;
        self.listing.state = to;
        Ok(Change::Changed)
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
        assert_eq!(tenant.go_live(), Ok(Change::Changed));
        assert_eq!(tenant.go_live(), Ok(Change::Unchanged));
        assert_eq!(tenant.listing.state, State::Live);
    }

    #[test]
    fn only_the_steps_of_a_life_are_taken_and_each_freeze_and_thaw_raises_the_epoch() {
        let slug = Slug::parse("clapton").expect("a slug");
        let now = DateTime::UNIX_EPOCH;
        let mut tenant = Tenant::new(TenantId::default(), slug, "Clapton".into(), Tz::UTC, now);
        assert_eq!(tenant.take(Step::Freeze, now), Err(Refused::OtherState), "it is not live yet");
        tenant.go_live().expect("live");
        for (step, state, epoch) in [
            (Step::Suspend, State::Suspended, 1),
            (Step::Resume, State::Live, 1),
            (Step::Freeze, State::Frozen, 2),
            (Step::Thaw, State::Live, 3),
            (Step::Freeze, State::Frozen, 4),
        ] {
            assert_eq!(tenant.take(step, now), Ok(Change::Changed), "{step:?}");
            assert_eq!(tenant.take(step, now), Ok(Change::Unchanged), "{step:?} again");
            assert_eq!((tenant.listing.state, tenant.epoch), (state, epoch), "{step:?}");
            assert_eq!(tenant.frozen_at.is_some(), state == State::Frozen);
        }
        assert_eq!(tenant.take(Step::Suspend, now), Err(Refused::OtherState));
        assert_eq!(tenant.take(Step::Release, now), Err(Refused::FreezeNotComplete));
        tenant.freeze_complete_at = Some(now);
        assert_eq!(tenant.take(Step::Release, now), Ok(Change::Changed));
        assert_eq!(tenant.take(Step::Thaw, now), Err(Refused::OtherState), "there is no way back");
        assert_eq!(tenant.go_live(), Err(Refused::OtherState));
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
