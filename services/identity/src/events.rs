//! Facts about tenants, people and roles, as the others hear them: ids and states, never a name or an address.

use kith_platform::db::Tx;
use kith_proto::identity::v1 as pb;

use crate::domain::integrator::Integrator;
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

/// Tells the role of an integrator as a person's is told, so that the same rules decide; none once it was revoked.
pub fn tell_integrator(tx: &mut Tx, integrator: &Integrator) {
    let role = integrator.revoked_at.is_none().then(|| i32::from(role_value(integrator.role)));
    let state = pb::RoleSnapshot { person_id: integrator.id.to_string(), roles: role.into_iter().collect() };
    tx.publish(integrator.id, &pb::RoleSet { state: Some(state) });
}

fn role_value(role: Role) -> pb::OrganisationRole {
    match role {
        Role::Administrator => pb::OrganisationRole::Administrator,
        Role::Checks => pb::OrganisationRole::Checks,
    }
}
