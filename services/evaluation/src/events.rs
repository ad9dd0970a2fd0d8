//! Facts about a round, as the others hear them: that it is, never what was answered.

use kith_platform::db::Tx;
use kith_proto::common::v1::ErasureReport;
use kith_proto::evaluation::v1 as pb;

use crate::domain::round::{Round, State};

/// Tells that a round was opened or closed, with its whole public state after it.
pub fn tell(tx: &mut Tx, round: &Round) {
    let snapshot = |state: pb::RoundState| {
        Some(pb::RoundSnapshot { round_id: round.id.to_string(), state: state.into() })
    };
    match round.state {
        State::Open => {
            tx.publish(round.id, &pb::RoundOpened { state: snapshot(pb::RoundState::Open) });
        }
        State::Closed { .. } => {
            tx.publish(round.id, &pb::RoundClosed { state: snapshot(pb::RoundState::Closed) });
        }
    }
}

/// What may go about a person has gone from here.
pub fn erasure_carried_out(report: ErasureReport) -> pb::ErasureCarriedOut {
    pb::ErasureCarriedOut { state: Some(report) }
}
