//! `FundingService`.

use kith_platform::Host;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::funding_service_server::FundingService;
use tonic::Request;

use super::{Reply, parse};
use crate::app;

/// Who pays for a Team's support.
#[derive(Clone, Debug)]
pub struct Funding(Host);

impl Funding {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl FundingService for Funding {
    async fn add_payer(&self, request: Request<pb::AddPayerRequest>) -> Reply<pb::AddPayerResponse> {
        self.0
            .command(request, parse::add_payer, app::funding::add_payer, |payer| pb::AddPayerResponse {
                payer: Some(payer.into()),
            })
            .await
    }

    async fn set_funding(&self, request: Request<pb::SetFundingRequest>) -> Reply<pb::SetFundingResponse> {
        self.0
            .command(request, parse::set_funding, app::funding::set, |funding| pb::SetFundingResponse {
                funding: Some(funding.into()),
            })
            .await
    }

    async fn list_funding(&self, request: Request<pb::ListFundingRequest>) -> Reply<pb::ListFundingResponse> {
        self.0
            .query(request, parse::list_funding, app::funding::list, |(payers, funding)| {
                pb::ListFundingResponse {
                    payers: payers.into_iter().map(Into::into).collect(),
                    funding: funding.into_iter().map(Into::into).collect(),
                }
            })
            .await
    }

    async fn list_unsettled_visits(
        &self,
        request: Request<pb::ListUnsettledVisitsRequest>,
    ) -> Reply<pb::ListUnsettledVisitsResponse> {
        self.0
            .query(
                request,
                parse::list_unsettled_visits,
                app::unsettled::list,
                |(visits, next_page_token)| pb::ListUnsettledVisitsResponse {
                    visits: visits.into_iter().map(Into::into).collect(),
                    next_page_token,
                },
            )
            .await
    }
}
