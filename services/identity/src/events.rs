//! Facts about tenants, people and roles, as the others hear them: ids and states, never a name or an address.

use kith_platform::db::Tx;
use kith_platform::fields::date_text;
use kith_proto::common::v1 as common;
use kith_proto::identity::v1 as pb;

use crate::domain::consent::{self, Consent, Grantee};
use crate::domain::person::{Person, Role};
use crate::domain::tenant::{State, Tenant};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantFact {
    Created,
    WentLive,
}

/// What happened to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonFact {
    Invited,
    Joined,
    RolesSet,
}

/// Tells a fact about the tenant, with its whole public state after it.
pub fn tell_tenant(tx: &mut Tx, tenant: &Tenant, fact: TenantFact) {
    let state = match tenant.listing.state {
        State::Preparing => pb::TenantState::Preparing,
        State::Live => pb::TenantState::Live,
    };
    let id = tenant.listing.id;
    let state = Some(pb::TenantSnapshot {
        tenant_id: id.to_string(),
        state: state.into(),
        time_zone: tenant.listing.zone.name().to_owned(),
        epoch: tenant.epoch,
    });
    match fact {
        TenantFact::Created => tx.publish(id, &pb::TenantCreated { state }),
        TenantFact::WentLive => tx.publish(id, &pb::TenantWentLive { state }),
    }
}

/// Tells a fact about a person, with the whole public state of what it is about.
pub fn tell_person(tx: &mut Tx, person: &Person, fact: PersonFact) {
    let person_id = person.id.to_string();
    let snapshot =
        || Some(pb::PersonSnapshot { person_id: person_id.clone(), joined: person.joined_at.is_some() });
    match fact {
        PersonFact::Invited => tx.publish(person.id, &pb::PersonInvited { state: snapshot() }),
        PersonFact::Joined => tx.publish(person.id, &pb::PersonJoined { state: snapshot() }),
        PersonFact::RolesSet => {
            let roles = person.roles.iter().map(|role| i32::from(role_value(*role))).collect();
            tx.publish(person.id, &pb::RoleSet { state: Some(pb::RoleSnapshot { person_id, roles }) });
        }
    }
}

/// Tells that a consent was given or withdrawn, as it stands now.
pub fn tell_consent(tx: &mut Tx, consent: &Consent) {
    let (withdrawn, state) = match consent.state {
        consent::State::Given => (false, common::ConsentState::Given),
        consent::State::Withdrawn => (true, common::ConsentState::Withdrawn),
    };
    let state = Some(common::ConsentSnapshot {
        consent_id: consent.id.to_string(),
        person_id: consent.person.to_string(),
        part: consent.terms.part.clone(),
        purpose: consent.terms.purpose.clone(),
        grantee: Some(grantee(&consent.terms.grantee)),
        valid_from: date_text(Some(consent.period.valid_from)),
        valid_until: date_text(Some(consent.period.valid_until)),
        version: consent.version,
        state: state.into(),
    });
    if withdrawn {
        tx.publish(consent.id, &pb::ConsentWithdrawn { state });
    } else {
        tx.publish(consent.id, &pb::ConsentGiven { state });
    }
}

/// To whom, as others hear it.
pub fn grantee(grantee: &Grantee) -> common::Grantee {
    let (kind, id, hat) = match grantee {
        Grantee::Person(person) => (common::GranteeKind::Person, Some(*person), ""),
        Grantee::Team(team) => (common::GranteeKind::Team, Some(*team), ""),
        Grantee::Hat(hat, team) => (common::GranteeKind::Hat, *team, hat.as_str()),
    };
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    common::Grantee { kind: kind.into(), id, hat: hat.to_owned() }
}

fn role_value(role: Role) -> pb::OrganisationRole {
    match role {
        Role::Administrator => pb::OrganisationRole::Administrator,
        Role::Checks => pb::OrganisationRole::Checks,
    }
}
