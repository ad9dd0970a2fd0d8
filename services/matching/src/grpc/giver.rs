//! `GiversService`.

use kith_platform::Host;
use kith_proto::matching::v1 as pb;
use kith_proto::matching::v1::givers_service_server::GiversService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;

type Reply<A> = Result<Response<A>, Status>;

/// Who offers support, on which terms, and whether they are ready.
#[derive(Clone, Debug)]
pub struct Givers(Host);

impl Givers {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl GiversService for Givers {
    async fn register_giver(
        &self,
        request: Request<pb::RegisterGiverRequest>,
    ) -> Reply<pb::RegisterGiverResponse> {
        self.0
            .command(request, parse::register_giver, app::giver::register, |giver| {
                pb::RegisterGiverResponse { giver: Some(giver.into()) }
            })
            .await
    }

    async fn get_giver(&self, request: Request<pb::GetGiverRequest>) -> Reply<pb::GetGiverResponse> {
        self.0
            .query(request, parse::get_giver, app::giver::get, |giver| pb::GetGiverResponse {
                giver: Some(giver.into()),
            })
            .await
    }

    async fn list_givers(&self, request: Request<pb::ListGiversRequest>) -> Reply<pb::ListGiversResponse> {
        self.0
            .query(request, parse::list_givers, app::giver::list, |(givers, next_page_token)| {
                pb::ListGiversResponse {
                    givers: givers.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn record_readiness(
        &self,
        request: Request<pb::RecordReadinessRequest>,
    ) -> Reply<pb::RecordReadinessResponse> {
        self.0
            .command(request, parse::record_readiness, app::giver::record_readiness, |giver| {
                pb::RecordReadinessResponse { giver: Some(giver.into()) }
            })
            .await
    }

    async fn set_terms(&self, request: Request<pb::SetTermsRequest>) -> Reply<pb::SetTermsResponse> {
        self.0
            .command(request, parse::set_terms, app::giver::set_terms, |giver| pb::SetTermsResponse {
                giver: Some(giver.into()),
            })
            .await
    }
}
