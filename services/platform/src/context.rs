//! Who acts, and when: what every use case knows of its caller.

use crate::id::{PersonId, TenantId, Uuid};

/// Who acts. Set by the token check, by the inbox, or by a test; never by a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person signed in to a tenant.
    Person {
        /// Where they are signed in.
        tenant: TenantId,
        /// Who they are there.
        person: PersonId,
        /// Their session: the refresh family of the token.
        session: Uuid,
    },
    /// An operator of the hosting co-op, in no tenant.
    Operator {
        /// The operator's account.
        account: Uuid,
        /// Their session.
        session: Uuid,
    },
    /// The service itself, applying another's event within its tenant.
    Service {
        /// The event's tenant.
        tenant: TenantId,
    },
    /// Nobody is signed in.
    Nobody,
}

impl Actor {
    /// The tenant that the actor acts in, if any.
    pub fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Person { tenant, .. } | Self::Service { tenant } => Some(tenant),
            Self::Operator { .. } | Self::Nobody => None,
        }
    }

    /// The id that audit and saved answers keep: the person, the operator's account, or nil for the service itself.
    pub fn id(self) -> Uuid {
        match self {
            Self::Person { person, .. } => person.0,
            Self::Operator { account, .. } => account,
            Self::Service { .. } | Self::Nobody => Uuid::nil(),
        }
    }

    /// Whether another system acts, with nobody behind it: its token names itself as its session.
    pub fn is_integrator(self) -> bool {
        matches!(self, Self::Person { person, session, .. } if person.0 == session)
    }

    /// The session of a signed-in actor.
    pub fn session(self) -> Option<Uuid> {
        match self {
            Self::Person { session, .. } | Self::Operator { session, .. } => Some(session),
            Self::Service { .. } | Self::Nobody => None,
        }
    }
}
