//! Facts to events: what the other services learn of series and visits.

use chrono::{DateTime, NaiveDateTime, Utc};
use kith_platform::local::LOCAL_FORMAT;
use kith_proto::appointments::v1 as proto;

use crate::domain::series::Series;
use crate::domain::visit::Visit;
use crate::domain::{CircleId, SeriesState, Settlement, Side, VisitKind, VisitState};

/// A series as the others know it.
pub fn series_snapshot(series: &Series) -> proto::SeriesSnapshot {
    proto::SeriesSnapshot {
        series_id: series.id.to_string(),
        team_id: series.team_id.to_string(),
        giver_person_id: series.giver.to_string(),
        state: series_state(series.state).into(),
    }
}

/// A visit as the others know it.
pub fn visit_snapshot(visit: &Visit, circle_id: CircleId) -> proto::VisitSnapshot {
    proto::VisitSnapshot {
        visit_id: visit.id.to_string(),
        series_id: visit.series_id.to_string(),
        team_id: visit.team_id.to_string(),
        circle_id: circle_id.to_string(),
        giver_person_id: visit.giver.to_string(),
        kind: kind(visit.kind).into(),
        occurrence_local: local_text(visit.occurrence_local),
        time_zone: visit.zone.name().to_owned(),
        plan_start_time: Some(timestamp(visit.plan.starts_at)),
        plan_end_time: Some(timestamp(visit.plan.ends_at)),
        state: visit_state(visit.state).into(),
        agreed_start_time: visit.settled.map(|settled| timestamp(settled.period.starts_at)),
        agreed_end_time: visit.settled.map(|settled| timestamp(settled.period.ends_at)),
        settlement: visit.settled.map(|settled| settlement(settled.settlement)).unwrap_or_default().into(),
        settlement_no: visit.settlement_no,
    }
}

/// A wall-clock time on the wire.
pub fn local_text(local: NaiveDateTime) -> String {
    local.format(LOCAL_FORMAT).to_string()
}

/// An instant on the wire. All instants here are whole seconds or finer ones of our own clock.
pub fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos().min(999_999_999)).unwrap_or_default(),
    }
}

/// What for.
pub const fn kind(kind: VisitKind) -> proto::VisitKind {
    match kind {
        VisitKind::Support => proto::VisitKind::Support,
        VisitKind::PersonalCare => proto::VisitKind::PersonalCare,
        VisitKind::Companionship => proto::VisitKind::Companionship,
        VisitKind::WakingNight => proto::VisitKind::WakingNight,
        VisitKind::SleepingNight => proto::VisitKind::SleepingNight,
        VisitKind::Outing => proto::VisitKind::Outing,
        VisitKind::PeerSupport => proto::VisitKind::PeerSupport,
        VisitKind::Trial => proto::VisitKind::Trial,
    }
}

/// Where a series stands.
pub const fn series_state(state: SeriesState) -> proto::SeriesState {
    match state {
        SeriesState::Proposed => proto::SeriesState::Proposed,
        SeriesState::Agreed => proto::SeriesState::Agreed,
        SeriesState::Declined => proto::SeriesState::Declined,
    }
}

/// Where a visit stands.
pub const fn visit_state(state: VisitState) -> proto::VisitState {
    match state {
        VisitState::Planned => proto::VisitState::Planned,
        VisitState::Agreed => proto::VisitState::Agreed,
        VisitState::Cancelled => proto::VisitState::Cancelled,
        VisitState::LateCancelled => proto::VisitState::LateCancelled,
        VisitState::Missed => proto::VisitState::Missed,
    }
}

/// Which side.
pub const fn side(side: Side) -> proto::Side {
    match side {
        Side::Team => proto::Side::Team,
        Side::Giver => proto::Side::Giver,
    }
}

/// How a visit is settled.
pub const fn settlement(settlement: Settlement) -> proto::Settlement {
    match settlement {
        Settlement::Money => proto::Settlement::Money,
        Settlement::CareCoins => proto::Settlement::CareCoins,
        Settlement::Gift => proto::Settlement::Gift,
    }
}
