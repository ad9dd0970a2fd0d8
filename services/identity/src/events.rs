//! Facts about tenants, people and roles, as the others hear them: ids and states, never a name or an address.

use kith_platform::db::Tx;
use kith_proto::common::v1::{AccessRequestState, ErasureState, RetentionPeriod};
use kith_proto::identity::v1 as pb;

use crate::domain::person::{Person, Role};
use crate::domain::rights::{AccessRequest, Erasure, Hold, HoldBasis};
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

fn role_value(role: Role) -> pb::OrganisationRole {
    match role {
        Role::Administrator => pb::OrganisationRole::Administrator,
        Role::Checks => pb::OrganisationRole::Checks,
    }
}

/// What happened to an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureFact {
    Ordered,
    Completed,
}

/// Tells a fact about an erasure, with the retention periods that the services go by.
pub fn tell_erasure(tx: &mut Tx, erasure: &Erasure, periods: Vec<RetentionPeriod>, fact: ErasureFact) {
    let state = Some(ErasureState {
        erasure_id: erasure.id.to_string(),
        person_id: erasure.person.to_string(),
        completed: fact == ErasureFact::Completed,
        periods,
    });
    match fact {
        ErasureFact::Ordered => tx.publish(erasure.id, &pb::ErasureOrdered { state }),
        ErasureFact::Completed => tx.publish(erasure.id, &pb::ErasureCompleted { state }),
    }
}

/// Tells that somebody may read a person's data on their behalf.
pub fn tell_access_request(tx: &mut Tx, request: &AccessRequest) {
    let state = Some(AccessRequestState {
        access_request_id: request.id.to_string(),
        person_id: request.person.to_string(),
        handler_person_id: request.handler.to_string(),
        valid_until: request.valid_until.to_rfc3339(),
    });
    tx.publish(request.id, &pb::AccessRequestOpened { state });
}

/// What happened to a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldFact {
    Set,
    Lifted,
}

/// Tells a fact about a legal hold.
pub fn tell_hold(tx: &mut Tx, hold: &Hold, fact: HoldFact) {
    let state = Some(pb::LegalHoldState {
        legal_hold_id: hold.id.to_string(),
        person_id: hold.person.to_string(),
        basis: hold_basis(hold.basis).into(),
        holds: hold.lifted_at.is_none(),
    });
    match fact {
        HoldFact::Set => tx.publish(hold.id, &pb::LegalHoldSet { state }),
        HoldFact::Lifted => tx.publish(hold.id, &pb::LegalHoldLifted { state }),
    }
}

/// Why nothing may be destroyed, as the contracts say it.
pub fn hold_basis(basis: HoldBasis) -> pb::HoldBasis {
    match basis {
        HoldBasis::Litigation => pb::HoldBasis::Litigation,
        HoldBasis::Inquiry => pb::HoldBasis::Inquiry,
        HoldBasis::Safeguarding => pb::HoldBasis::Safeguarding,
    }
}
