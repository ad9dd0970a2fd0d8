//! `ProviderService`.

use crate::domain::provider::{self, Name};
use kith_platform::fields::Fields;
use kith_platform::host;
use kith_platform::id::Uuid;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::provider_service_server::ProviderService;
use tonic::{Request, Response};

use super::{Reply, decide, network, parse, read};
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
    async fn set_provider(&self, request: Request<pb::SetProviderRequest>) -> Reply<pb::SetProviderResponse> {
        let render = |provider: Provider| pb::SetProviderResponse { provider: Some(provider.into()) };
        self.0.host.command(request, set_provider, app::provider::set, render).await
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
        self.0.host.command(request, remove_provider, app::provider::remove, render).await
    }

    async fn begin_provider_link(
        &self,
        request: Request<pb::BeginProviderLinkRequest>,
    ) -> Reply<pb::BeginProviderLinkResponse> {
        let actor = host::actor(&request);
        let name = read(request.into_inner(), begin_link)?;
        let known = decide(&self.0, actor, name, app::provider::require_begin_link).await?;
        let authorization_url = app::provider::begin_link(&self.0, actor, &known).await?;
        Ok(Response::new(pb::BeginProviderLinkResponse { authorization_url }))
    }

    async fn finish_provider_link(
        &self,
        request: Request<pb::FinishProviderLinkRequest>,
    ) -> Reply<pb::FinishProviderLinkResponse> {
        let actor = host::actor(&request);
        let back = read(request.into_inner(), finish_link)?;
        decide(&self.0, actor, back.clone(), app::provider::require_finish_link).await?;
        app::provider::finish_link(&self.0, actor, back).await?;
        Ok(Response::new(pb::FinishProviderLinkResponse {}))
    }

    async fn remove_provider_link(
        &self,
        request: Request<pb::RemoveProviderLinkRequest>,
    ) -> Reply<pb::RemoveProviderLinkResponse> {
        let actor = host::actor(&request);
        let name = read(request.into_inner(), remove_link)?;
        let issuer = decide(&self.0, actor, name, app::provider::require_remove_link).await?;
        app::provider::remove_link(&self.0, actor, &issuer).await?;
        Ok(Response::new(pb::RemoveProviderLinkResponse {}))
    }

    async fn begin_provider_sign_in(
        &self,
        request: Request<pb::BeginProviderSignInRequest>,
    ) -> Reply<pb::BeginProviderSignInResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), begin_provider_sign_in)?;
        let authorization_url = app::provider::begin_sign_in(&self.0, command, network).await?;
        Ok(Response::new(pb::BeginProviderSignInResponse { authorization_url }))
    }

    async fn finish_provider_sign_in(
        &self,
        request: Request<pb::FinishProviderSignInRequest>,
    ) -> Reply<pb::FinishProviderSignInResponse> {
        let back = read(request.into_inner(), finish_provider_sign_in)?;
        let tokens = app::provider::sign_in(&self.0, back).await?;
        Ok(Response::new(pb::FinishProviderSignInResponse { tokens: Some(tokens.into()) }))
    }
}

fn name(fields: &mut Fields, field: &str, value: &str) -> Option<Name> {
    match Name::parse(value) {
        Some(name) => Some(name),
        None if value.is_empty() => fields.wrong(field, "is missing"),
        None => fields.wrong(field, "must be 2 to 40 lower-case letters, digits and hyphens"),
    }
}

fn set_provider(message: pb::SetProviderRequest, fields: &mut Fields) -> Option<app::provider::Set> {
    let name = name(fields, "name", &message.name);
    let issuer = match provider::issuer(&message.issuer) {
        Some(issuer) => Some(issuer),
        None => fields.wrong("issuer", "must be an https URL without a query"),
    };
    let client = fields.text("client", &message.client, 1, 200);
    let secret_name = match provider::secret_name(&message.secret_name) {
        Some(secret_name) => Some(secret_name),
        None => fields.wrong("secret_name", "must be 1 to 40 lower-case letters, digits, - and _"),
    };
    Some(app::provider::Set { name: name?, issuer: issuer?, client: client?, secret_name: secret_name? })
}

fn remove_provider(message: pb::RemoveProviderRequest, fields: &mut Fields) -> Option<Name> {
    name(fields, "name", &message.name)
}

fn begin_link(message: pb::BeginProviderLinkRequest, fields: &mut Fields) -> Option<Name> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let name = name(fields, "name", &message.name);
    request_id.and(name)
}

fn back(fields: &mut Fields, state: &str, code: &str) -> Option<app::provider::Back> {
    let state = fields.text("state", state, 1, 200);
    let code = fields.text("code", code, 1, 4096);
    Some(app::provider::Back { state: state?, code: code? })
}

fn finish_link(message: pb::FinishProviderLinkRequest, fields: &mut Fields) -> Option<app::provider::Back> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let back = back(fields, &message.state, &message.code);
    request_id.and(back)
}

fn remove_link(message: pb::RemoveProviderLinkRequest, fields: &mut Fields) -> Option<Name> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let name = name(fields, "name", &message.name);
    request_id.and(name)
}

fn begin_provider_sign_in(
    message: pb::BeginProviderSignInRequest,
    fields: &mut Fields,
) -> Option<app::provider::Begin> {
    let tenant = name(fields, "tenant", &message.tenant);
    let name = name(fields, "name", &message.name);
    Some(app::provider::Begin { tenant: tenant?, name: name? })
}

fn finish_provider_sign_in(
    message: pb::FinishProviderSignInRequest,
    fields: &mut Fields,
) -> Option<app::provider::Back> {
    back(fields, &message.state, &message.code)
}
