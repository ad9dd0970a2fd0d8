//! Domain → messages.

use kith_platform::etag;
use kith_platform::fields::{local_text, timestamp};
use kith_proto::appointments::v1 as pb;

use crate::app::series::Listed;
use crate::domain::facts::{Cancellation, ProposedCover, ProposedMove};
use crate::domain::pattern::Occurrence;
use crate::domain::rule::Rule;
use crate::domain::series::Series;
use crate::domain::visit::Visit;
use crate::domain::{SeriesState, Settlement, Side, VisitKind, VisitState};

impl From<VisitKind> for pb::VisitKind {
    fn from(kind: VisitKind) -> Self {
        match kind {
            VisitKind::Support => Self::Support,
            VisitKind::PersonalCare => Self::PersonalCare,
            VisitKind::Companionship => Self::Companionship,
            VisitKind::WakingNight => Self::WakingNight,
            VisitKind::SleepingNight => Self::SleepingNight,
            VisitKind::Outing => Self::Outing,
            VisitKind::PeerSupport => Self::PeerSupport,
            VisitKind::Trial => Self::Trial,
        }
    }
}

impl From<SeriesState> for pb::SeriesState {
    fn from(state: SeriesState) -> Self {
        match state {
            SeriesState::Proposed => Self::Proposed,
            SeriesState::Agreed => Self::Agreed,
            SeriesState::Declined => Self::Declined,
        }
    }
}

impl From<VisitState> for pb::VisitState {
    fn from(state: VisitState) -> Self {
        match state {
            VisitState::Planned => Self::Planned,
            VisitState::Agreed => Self::Agreed,
            VisitState::Cancelled => Self::Cancelled,
            VisitState::LateCancelled => Self::LateCancelled,
            VisitState::Missed => Self::Missed,
        }
    }
}

impl From<Side> for pb::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Team => Self::Team,
            Side::Giver => Self::Giver,
        }
    }
}

impl From<Settlement> for pb::Settlement {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Money => Self::Money,
            Settlement::CareCoins => Self::CareCoins,
            Settlement::Gift => Self::Gift,
        }
    }
}

impl From<Listed> for pb::ListSeriesResponse {
    fn from(listed: Listed) -> Self {
        let mut series: Vec<pb::Series> = listed.series.into_iter().map(Into::into).collect();
        if listed.times_only {
            for one in &mut series {
                one.giver_person_id.clear();
                one.kind = pb::VisitKind::Unspecified.into();
                one.proposed_by = pb::Side::Unspecified.into();
                one.etag.clear();
            }
        }
        Self { series, next_page_token: listed.next_page_token }
    }
}

impl From<Series> for pb::Series {
    fn from(series: Series) -> Self {
        Self {
            id: series.id.to_string(),
            team_id: series.team_id.to_string(),
            giver_person_id: series.giver.to_string(),
            kind: pb::VisitKind::from(series.kind).into(),
            starts_local: local_text(series.pattern.starts_local),
            time_zone: series.pattern.zone.name().to_owned(),
            wall_minutes: series.pattern.wall_minutes,
            rrule: series.pattern.rule.as_ref().map(Rule::text).unwrap_or_default().to_owned(),
            state: pb::SeriesState::from(series.state).into(),
            proposed_by: pb::Side::from(series.proposed_by).into(),
            etag: etag::of(series.version),
        }
    }
}

impl From<Visit> for pb::Visit {
    fn from(visit: Visit) -> Self {
        Self {
            id: visit.id.to_string(),
            series_id: visit.series_id.to_string(),
            team_id: visit.team_id.to_string(),
            giver_person_id: visit.giver.to_string(),
            kind: pb::VisitKind::from(visit.kind).into(),
            occurrence_local: local_text(visit.occurrence_local),
            starts_local: local_text(visit.starts_local),
            time_zone: visit.zone.name().to_owned(),
            plan_start_time: Some(timestamp(visit.plan.starts_at)),
            plan_end_time: Some(timestamp(visit.plan.ends_at)),
            state: pb::VisitState::from(visit.state).into(),
            actual_start_time: visit.actual.map(|actual| timestamp(actual.period.starts_at)),
            actual_end_time: visit.actual.map(|actual| timestamp(actual.period.ends_at)),
            agreed_start_time: visit.settled.map(|settled| timestamp(settled.period.starts_at)),
            agreed_end_time: visit.settled.map(|settled| timestamp(settled.period.ends_at)),
            settlement: visit
                .settled
                .map(|settled| pb::Settlement::from(settled.settlement))
                .unwrap_or_default()
                .into(),
            cancellation: visit.cancellation.map(Into::into),
            r#move: visit.proposed_move.map(Into::into),
            cover: visit.proposed_cover.map(Into::into),
            brought_in: visit.brought_in,
            etag: etag::of(visit.version),
        }
    }
}

impl From<Cancellation> for pb::Cancellation {
    fn from(cancellation: Cancellation) -> Self {
        Self {
            by: pb::Side::from(cancellation.by.side).into(),
            occurred_at: Some(timestamp(cancellation.occurred_at)),
            awaits_confirmation: cancellation.awaits_confirmation,
        }
    }
}

impl From<ProposedMove> for pb::MoveProposal {
    fn from(proposal: ProposedMove) -> Self {
        Self { starts_local: local_text(proposal.starts_local), by: pb::Side::from(proposal.by).into() }
    }
}

impl From<ProposedCover> for pb::CoverProposal {
    fn from(proposal: ProposedCover) -> Self {
        Self { giver_person_id: proposal.giver.to_string(), by: pb::Side::from(proposal.by).into() }
    }
}

impl From<Occurrence> for pb::Occurrence {
    fn from(occurrence: Occurrence) -> Self {
        Self {
            starts_local: local_text(occurrence.starts_local),
            start_time: Some(timestamp(occurrence.period.starts_at)),
            end_time: Some(timestamp(occurrence.period.ends_at)),
        }
    }
}
