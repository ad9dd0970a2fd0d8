//! Typed UUIDs: an id of one kind cannot be taken for another; and the one source of ids and randomness.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _};

pub use uuid::Uuid;

/// Defines a typed id around a [`Uuid`]: `id_type!(/// Doc. TeamId);`
#[macro_export]
macro_rules! id_type {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            $crate::id::__private::serde::Serialize, $crate::id::__private::serde::Deserialize,
        )]
        #[serde(crate = "kith_platform::id::__private::serde", transparent)]
        pub struct $name(pub $crate::id::Uuid);

        impl ::core::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl ::core::convert::From<$crate::id::Uuid> for $name {
            fn from(id: $crate::id::Uuid) -> Self {
                Self(id)
            }
        }

        impl ::core::convert::From<$name> for $crate::id::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

#[doc(hidden)]
pub mod __private {
    pub use serde;
}

extern crate self as kith_platform;

id_type!(
    /// A tenant: a co-op, or a circle that became one.
    TenantId,
    /// A person within one tenant.
    PersonId,
);

/// The source of ids and randomness, cheap to clone. Seeded by the system, or by a test.
#[derive(Clone, Debug)]
pub struct Ids(Arc<Mutex<StdRng>>);

impl Ids {
    /// Seeded from the system's randomness.
    ///
    /// # Panics
    /// Where the system has no randomness to give, in which case nothing safe can be done.
    pub fn system() -> Self {
        let rng = StdRng::try_from_rng(&mut SysRng).expect("the system gives randomness");
        Self(Arc::new(Mutex::new(rng)))
    }

    /// The same ids in every run.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A new UUIDv7 for that moment.
    pub fn uuid(&self, now: DateTime<Utc>) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }

    /// Random bytes: salts, tokens, keys.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

/// Bytes as people and files write them.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_time_and_a_seed_repeats_them() {
        let early = DateTime::from_timestamp(1_700_000_000, 0).expect("a moment");
        let late = DateTime::from_timestamp(1_700_000_001, 0).expect("a moment");
        let (one, two) = (Ids::seeded(7), Ids::seeded(7));
        let (first, second) = (one.uuid(early), one.uuid(late));
        assert!(first < second);
        assert_eq!(first.get_version_num(), 7);
        assert_eq!((first, second), (two.uuid(early), two.uuid(late)));
    }
}
