//! `VisitsService`.

use kith_platform::Host;
use kith_platform::fields::Fields;
use kith_proto::appointments::v1 as pb;
use kith_proto::appointments::v1::visits_service_server::VisitsService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;

type Reply<A> = Result<Response<A>, Status>;

/// The public face of visits.
#[derive(Clone, Debug)]
pub struct VisitsFace(Host);

impl VisitsFace {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl VisitsService for VisitsFace {
    async fn get_visit(&self, request: Request<pb::GetVisitRequest>) -> Reply<pb::GetVisitResponse> {
        let parse = |message: pb::GetVisitRequest, fields: &mut Fields| fields.id("id", &message.id);
        self.0
            .query(request, parse, app::visit::get, |visit| pb::GetVisitResponse {
                visit: Some(visit.into()),
            })
            .await
    }

    async fn list_visits(&self, request: Request<pb::ListVisitsRequest>) -> Reply<pb::ListVisitsResponse> {
        self.0
            .query(request, parse::list_visits, app::visit::list, |(visits, next_page_token)| {
                pb::ListVisitsResponse {
                    visits: visits.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn cancel_visit(&self, request: Request<pb::CancelVisitRequest>) -> Reply<pb::CancelVisitResponse> {
        self.0
            .command(request, parse::cancel_visit, app::cancellation::cancel, |visit| {
                pb::CancelVisitResponse { visit: Some(visit.into()) }
            })
            .await
    }

    async fn confirm_cancellation(
        &self,
        request: Request<pb::ConfirmCancellationRequest>,
    ) -> Reply<pb::ConfirmCancellationResponse> {
        let parse = |message: pb::ConfirmCancellationRequest, fields: &mut Fields| {
            fields.id("visit_id", &message.visit_id)
        };
        self.0
            .command(request, parse, app::cancellation::confirm, |visit| pb::ConfirmCancellationResponse {
                visit: Some(visit.into()),
            })
            .await
    }

    async fn propose_cover(
        &self,
        request: Request<pb::ProposeCoverRequest>,
    ) -> Reply<pb::ProposeCoverResponse> {
        self.0
            .command(request, parse::propose_cover, app::cover::propose, |visit| pb::ProposeCoverResponse {
                visit: Some(visit.into()),
            })
            .await
    }

    async fn answer_cover(&self, request: Request<pb::AnswerCoverRequest>) -> Reply<pb::AnswerCoverResponse> {
        self.0
            .command(request, parse::answer_cover, app::cover::answer, |visit| pb::AnswerCoverResponse {
                visit: Some(visit.into()),
            })
            .await
    }

    async fn propose_move(&self, request: Request<pb::ProposeMoveRequest>) -> Reply<pb::ProposeMoveResponse> {
        self.0
            .command(request, parse::propose_move, app::movement::propose, |visit| pb::ProposeMoveResponse {
                visit: Some(visit.into()),
            })
            .await
    }

    async fn answer_move(&self, request: Request<pb::AnswerMoveRequest>) -> Reply<pb::AnswerMoveResponse> {
        self.0
            .command(request, parse::answer_move, app::movement::answer, |visit| pb::AnswerMoveResponse {
                visit: Some(visit.into()),
            })
            .await
    }

    async fn record_actual(
        &self,
        request: Request<pb::RecordActualRequest>,
    ) -> Reply<pb::RecordActualResponse> {
        self.0
            .command(request, parse::record_actual, app::outcome::record, |visit| pb::RecordActualResponse {
                visit: Some(visit.into()),
            })
            .await
    }

    async fn agree_visit(&self, request: Request<pb::AgreeVisitRequest>) -> Reply<pb::AgreeVisitResponse> {
        self.0
            .command_in_one(request, parse::agree_visit, app::outcome::agree, |visit| {
                pb::AgreeVisitResponse { visit: Some(visit.into()) }
            })
            .await
    }

    async fn agree_visits(&self, request: Request<pb::AgreeVisitsRequest>) -> Reply<pb::AgreeVisitsResponse> {
        self.0
            .command(request, parse::agree_visits, app::outcome::agree_several, |visits| {
                pb::AgreeVisitsResponse { visits: visits.into_iter().map(Into::into).collect() }
            })
            .await
    }

    async fn settle_again(&self, request: Request<pb::SettleAgainRequest>) -> Reply<pb::SettleAgainResponse> {
        self.0
            .command(request, parse::settle_again, app::outcome::settle_again, |visit| {
                pb::SettleAgainResponse { visit: Some(visit.into()) }
            })
            .await
    }

    async fn mark_missed(&self, request: Request<pb::MarkMissedRequest>) -> Reply<pb::MarkMissedResponse> {
        self.0
            .command(request, parse::mark_missed, app::outcome::mark_missed, |visit| pb::MarkMissedResponse {
                visit: Some(visit.into()),
            })
            .await
    }
}
