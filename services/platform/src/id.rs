//! Typed UUIDs: an id of one kind cannot be taken for another.

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
