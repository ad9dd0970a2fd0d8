//! What became of a visit other than planned, said by the one who says such a thing. A change that was made already is
//! known by how the visit stands.

use anyhow::{Result, bail};
use chrono::{DateTime, Duration, Utc};
use kith_platform::local;
use kith_proto::appointments::v1::{
    AnswerCoverRequest, AnswerMoveRequest, CancelVisitRequest, ConfirmCancellationRequest, MarkMissedRequest,
    ProposeCoverRequest, ProposeMoveRequest, RecordActualRequest, Side, Visit, VisitState,
};

use super::appointments::written;
use super::plan::{instant, timestamp};
use super::scenario::{Action, Change, Series, Team};
use super::world::World;

/// How long before a visit a move is talked about, where the scenario does not say when.
const BEFORE: Duration = Duration::days(1);

/// When a change happened: as the scenario says, a move the day before the earlier of both starts, the rest at the end.
pub fn own_time(world: &World, change: &Change, visit: &Visit) -> DateTime<Utc> {
    let begun_at = world.plan.begun_at();
    match change.action {
        Action::CancelledByOwner { at } | Action::CancelledByGiver { at, .. } => at,
        Action::Actual { ended, .. } => ended,
        Action::Missed => instant(visit.plan_end_time).unwrap_or(begun_at),
        Action::Moved { to } => {
            let zone = world.scenario.zone;
            let earlier = local::instant(to, zone).min(local::instant(change.occurrence, zone));
            (earlier - BEFORE).max(begun_at + Duration::hours(2))
        }
    }
}

/// Applies a change; says whether that was to be done.
pub async fn apply(
    world: &World,
    team: &Team,
    series: &Series,
    change: &Change,
    visit: &Visit,
    at: DateTime<Utc>,
) -> Result<bool> {
    let step = Step { world, team, series, visit, at };
    match &change.action {
        Action::CancelledByOwner { .. } => step.cancel_by_owner().await,
        Action::CancelledByGiver { covered_by: None, .. } => step.cancel_by_giver().await,
        Action::CancelledByGiver { covered_by: Some(cover), .. } => step.cover(cover).await,
        Action::Moved { to } => step.move_to(written(*to)).await,
        Action::Actual { began, ended } => step.record(*began, *ended).await,
        Action::Missed => step.mark_missed().await,
    }
}

struct Step<'a> {
    world: &'a World,
    team: &'a Team,
    series: &'a Series,
    visit: &'a Visit,
    at: DateTime<Utc>,
}

impl Step<'_> {
    async fn cancel_by_owner(&self) -> Result<bool> {
        if self.was_called_off_by(Side::Team) {
            return self.confirm_if_awaited(self.visit).await;
        }
        let answer = self.world.owner(&self.team.id).session.call(self.cancellation(Side::Team)).await?;
        if let Some(visit) = answer.visit {
            self.confirm_if_awaited(&visit).await?;
        }
        Ok(true)
    }

    /// Where a cancellation was written down later, the giver confirms that it was in time.
    async fn confirm_if_awaited(&self, visit: &Visit) -> Result<bool> {
        if !visit.cancellation.as_ref().is_some_and(|cancellation| cancellation.awaits_confirmation) {
            return Ok(false);
        }
        let request = ConfirmCancellationRequest { request_id: String::new(), visit_id: visit.id.clone() };
        self.world.giver(&self.series.giver).session.call(request).await?;
        Ok(true)
    }

    async fn cancel_by_giver(&self) -> Result<bool> {
        if self.was_called_off_by(Side::Giver) && self.visit.state() == VisitState::Cancelled {
            return Ok(false);
        }
        self.world.giver(&self.series.giver).session.call(self.cancellation(Side::Giver)).await?;
        Ok(true)
    }

    fn cancellation(&self, side: Side) -> CancelVisitRequest {
        CancelVisitRequest {
            request_id: String::new(),
            visit_id: self.visit.id.clone(),
            side: side.into(),
            occurred_at: Some(timestamp(self.at)),
        }
    }

    fn was_called_off_by(&self, side: Side) -> bool {
        self.visit.cancellation.as_ref().is_some_and(|cancellation| cancellation.by() == side)
    }

    /// The giver calls off, the Owner asks somebody else, who says yes.
    async fn cover(&self, cover: &str) -> Result<bool> {
        let covering = self.world.giver(cover);
        if self.was_called_off_by(Side::Giver) && self.visit.giver_person_id == covering.id {
            return Ok(false);
        }
        self.cancel_by_giver().await?;
        let asked = self.visit.cover.as_ref().is_some_and(|cover| cover.giver_person_id == covering.id);
        if !asked {
            let request = ProposeCoverRequest {
                request_id: String::new(),
                visit_id: self.visit.id.clone(),
                giver_person_id: covering.id.clone(),
                occurred_at: Some(timestamp(self.at)),
            };
            self.world.owner(&self.team.id).session.call(request).await?;
        }
        let request = AnswerCoverRequest {
            request_id: String::new(),
            visit_id: self.visit.id.clone(),
            giver_person_id: covering.id.clone(),
            accept: true,
            occurred_at: Some(timestamp(self.at)),
        };
        covering.session.call(request).await?;
        Ok(true)
    }

    /// The Owner proposes another time, the giver accepts.
    async fn move_to(&self, starts_local: String) -> Result<bool> {
        if self.visit.starts_local == starts_local {
            return Ok(false);
        }
        let asked = self.visit.r#move.as_ref().is_some_and(|asked| asked.starts_local == starts_local);
        if !asked {
            let request = ProposeMoveRequest {
                request_id: String::new(),
                visit_id: self.visit.id.clone(),
                starts_local: starts_local.clone(),
                occurred_at: Some(timestamp(self.at)),
            };
            self.world.owner(&self.team.id).session.call(request).await?;
        }
        let request = AnswerMoveRequest {
            request_id: String::new(),
            visit_id: self.visit.id.clone(),
            starts_local,
            accept: true,
            occurred_at: Some(timestamp(self.at)),
        };
        self.world.giver(&self.series.giver).session.call(request).await?;
        Ok(true)
    }

    async fn record(&self, began: DateTime<Utc>, ended: DateTime<Utc>) -> Result<bool> {
        if self.visit.actual_start_time == Some(timestamp(began))
            && self.visit.actual_end_time == Some(timestamp(ended))
        {
            return Ok(false);
        }
        if self.visit.state() != VisitState::Planned {
            bail!("the visit is settled already, with other times");
        }
        let request = RecordActualRequest {
            request_id: String::new(),
            visit_id: self.visit.id.clone(),
            actual_start_time: Some(timestamp(began)),
            actual_end_time: Some(timestamp(ended)),
        };
        self.world.giver(&self.series.giver).session.call(request).await?;
        Ok(true)
    }

    async fn mark_missed(&self) -> Result<bool> {
        if self.visit.state() == VisitState::Missed {
            return Ok(false);
        }
        let request = MarkMissedRequest {
            request_id: String::new(),
            visit_id: self.visit.id.clone(),
            occurred_at: Some(timestamp(self.at)),
        };
        self.world.owner(&self.team.id).session.call(request).await?;
        Ok(true)
    }
}
