//! Domain → messages.

use kith_platform::etag;
use kith_platform::fields::timestamp;
use kith_proto::identity::v1 as pb;

use crate::app::session::Tokens;
use crate::domain::person::{Person, Role};
use crate::domain::session::Place;
use crate::domain::tenant::Listing;
use crate::events;

impl From<Listing> for pb::Tenant {
    fn from(listing: Listing) -> Self {
        Self {
            id: listing.id.to_string(),
            slug: listing.slug.as_str().to_owned(),
            display_name: listing.display_name,
            time_zone: listing.zone.name().to_owned(),
            state: events::state_value(listing.state).into(),
            create_time: Some(timestamp(listing.created_at)),
        }
    }
}

impl From<Person> for pb::Person {
    fn from(person: Person) -> Self {
        let roles = person.roles.iter().map(|role| {
            i32::from(match role {
                Role::Administrator => pb::OrganisationRole::Administrator,
                Role::Checks => pb::OrganisationRole::Checks,
                Role::PrivacyLead => pb::OrganisationRole::PrivacyLead,
            })
        });
        Self {
            id: person.id.to_string(),
            roles: roles.collect(),
            display_name: person.display_name,
            joined: person.joined_at.is_some(),
            left: person.left_at.is_some(),
            etag: etag::of(person.version),
        }
    }
}

impl From<Tokens> for pb::Tokens {
    fn from(tokens: Tokens) -> Self {
        let tenant_id = match tokens.place {
            Place::Tenant(tenant, _) => tenant.to_string(),
            Place::Host => String::new(),
        };
        Self {
            access_token: tokens.access,
            access_expire_time: Some(timestamp(tokens.access_ends_at)),
            refresh_token: tokens.refresh,
            tenant_id,
            person_id: tokens.subject.to_string(),
        }
    }
}
