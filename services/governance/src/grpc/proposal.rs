//! `ProposalsService`: proposals and the decisions that come of them.

use kith_platform::Host;
use kith_platform::fields::Fields;
use kith_proto::governance::v1 as pb;
use kith_proto::governance::v1::proposals_service_server::ProposalsService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;

type Reply<A> = Result<Response<A>, Status>;

/// The proposals' and decisions' public face.
#[derive(Clone, Debug)]
pub struct Proposals(Host);

impl Proposals {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl ProposalsService for Proposals {
    async fn draft_proposal(
        &self,
        request: Request<pb::DraftProposalRequest>,
    ) -> Reply<pb::DraftProposalResponse> {
        self.0
            .command(request, parse::draft_proposal, app::proposal::draft, |proposal| {
                pb::DraftProposalResponse { proposal: Some(proposal.into()) }
            })
            .await
    }

    async fn get_proposal(&self, request: Request<pb::GetProposalRequest>) -> Reply<pb::GetProposalResponse> {
        let parse = |message: pb::GetProposalRequest, fields: &mut Fields| fields.id("id", &message.id);
        self.0
            .query(request, parse, app::proposal::get, |proposal| pb::GetProposalResponse {
                proposal: Some(proposal.into()),
            })
            .await
    }

    async fn list_proposals(
        &self,
        request: Request<pb::ListProposalsRequest>,
    ) -> Reply<pb::ListProposalsResponse> {
        self.0
            .query(request, parse::list_proposals, app::proposal::list, |(proposals, next_page_token)| {
                pb::ListProposalsResponse {
                    proposals: proposals.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn advance_proposal(
        &self,
        request: Request<pb::AdvanceProposalRequest>,
    ) -> Reply<pb::AdvanceProposalResponse> {
        self.0
            .command(request, parse::advance_proposal, app::proposal::advance, |proposal| {
                pb::AdvanceProposalResponse { proposal: Some(proposal.into()) }
            })
            .await
    }

    async fn answer_proposal(
        &self,
        request: Request<pb::AnswerProposalRequest>,
    ) -> Reply<pb::AnswerProposalResponse> {
        self.0
            .command(request, parse::answer_proposal, app::proposal::answer, |proposal| {
                pb::AnswerProposalResponse { proposal: Some(proposal.into()) }
            })
            .await
    }

    async fn amend_proposal(
        &self,
        request: Request<pb::AmendProposalRequest>,
    ) -> Reply<pb::AmendProposalResponse> {
        self.0
            .command(request, parse::amend_proposal, app::proposal::amend, |proposal| {
                pb::AmendProposalResponse { proposal: Some(proposal.into()) }
            })
            .await
    }

    async fn withdraw_proposal(
        &self,
        request: Request<pb::WithdrawProposalRequest>,
    ) -> Reply<pb::WithdrawProposalResponse> {
        let parse = |message: pb::WithdrawProposalRequest, fields: &mut Fields| {
            fields.id("proposal_id", &message.proposal_id)
        };
        self.0
            .command(request, parse, app::proposal::withdraw, |proposal| pb::WithdrawProposalResponse {
                proposal: Some(proposal.into()),
            })
            .await
    }

    async fn record_decision(
        &self,
        request: Request<pb::RecordDecisionRequest>,
    ) -> Reply<pb::RecordDecisionResponse> {
        let parse = |message: pb::RecordDecisionRequest, fields: &mut Fields| {
            fields.id("proposal_id", &message.proposal_id)
        };
        self.0
            .command(request, parse, app::decision::record, |decision| pb::RecordDecisionResponse {
                decision: Some(decision.into()),
            })
            .await
    }

    async fn get_decision(&self, request: Request<pb::GetDecisionRequest>) -> Reply<pb::GetDecisionResponse> {
        let parse = |message: pb::GetDecisionRequest, fields: &mut Fields| fields.id("id", &message.id);
        self.0
            .query(request, parse, app::decision::get, |decision| pb::GetDecisionResponse {
                decision: Some(decision.into()),
            })
            .await
    }

    async fn list_decisions(
        &self,
        request: Request<pb::ListDecisionsRequest>,
    ) -> Reply<pb::ListDecisionsResponse> {
        self.0
            .query(request, parse::list_decisions, app::decision::list, |(decisions, next_page_token)| {
                pb::ListDecisionsResponse {
                    decisions: decisions.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }
}
