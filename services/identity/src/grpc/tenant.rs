//! `TenantService`.

use kith_platform::host;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::tenant_service_server::TenantService;
use tonic::{Request, Response};

use super::{Reply, network, parse, read, respond};
use crate::app::{self, Desk};
use crate::domain::tenant::Tenant;

/// The public face of tenants.
#[derive(Clone, Debug)]
pub struct TenantsFace(Desk);

impl TenantsFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl TenantService for TenantsFace {
    async fn bootstrap_host(
        &self,
        request: Request<pb::BootstrapHostRequest>,
    ) -> Reply<pb::BootstrapHostResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), parse::bootstrap_host)?;
        let account = app::account::bootstrap(&self.0, command, network).await?;
        Ok(Response::new(pb::BootstrapHostResponse { account_id: account.to_string() }))
    }

    async fn create_tenant(
        &self,
        request: Request<pb::CreateTenantRequest>,
    ) -> Reply<pb::CreateTenantResponse> {
        let actor = host::actor(&request);
        let command = read(request.into_inner(), parse::create_tenant)?;
        let (created, caused) = app::tenant::create(&self.0, actor, command).await?;
        let answer = pb::CreateTenantResponse {
            tenant: Some(created.tenant.listing.into()),
            administrator_invitation: created.invitation,
        };
        Ok(respond(answer, &caused))
    }

    async fn list_tenants(&self, request: Request<pb::ListTenantsRequest>) -> Reply<pb::ListTenantsResponse> {
        let actor = host::actor(&request);
        let page = read(request.into_inner(), parse::list_tenants)?;
        let (listings, next_page_token) = app::tenant::list(&self.0, actor, page).await?;
        let tenants = listings.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListTenantsResponse { tenants, next_page_token }))
    }

    async fn get_tenant(&self, request: Request<pb::GetTenantRequest>) -> Reply<pb::GetTenantResponse> {
        let render = |tenant: Tenant| pb::GetTenantResponse { tenant: Some(tenant.listing.into()) };
        self.0.host.query(request, parse::nothing, app::tenant::get, render).await
    }

    async fn go_live(&self, request: Request<pb::GoLiveRequest>) -> Reply<pb::GoLiveResponse> {
        let actor = host::actor(&request);
        let render = |tenant: Tenant| pb::GoLiveResponse { tenant: Some(tenant.listing.into()) };
        let answer = self.0.host.command(request, parse::nothing, app::tenant::go_live, render).await?;
        app::tenant::list_as_live(&self.0, actor).await?;
        Ok(answer)
    }
}
