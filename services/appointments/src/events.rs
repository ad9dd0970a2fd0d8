//! Facts about series and visits, as the others hear them.

use kith_platform::db::Tx;
use kith_platform::fields::{local_text, timestamp};
use kith_proto::appointments::v1 as pb;
use kith_proto::common::v1::ErasureReport;

use crate::domain::series::Series;
use crate::domain::team::Team;
use crate::domain::visit::Visit;

/// What happened to a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesFact {
    Proposed,
    Answered,
}

/// What happened to a visit. Proposals and recorded times are between its two sides until they are answered or agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitFact {
    Planned,
    Moved,
    Covered,
    Cancelled,
    Agreed,
    Missed,
}

/// Tells a fact about a series, with its whole public state after it.
pub fn tell_series(tx: &mut Tx, series: &Series, fact: SeriesFact) {
    let state = Some(pb::SeriesSnapshot {
        series_id: series.id.to_string(),
        team_id: series.team_id.to_string(),
        giver_person_id: series.giver.to_string(),
        state: pb::SeriesState::from(series.state).into(),
    });
    match fact {
        SeriesFact::Proposed => tx.publish(series.id, &pb::SeriesProposed { state }),
        SeriesFact::Answered => tx.publish(series.id, &pb::SeriesAnswered { state }),
    }
}

/// Tells a fact about a visit, with its whole public state after it.
pub fn tell_visit(tx: &mut Tx, visit: &Visit, team: &Team, fact: VisitFact) {
    let state = Some(snapshot(visit, team));
    match fact {
        VisitFact::Planned => tx.publish(visit.id, &pb::VisitPlanned { state }),
        VisitFact::Moved => tx.publish(visit.id, &pb::VisitMoved { state }),
        VisitFact::Covered => tx.publish(visit.id, &pb::VisitCovered { state }),
        VisitFact::Cancelled => tx.publish(visit.id, &pb::VisitCancelled { state }),
        VisitFact::Agreed => tx.publish(visit.id, &pb::VisitAgreed { state }),
        VisitFact::Missed => tx.publish(visit.id, &pb::VisitMissed { state }),
    }
}

fn snapshot(visit: &Visit, team: &Team) -> pb::VisitSnapshot {
    pb::VisitSnapshot {
        visit_id: visit.id.to_string(),
        series_id: visit.series_id.to_string(),
        team_id: visit.team_id.to_string(),
        circle_id: team.circle_id.to_string(),
        giver_person_id: visit.giver.to_string(),
        kind: pb::VisitKind::from(visit.kind).into(),
        occurrence_local: local_text(visit.occurrence_local),
        time_zone: visit.zone.name().to_owned(),
        plan_start_time: Some(timestamp(visit.plan.starts_at)),
        plan_end_time: Some(timestamp(visit.plan.ends_at)),
        state: pb::VisitState::from(visit.state).into(),
        agreed_start_time: visit.settled.map(|settled| timestamp(settled.period.starts_at)),
        agreed_end_time: visit.settled.map(|settled| timestamp(settled.period.ends_at)),
        settlement: visit
            .settled
            .map(|settled| pb::Settlement::from(settled.settlement))
            .unwrap_or_default()
            .into(),
        settlement_no: visit.settlement_no,
    }
}

/// What may go about a person has gone from here.
pub fn erasure_carried_out(report: ErasureReport) -> pb::ErasureCarriedOut {
    pb::ErasureCarriedOut { state: Some(report) }
}
