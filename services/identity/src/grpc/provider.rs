//! `ProviderService`.

use kith_platform::host;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::provider_service_server::ProviderService;
use tonic::{Request, Response};

use super::{Reply, decide, network, parse, parse_sign_in, read};
use crate::app::{self, Desk};
use crate::domain::provider::Provider;

/// The public face of outside providers.
#[derive(Clone, Debug)]
pub struct ProvidersFace(Desk);

impl ProvidersFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl ProviderService for ProvidersFace {
    async fn set_provider(
        &self,
        request: Request<pb::SetProviderRequest>,
    ) -> Reply<pb::SetProviderResponse> {
        let render = |provider: Provider| pb::SetProviderResponse { provider: Some(provider.into()) };
        self.0.host.command(request, parse_sign_in::set_provider, app::provider::set, render).await
    }

    async fn list_providers(
        &self,
        request: Request<pb::ListProvidersRequest>,
    ) -> Reply<pb::ListProvidersResponse> {
        let render = |providers: Vec<Provider>| pb::ListProvidersResponse {
            providers: providers.into_iter().map(Into::into).collect(),
        };
        self.0.host.query(request, parse::nothing, app::provider::list, render).await
    }

    async fn remove_provider(
        &self,
        request: Request<pb::RemoveProviderRequest>,
    ) -> Reply<pb::RemoveProviderResponse> {
        let render = |()| pb::RemoveProviderResponse {};
        self.0.host.command(request, parse_sign_in::remove_provider, app::provider::remove, render).await
    }

    async fn begin_provider_link(
        &self,
        request: Request<pb::BeginProviderLinkRequest>,
    ) -> Reply<pb::BeginProviderLinkResponse> {
        let actor = host::actor(&request);
        let name = read(request.into_inner(), parse_sign_in::begin_link)?;
        let known = decide(&self.0, actor, name, app::provider::require_begin_link).await?;
        let authorization_url = app::provider::begin_link(&self.0, actor, &known).await?;
        Ok(Response::new(pb::BeginProviderLinkResponse { authorization_url }))
    }

    async fn finish_provider_link(
        &self,
        request: Request<pb::FinishProviderLinkRequest>,
    ) -> Reply<pb::FinishProviderLinkResponse> {
        let actor = host::actor(&request);
        let back = read(request.into_inner(), parse_sign_in::finish_link)?;
        decide(&self.0, actor, back.clone(), app::provider::require_finish_link).await?;
        app::provider::finish_link(&self.0, actor, back).await?;
        Ok(Response::new(pb::FinishProviderLinkResponse {}))
    }

    async fn remove_provider_link(
        &self,
        request: Request<pb::RemoveProviderLinkRequest>,
    ) -> Reply<pb::RemoveProviderLinkResponse> {
        let actor = host::actor(&request);
        let name = read(request.into_inner(), parse_sign_in::remove_link)?;
        let issuer = decide(&self.0, actor, name, app::provider::require_remove_link).await?;
        app::provider::remove_link(&self.0, actor, &issuer).await?;
        Ok(Response::new(pb::RemoveProviderLinkResponse {}))
    }

    async fn begin_provider_sign_in(
        &self,
        request: Request<pb::BeginProviderSignInRequest>,
    ) -> Reply<pb::BeginProviderSignInResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), parse_sign_in::begin_provider_sign_in)?;
        let authorization_url = app::provider::begin_sign_in(&self.0, command, network).await?;
        Ok(Response::new(pb::BeginProviderSignInResponse { authorization_url }))
    }

    async fn finish_provider_sign_in(
        &self,
        request: Request<pb::FinishProviderSignInRequest>,
    ) -> Reply<pb::FinishProviderSignInResponse> {
        let back = read(request.into_inner(), parse_sign_in::finish_provider_sign_in)?;
        let tokens = app::provider::sign_in(&self.0, back).await?;
        Ok(Response::new(pb::FinishProviderSignInResponse { tokens: Some(tokens.into()) }))
    }
}
