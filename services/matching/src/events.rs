//! Facts about givers and introductions, as the others hear them.

use kith_platform::db::Tx;
use kith_proto::common::v1::ErasureReport;
use kith_proto::matching::v1 as pb;

use crate::domain::giver::{Giver, Status};
use crate::domain::introduction::{Introduction, State, View};

/// What happened to a giver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiverFact {
    Registered,
    ReadinessRecorded,
    TermsSet,
}

/// Tells a fact, with the giver's whole public state after it.
pub fn tell_giver(tx: &mut Tx, giver: &Giver, fact: GiverFact) {
    let state = Some(pb::GiverSnapshot {
        person_id: giver.person_id.to_string(),
        status: pb::GiverStatus::from(giver.status).into(),
        readiness: giver.latest_readiness().copied().map(Into::into),
        terms: giver.terms.iter().cloned().map(Into::into).collect(),
    });
    match fact {
        GiverFact::Registered => tx.publish(giver.person_id, &pb::GiverRegistered { state }),
        GiverFact::ReadinessRecorded => tx.publish(giver.person_id, &pb::GiverReadinessRecorded { state }),
        GiverFact::TermsSet => tx.publish(giver.person_id, &pb::GiverTermsSet { state }),
    }
}

/// Tells what others may know of an introduction, where that is different now. Others know no more than both sides do.
pub fn tell_introduction(tx: &mut Tx, before: Option<View>, introduction: &Introduction, status: Status) {
    let told = introduction.told();
    let Some(view) = told.filter(|_| told != before) else {
        return;
    };
    let id = introduction.id;
    let state = Some(pb::IntroductionSnapshot {
        introduction_id: id.to_string(),
        team_id: introduction.team_id.to_string(),
        giver_person_id: introduction.giver_person_id.to_string(),
        giver_status: pb::GiverStatus::from(status).into(),
        state: pb::IntroductionState::from(view.state).into(),
        trial: view.trial.map(Into::into),
    });
    match view.state {
        // Never told: `told` is nothing before both are interested.
        State::Interested => {}
        State::Mutual => tx.publish(id, &pb::IntroductionMade { state }),
        State::TrialAgreed => tx.publish(id, &pb::IntroductionTrialAgreed { state }),
        State::Welcome => tx.publish(id, &pb::IntroductionWelcomed { state }),
        State::Ended => tx.publish(id, &pb::IntroductionEnded { state }),
    }
}

/// What may go about a person has gone from here.
pub fn erasure_carried_out(report: ErasureReport) -> pb::ErasureCarriedOut {
    pb::ErasureCarriedOut { state: Some(report) }
}
