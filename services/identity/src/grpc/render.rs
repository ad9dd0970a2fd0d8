//! Domain → messages.

use kith_platform::etag;
use kith_platform::fields::{date_text, timestamp};
use kith_proto::identity::v1 as pb;

use crate::app::credential::Credentials;
use crate::app::passkey;
use crate::app::session::Tokens;
use crate::domain::SessionId;
use crate::domain::integrator::Integrator;
use crate::domain::person::{Person, Term};
use crate::domain::provider::Provider;
use crate::domain::session::{Method, Place};
use crate::domain::tenant::Listing;
use crate::events;
use crate::store::passkey::Kept;
use crate::store::session::{Listed, Reused};

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
        let roles = person.roles.iter().map(|held| i32::from(events::role_value(*held)));
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

/// A session; whether it is the one that asks.
pub fn session(listed: Listed, current: SessionId) -> pb::Session {
    let session = listed.session;
    let method = match session.method {
        Method::Password => pb::SignInMethod::Password,
        Method::Passkey => pb::SignInMethod::Passkey,
        Method::RecoveryCode => pb::SignInMethod::RecoveryCode,
        Method::Provider => pb::SignInMethod::Provider,
    };
    pb::Session {
        id: session.id.to_string(),
        method: method.into(),
        create_time: Some(timestamp(session.created_at)),
        last_used_time: Some(timestamp(listed.last_used_at)),
        expire_time: Some(timestamp(session.expires_at)),
        current: session.id == current,
    }
}

impl From<Kept> for pb::Passkey {
    fn from(kept: Kept) -> Self {
        Self {
            id: passkey::shown(&kept.credential_id),
            label: kept.label,
            create_time: Some(timestamp(kept.created_at)),
            last_used_time: kept.last_used_at.map(timestamp),
        }
    }
}

impl From<Credentials> for pb::GetCredentialsResponse {
    fn from(credentials: Credentials) -> Self {
        Self {
            passkeys: credentials.passkeys.into_iter().map(Into::into).collect(),
            recovery_codes_left: i32::try_from(credentials.codes_left).unwrap_or(i32::MAX),
            linked_providers: credentials.linked,
            reused_sessions: credentials.reused.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Credentials> for pb::GetOperatorCredentialsResponse {
    fn from(credentials: Credentials) -> Self {
        let all = pb::GetCredentialsResponse::from(credentials);
        Self {
            passkeys: all.passkeys,
            recovery_codes_left: all.recovery_codes_left,
            reused_sessions: all.reused_sessions,
        }
    }
}

impl From<Reused> for pb::ReusedSession {
    fn from(reused: Reused) -> Self {
        Self {
            session_id: reused.session.to_string(),
            sign_in_time: Some(timestamp(reused.signed_in_at)),
            reuse_time: Some(timestamp(reused.noticed_at)),
        }
    }
}

impl From<Term> for pb::RoleTerm {
    fn from(term: Term) -> Self {
        Self {
            role: events::role_value(term.role).into(),
            valid_from: date_text(Some(term.valid_from)),
            valid_until: date_text(term.valid_until),
        }
    }
}

impl From<Integrator> for pb::Integrator {
    fn from(integrator: Integrator) -> Self {
        Self {
            id: integrator.id.to_string(),
            display_name: integrator.display_name,
            role: events::role_value(integrator.role).into(),
            create_time: Some(timestamp(integrator.added_at)),
            revoke_time: integrator.revoked_at.map(timestamp),
        }
    }
}

impl From<Provider> for pb::Provider {
    fn from(provider: Provider) -> Self {
        Self {
            name: provider.name.as_str().to_owned(),
            issuer: provider.issuer,
            client: provider.client,
            secret_name: provider.secret_name,
            update_time: Some(timestamp(provider.updated_at)),
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
