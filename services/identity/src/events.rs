//! Facts about tenants, people and roles, as the others hear them: ids and states, never a name or an address.

use kith_platform::db::Tx;
use kith_platform::fields::{date_text, timestamp};
use kith_proto::common::v1::{
    self as common, AccessRequestState, ErasureState, RetentionPeriod, TenantSnapshot, TenantState,
};
use kith_proto::common::v1::{OrganisationRole, PersonSnapshot, RoleSnapshot};
use kith_proto::identity::v1 as pb;

use crate::domain::consent::{self, Consent, Grantee};
use crate::domain::integrator::Integrator;
use crate::domain::person::{Person, Role};
use crate::domain::representative::{Basis, Representative, Scope};
use crate::domain::rights::{AccessRequest, Erasure, Hold, HoldBasis};
use crate::domain::tenant::{State, Tenant};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantFact {
    Created,
    WentLive,
    Suspended,
    Resumed,
    Frozen,
    Thawed,
    Released,
}

/// What happened to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonFact {
    Invited,
    Joined,
    RolesSet,
    Left,
}

/// A state as the contracts say it.
pub fn state_value(state: State) -> TenantState {
    match state {
        State::Preparing => TenantState::Preparing,
        State::Live => TenantState::Live,
        State::Suspended => TenantState::Suspended,
        State::Frozen => TenantState::Frozen,
        State::Released => TenantState::Released,
    }
}

/// Tells a fact about the tenant, with its whole public state after it.
pub fn tell_tenant(tx: &mut Tx, tenant: &Tenant, fact: TenantFact) {
    let id = tenant.listing.id;
    let state = Some(TenantSnapshot {
        tenant_id: id.to_string(),
        state: state_value(tenant.listing.state).into(),
        time_zone: tenant.listing.zone.name().to_owned(),
        epoch: tenant.epoch,
        first_circle_id: tenant.first_circle.map(|circle| circle.to_string()).unwrap_or_default(),
        founder_person_id: tenant.founder.map(|founder| founder.to_string()).unwrap_or_default(),
    });
    match fact {
        TenantFact::Created => tx.publish(id, &pb::TenantCreated { state }),
        TenantFact::WentLive => tx.publish(id, &pb::TenantWentLive { state }),
        TenantFact::Suspended => tx.publish(id, &pb::TenantSuspended { state }),
        TenantFact::Resumed => tx.publish(id, &pb::TenantResumed { state }),
        TenantFact::Frozen => tx.publish(id, &pb::TenantFrozen { state }),
        TenantFact::Thawed => tx.publish(id, &pb::TenantThawed { state }),
        TenantFact::Released => tx.publish(id, &pb::TenantReleased { state }),
    }
}

/// Tells a fact about a person, with the whole public state of what it is about.
pub fn tell_person(tx: &mut Tx, person: &Person, fact: PersonFact) {
    let person_id = person.id.to_string();
    let snapshot = || {
        Some(PersonSnapshot {
            person_id: person_id.clone(),
            joined: person.joined_at.is_some(),
            left: person.left_at.is_some(),
            left_time: person.left_at.map(timestamp),
        })
    };
    match fact {
        PersonFact::Invited => tx.publish(person.id, &pb::PersonInvited { state: snapshot() }),
        PersonFact::Left => tx.publish(person.id, &pb::PersonLeft { state: snapshot() }),
        PersonFact::Joined => tx.publish(person.id, &pb::PersonJoined { state: snapshot() }),
        PersonFact::RolesSet => {
            let roles = person.roles.iter().map(|role| i32::from(role_value(*role))).collect();
            tx.publish(person.id, &pb::RoleSet { state: Some(RoleSnapshot { person_id, roles }) });
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

/// Tells the role of an integrator as a person's is told, so that the same rules decide; none once it was revoked.
pub fn tell_integrator(tx: &mut Tx, integrator: &Integrator) {
    let role = integrator.revoked_at.is_none().then(|| i32::from(role_value(integrator.role)));
    let state = RoleSnapshot { person_id: integrator.id.to_string(), roles: role.into_iter().collect() };
    tx.publish(integrator.id, &pb::RoleSet { state: Some(state) });
}

/// A role as the contracts say it.
pub fn role_value(role: Role) -> OrganisationRole {
    match role {
        Role::Administrator => OrganisationRole::Administrator,
        Role::Checks => OrganisationRole::Checks,
        Role::PrivacyLead => OrganisationRole::PrivacyLead,
        Role::RegisteredManager => OrganisationRole::RegisteredManager,
        Role::Coach => OrganisationRole::Coach,
        Role::SafeguardingLead => OrganisationRole::SafeguardingLead,
        Role::HrSupport => OrganisationRole::HrSupport,
        Role::PlatformSupport => OrganisationRole::PlatformSupport,
        Role::AdminTeam => OrganisationRole::AdminTeam,
    }
}

/// What happened to a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepresentativeFact {
    Recorded,
    Confirmed,
    Ended,
}

/// A basis as the contracts say it.
pub fn basis_value(basis: Basis) -> common::RepresentationBasis {
    match basis {
        Basis::Nomination => common::RepresentationBasis::Nomination,
        Basis::AttorneyHealthAndWelfare => common::RepresentationBasis::AttorneyHealthAndWelfare,
        Basis::AttorneyProperty => common::RepresentationBasis::AttorneyProperty,
        Basis::Deputyship => common::RepresentationBasis::Deputyship,
        Basis::Guardian => common::RepresentationBasis::Guardian,
    }
}

/// The scopes of a representation as the contracts say them.
pub fn scope_values(representative: &Representative) -> Vec<i32> {
    let value = |scope: &Scope| match scope {
        Scope::HealthAndWelfare => common::RepresentationScope::HealthAndWelfare.into(),
        Scope::Property => common::RepresentationScope::Property.into(),
    };
    representative.scopes.iter().map(value).collect()
}

/// Where a representation stands, as the contracts say it.
pub fn representation_state(representative: &Representative) -> common::RepresentationState {
    if representative.ended_at.is_some() {
        common::RepresentationState::Ended
    } else if representative.confirmed.is_some() {
        common::RepresentationState::Confirmed
    } else {
        common::RepresentationState::Recorded
    }
}

/// Tells a fact about a representation: ids and days only.
pub fn tell_representative(tx: &mut Tx, one: &Representative, fact: RepresentativeFact) {
    let state = Some(common::RepresentativeSnapshot {
        representative_id: one.id.to_string(),
        person_id: one.person.to_string(),
        representative_person_id: one.acting.to_string(),
        basis: basis_value(one.basis).into(),
        scopes: scope_values(one),
        valid_from: date_text(Some(one.valid_from)),
        valid_until: date_text(one.valid_until),
        state: representation_state(one).into(),
    });
    match fact {
        RepresentativeFact::Recorded => tx.publish(one.id, &pb::RepresentativeRecorded { state }),
        RepresentativeFact::Confirmed => tx.publish(one.id, &pb::RepresentativeConfirmed { state }),
        RepresentativeFact::Ended => tx.publish(one.id, &pb::RepresentativeEnded { state }),
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

/// What happened to an access request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessRequestFact {
    Opened,
    Ended,
}

/// Tells until when somebody may read a person's data on their behalf.
pub fn tell_access_request(tx: &mut Tx, request: &AccessRequest, fact: AccessRequestFact) {
    let state = Some(AccessRequestState {
        access_request_id: request.id.to_string(),
        person_id: request.person.to_string(),
        handler_person_id: request.handler.to_string(),
        valid_until: request.valid_until.to_rfc3339(),
    });
    match fact {
        AccessRequestFact::Opened => tx.publish(request.id, &pb::AccessRequestOpened { state }),
        AccessRequestFact::Ended => tx.publish(request.id, &pb::AccessRequestEnded { state }),
    }
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
