//! Facts about Circles, decisions and mandates, as the others hear them. Never a text.

use kith_platform::db::Tx;
use kith_platform::fields::date_text;
use kith_proto::common::v1::ErasureReport;
use kith_proto::governance::v1 as pb;

use crate::domain::circle::Circle;
use crate::domain::decision::Decision;

/// What happened to a Circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircleFact {
    Created,
    MembersChanged,
    HatsChanged,
}

/// Tells a fact, with the Circle's whole public state after it.
pub fn tell_circle(tx: &mut Tx, circle: &Circle, fact: CircleFact) {
    let members = circle.members.iter().filter(|member| member.ever_held());
    let hats = circle.hats.iter().filter(|holding| holding.ever_held());
    let state = Some(pb::CircleSnapshot {
        circle_id: circle.id.to_string(),
        members: members.cloned().map(Into::into).collect(),
        hats: hats.copied().map(Into::into).collect(),
    });
    match fact {
        CircleFact::Created => tx.publish(circle.id, &pb::CircleCreated { state }),
        CircleFact::MembersChanged => tx.publish(circle.id, &pb::CircleMembersChanged { state }),
        CircleFact::HatsChanged => tx.publish(circle.id, &pb::CircleHatsChanged { state }),
    }
}

/// Tells that a Circle decided and, where something changes elsewhere, the mandate.
pub fn tell_recorded(tx: &mut Tx, decision: &Decision) {
    tx.publish(decision.id, &pb::DecisionRecorded { state: Some(decision_state(decision)) });
    if let Some((id, state)) = mandate_state(decision) {
        tx.publish(id, &pb::MandateIssued { state: Some(state) });
    }
}

/// Tells that a later decision ended this one and its mandate.
pub fn tell_revoked(tx: &mut Tx, decision: &Decision) {
    tx.publish(decision.id, &pb::DecisionRevoked { state: Some(decision_state(decision)) });
    if let Some((id, state)) = mandate_state(decision) {
        tx.publish(id, &pb::MandateRevoked { state: Some(state) });
    }
}

fn decision_state(decision: &Decision) -> pb::DecisionSnapshot {
    pb::DecisionSnapshot {
        decision_id: decision.id.to_string(),
        circle_id: decision.circle.to_string(),
        review_date: date_text(Some(decision.version.content.review_date)),
        revoked_from: date_text(decision.revoked_from),
    }
}

fn mandate_state(decision: &Decision) -> Option<(crate::domain::MandateId, pb::MandateSnapshot)> {
    let mandate = decision.mandate.as_ref()?;
    let state = pb::MandateSnapshot {
        mandate_id: mandate.id.to_string(),
        decision_id: decision.id.to_string(),
        circle_id: decision.circle.to_string(),
        contribution_rule: Some(mandate.rule.clone().into()),
        revoked_from: date_text(decision.revoked_from),
    };
    Some((mandate.id, state))
}

/// What may go about a person has gone from here.
pub fn erasure_carried_out(report: ErasureReport) -> pb::ErasureCarriedOut {
    pb::ErasureCarriedOut { state: Some(report) }
}
