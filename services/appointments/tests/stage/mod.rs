//! A Team with its Owner and two givers, known as the other services tell of them.

use std::collections::HashMap;
use std::sync::Mutex;

use kith_appointments::{SERVICE, SeriesFace, VisitsFace};
use kith_platform::Host;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, request_of};
use kith_proto::appointments::v1::series_service_server::SeriesService as _;
use kith_proto::appointments::v1::visits_service_server::VisitsService as _;
use kith_proto::appointments::v1::{self as pb, VisitKind};
use kith_proto::common::v1::Money;
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1 as teams;
use prost_types::Timestamp;
use tonic::{Request, Status};

/// Under a Circle's rule, at an hourly price; or unpaid.
#[derive(Clone, Copy, Debug)]
pub enum Terms {
    /// Paid.
    Paid,
    /// Unpaid, saved as Care Coins.
    Save,
    /// Unpaid, a gift.
    Gift,
}

/// One test's stage.
pub struct Stage {
    pub world: World,
    pub host: Host,
    pub series: SeriesFace,
    pub visits: VisitsFace,
    pub tenant: TenantId,
    pub owner: PersonId,
    pub giver: PersonId,
    pub other: PersonId,
    pub team: Uuid,
    numbers: Mutex<HashMap<Uuid, i64>>,
}

/// What a Team looks like before it is told.
pub fn team_of(stage: &Stage, team: Uuid, owner: PersonId, members: &[PersonId]) -> teams::TeamSnapshot {
    let member = |person: &PersonId| teams::Membership {
        id: stage.id(),
        person_id: person.to_string(),
        kind: teams::MemberKind::Worker.into(),
        state: teams::MembershipState::Member.into(),
        valid_from: "2026-01-01".into(),
        valid_until: String::new(),
    };
    teams::TeamSnapshot {
        team_id: team.to_string(),
        owner_person_id: owner.to_string(),
        circle_id: Uuid::from_u128(77).to_string(),
        members: members.iter().map(member).collect(),
        hats: Vec::new(),
        promise_from: "2026-01-01".into(),
    }
}

impl Stage {
    /// In a tenant that brings its history in, or in a live one.
    pub async fn new(preparing: bool) -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, preparing).await;
        let (owner, giver, other) = (world.person(), world.person(), world.person());
        let stage = Self {
            series: SeriesFace::new(host.clone()),
            visits: VisitsFace::new(host.clone()),
            team: world.person().0,
            world,
            host,
            tenant,
            owner,
            giver,
            other,
            numbers: Mutex::default(),
        };
        stage.tell_team(team_of(&stage, stage.team, owner, &[giver, other])).await;
        stage.tell_giver(giver, Terms::Paid, "").await;
        stage.tell_giver(other, Terms::Save, "").await;
        stage
    }

    /// A new id.
    pub fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    async fn deliver<E: kith_proto::Event>(&self, aggregate: Uuid, event: &E) {
        let event_no = {
            let mut numbers = self.numbers.lock().expect("nobody panics with it");
            let last = numbers.entry(aggregate).or_insert(0);
            *last += 1;
            *last
        };
        self.world.deliver(&self.host, self.tenant, aggregate, event_no, event).await;
    }

    /// Tells of a Team.
    pub async fn tell_team(&self, state: teams::TeamSnapshot) {
        let id = state.team_id.parse().expect("an id");
        self.deliver(id, &teams::TeamPromiseSigned { state: Some(state) }).await;
    }

    /// Tells of a giver who is ready from the start of 2026 until that day, with terms from then on.
    pub async fn tell_giver(&self, person: PersonId, terms: Terms, ready_until: &str) {
        let intent = match terms {
            Terms::Paid => matching::UnpaidIntent::Unspecified,
            Terms::Save => matching::UnpaidIntent::Save,
            Terms::Gift => matching::UnpaidIntent::Gift,
        };
        let rate = Money { minor_units: 2000, currency: "GBP".into() };
        self.tell_giver_as(matching::GiverSnapshot {
            person_id: person.to_string(),
            status: matching::GiverStatus::Independent.into(),
            readiness: Some(matching::Readiness {
                ready: true,
                valid_from: "2026-01-01".into(),
                valid_until: ready_until.into(),
            }),
            terms: vec![matching::Terms {
                id: self.id(),
                valid_from: "2026-01-01".into(),
                hourly_rate: matches!(terms, Terms::Paid).then_some(rate),
                unpaid_intent: intent.into(),
                ..Default::default()
            }],
        })
        .await;
    }

    /// Tells of a giver.
    pub async fn tell_giver_as(&self, state: matching::GiverSnapshot) {
        let id = state.person_id.parse().expect("an id");
        self.deliver(id, &matching::GiverTermsSet { state: Some(state) }).await;
    }

    /// Tells of a trial of so many sessions from 1 March to 1 April 2026.
    pub async fn tell_trial(&self, introduction: Uuid, giver: PersonId, sessions: i32) {
        let state = Some(matching::IntroductionSnapshot {
            introduction_id: introduction.to_string(),
            team_id: self.team.to_string(),
            giver_person_id: giver.to_string(),
            giver_status: matching::GiverStatus::Independent.into(),
            state: matching::IntroductionState::TrialAgreed.into(),
            trial: Some(matching::Trial {
                sessions,
                valid_from: "2026-03-01".into(),
                valid_until: "2026-04-01".into(),
            }),
        });
        self.deliver(introduction, &matching::IntroductionTrialAgreed { state }).await;
    }

    /// A request as somebody of the tenant.
    pub fn by<M>(&self, person: PersonId, message: M) -> Request<M> {
        request_of(self.tenant, person, message)
    }

    /// A proposal of paid support by the stage's giver.
    pub fn proposal(&self, starts_local: &str, wall_minutes: i32, rrule: &str) -> pb::ProposeSeriesRequest {
        pb::ProposeSeriesRequest {
            request_id: self.id(),
            id: String::new(),
            team_id: self.team.to_string(),
            giver_person_id: self.giver.to_string(),
            kind: VisitKind::Support.into(),
            starts_local: starts_local.into(),
            wall_minutes,
            rrule: rrule.into(),
            occurred_at: None,
        }
    }

    pub async fn propose(
        &self,
        by: PersonId,
        request: pb::ProposeSeriesRequest,
    ) -> Result<pb::Series, Status> {
        let answer = self.series.propose_series(self.by(by, request)).await?;
        Ok(answer.into_inner().series.expect("a series"))
    }

    pub async fn answer(&self, by: PersonId, series: &str, accept: bool) -> Result<pb::Series, Status> {
        let request = pb::AnswerSeriesRequest {
            request_id: self.id(),
            series_id: series.into(),
            accept,
            occurred_at: None,
        };
        Ok(self.series.answer_series(self.by(by, request)).await?.into_inner().series.expect("a series"))
    }

    pub async fn plan(&self, series: &str, from: &str, until: &str) -> Result<Vec<pb::Visit>, Status> {
        let request = pb::PlanVisitsRequest {
            request_id: self.id(),
            series_id: series.into(),
            from_date: from.into(),
            until_date: until.into(),
            occurred_at: None,
        };
        Ok(self.series.plan_visits(self.by(self.owner, request)).await?.into_inner().visits)
    }

    /// A series that both sides agreed to: proposed by the Owner, accepted by its giver.
    pub async fn agreed(&self, request: pb::ProposeSeriesRequest) -> pb::Series {
        let giver = PersonId(request.giver_person_id.parse().expect("an id"));
        let series = self.propose(self.owner, request).await.expect("a proposal");
        self.answer(giver, &series.id, true).await.expect("a yes")
    }

    /// One planned visit of an hour.
    pub async fn visit(&self, starts_local: &str) -> pb::Visit {
        let series = self.agreed(self.proposal(starts_local, 60, "")).await;
        self.plan(&series.id, "", "").await.expect("a plan").remove(0)
    }

    pub async fn get(&self, by: PersonId, id: &str) -> Result<pb::Visit, Status> {
        let request = pb::GetVisitRequest { id: id.into() };
        Ok(self.visits.get_visit(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn cancel(
        &self,
        by: PersonId,
        visit: &pb::Visit,
        occurred_at: Option<Timestamp>,
        side: pb::Side,
    ) -> Result<pb::Visit, Status> {
        let request = pb::CancelVisitRequest {
            request_id: self.id(),
            visit_id: visit.id.clone(),
            side: side.into(),
            occurred_at,
        };
        Ok(self.visits.cancel_visit(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn agree(&self, by: PersonId, visit: &pb::Visit) -> Result<pb::Visit, Status> {
        let request = pb::AgreeVisitRequest {
            request_id: self.id(),
            visit_id: visit.id.clone(),
            occurred_at: None,
            etag: String::new(),
        };
        Ok(self.visits.agree_visit(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn settle_again(&self, by: PersonId, visit: &pb::Visit) -> Result<pb::Visit, Status> {
        let request =
            pb::SettleAgainRequest { request_id: self.id(), visit_id: visit.id.clone(), etag: String::new() };
        Ok(self.visits.settle_again(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn record(
        &self,
        by: PersonId,
        visit: &pb::Visit,
        began: &str,
        ended: &str,
    ) -> Result<pb::Visit, Status> {
        let request = pb::RecordActualRequest {
            request_id: self.id(),
            visit_id: visit.id.clone(),
            actual_start_time: Some(at(began)),
            actual_end_time: Some(at(ended)),
        };
        Ok(self.visits.record_actual(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn propose_cover(
        &self,
        by: PersonId,
        visit: &pb::Visit,
        giver: PersonId,
    ) -> Result<pb::Visit, Status> {
        let request = pb::ProposeCoverRequest {
            request_id: self.id(),
            visit_id: visit.id.clone(),
            giver_person_id: giver.to_string(),
            occurred_at: None,
        };
        Ok(self.visits.propose_cover(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn answer_cover(
        &self,
        by: PersonId,
        visit: &pb::Visit,
        covering: PersonId,
        accept: bool,
    ) -> Result<pb::Visit, Status> {
        let request = pb::AnswerCoverRequest {
            request_id: self.id(),
            visit_id: visit.id.clone(),
            giver_person_id: covering.to_string(),
            accept,
            occurred_at: None,
        };
        Ok(self.visits.answer_cover(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn propose_move(&self, by: PersonId, visit: &pb::Visit, to: &str) -> Result<pb::Visit, Status> {
        let request = pb::ProposeMoveRequest {
            request_id: self.id(),
            visit_id: visit.id.clone(),
            starts_local: to.into(),
            occurred_at: None,
        };
        Ok(self.visits.propose_move(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn answer_move(
        &self,
        by: PersonId,
        visit: &pb::Visit,
        starts_local: &str,
        accept: bool,
    ) -> Result<pb::Visit, Status> {
        let request = pb::AnswerMoveRequest {
            request_id: self.id(),
            visit_id: visit.id.clone(),
            starts_local: starts_local.into(),
            accept,
            occurred_at: None,
        };
        Ok(self.visits.answer_move(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn missed(&self, by: PersonId, visit: &pb::Visit) -> Result<pb::Visit, Status> {
        let request =
            pb::MarkMissedRequest { request_id: self.id(), visit_id: visit.id.clone(), occurred_at: None };
        Ok(self.visits.mark_missed(self.by(by, request)).await?.into_inner().visit.expect("a visit"))
    }

    pub async fn confirm(&self, by: PersonId, visit: &pb::Visit) -> Result<pb::Visit, Status> {
        let request = pb::ConfirmCancellationRequest { request_id: self.id(), visit_id: visit.id.clone() };
        let answer = self.visits.confirm_cancellation(self.by(by, request)).await?;
        Ok(answer.into_inner().visit.expect("a visit"))
    }

    /// The types of the events written about visits, in order.
    pub async fn told(&self) -> Vec<String> {
        let written = self.world.written(&self.host).await;
        let types = written.into_iter().map(|message| message.event_type);
        types.filter_map(|name| name.strip_prefix("appointments.").map(str::to_owned)).collect()
    }
}

/// A moment.
pub fn at(text: &str) -> Timestamp {
    let moment: chrono::DateTime<chrono::Utc> = text.parse().expect("a moment");
    Timestamp { seconds: moment.timestamp(), nanos: 0 }
}
