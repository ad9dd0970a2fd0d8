//! `OpportunitiesService`: opportunities and the introductions that come of them.

use kith_platform::Host;
use kith_platform::causality::CAUSED;
use kith_proto::matching::v1 as pb;
use kith_proto::matching::v1::opportunities_service_server::OpportunitiesService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;
use crate::app::introduction::Seen;

type Reply<A> = Result<Response<A>, Status>;

/// What Teams look for, who might be right, and getting to know one another.
#[derive(Clone, Debug)]
pub struct Opportunities(Host);

impl Opportunities {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl OpportunitiesService for Opportunities {
    async fn open_opportunity(
        &self,
        request: Request<pb::OpenOpportunityRequest>,
    ) -> Reply<pb::OpenOpportunityResponse> {
        self.0
            .command(request, parse::open_opportunity, app::opportunity::open, |opportunity| {
                pb::OpenOpportunityResponse { opportunity: Some(opportunity.into()) }
            })
            .await
    }

    async fn close_opportunity(
        &self,
        request: Request<pb::CloseOpportunityRequest>,
    ) -> Reply<pb::CloseOpportunityResponse> {
        self.0
            .command(request, parse::close_opportunity, app::opportunity::close, |opportunity| {
                pb::CloseOpportunityResponse { opportunity: Some(opportunity.into()) }
            })
            .await
    }

    async fn list_opportunities(
        &self,
        request: Request<pb::ListOpportunitiesRequest>,
    ) -> Reply<pb::ListOpportunitiesResponse> {
        self.0
            .query(request, parse::list_opportunities, app::opportunity::list, |(nearby, next_page_token)| {
                pb::ListOpportunitiesResponse {
                    opportunities: nearby.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn suggest_givers(
        &self,
        request: Request<pb::SuggestGiversRequest>,
    ) -> Reply<pb::SuggestGiversResponse> {
        self.0
            .query(request, parse::suggest_givers, app::opportunity::suggest_givers, |suggestions| {
                pb::SuggestGiversResponse {
                    suggestions: suggestions.best.into_iter().map(Into::into).collect(),
                    options: i32::try_from(suggestions.options).unwrap_or(i32::MAX),
                    advice: suggestions.advice,
                }
            })
            .await
    }

    async fn show_interest(
        &self,
        request: Request<pb::ShowInterestRequest>,
    ) -> Reply<pb::ShowInterestResponse> {
        self.0
            .command(request, parse::show_interest, app::introduction::show_interest, |seen| {
                pb::ShowInterestResponse { introduction: Some(seen.into()) }
            })
            .await
    }

    async fn get_introduction(
        &self,
        request: Request<pb::GetIntroductionRequest>,
    ) -> Reply<pb::GetIntroductionResponse> {
        self.0
            .query(request, parse::get_introduction, app::introduction::get, |seen| {
                pb::GetIntroductionResponse { introduction: Some(seen.into()) }
            })
            .await
    }

    async fn list_introductions(
        &self,
        request: Request<pb::ListIntroductionsRequest>,
    ) -> Reply<pb::ListIntroductionsResponse> {
        self.0
            .query(request, parse::list_introductions, app::introduction::list, |(all, next_page_token)| {
                pb::ListIntroductionsResponse {
                    introductions: all.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn agree_trial(&self, request: Request<pb::AgreeTrialRequest>) -> Reply<pb::AgreeTrialResponse> {
        self.0
            .command(request, parse::agree_trial, app::introduction::agree_trial, |seen| {
                pb::AgreeTrialResponse { introduction: Some(seen.into()) }
            })
            .await
    }

    async fn conclude_trial(
        &self,
        request: Request<pb::ConcludeTrialRequest>,
    ) -> Reply<pb::ConcludeTrialResponse> {
        let render = |seen: Seen| pb::ConcludeTrialResponse { introduction: Some(seen.into()) };
        let mut response =
            self.0.command(request, parse::conclude_trial, app::introduction::conclude, render).await?;
        let seen = response.get_ref().introduction.as_ref();
        if seen.is_none_or(|introduction| introduction.state() != pb::IntroductionState::Welcome) {
            // That an end was told would say that the other side had answered before (MATCH-40). Nothing follows from an
            // end that a caller would have to wait for.
            response.metadata_mut().remove(CAUSED);
        }
        Ok(response)
    }
}
