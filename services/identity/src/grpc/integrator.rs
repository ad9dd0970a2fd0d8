//! `IntegratorService`.

use super::parse::role;
use chrono::{DateTime, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::fields::timestamp;
use kith_platform::host;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::integrator_service_server::IntegratorService;
use tonic::{Request, Response};

use super::{Reply, network, read};
use crate::app::{self, Desk};
use crate::domain::integrator::Integrator;

/// Which one an answer, new or saved, is about.
fn added(answer: &pb::AddIntegratorResponse) -> Result<PersonId> {
    let id = answer.integrator.as_ref().and_then(|integrator| Uuid::try_parse(&integrator.id).ok());
    id.map(PersonId).ok_or_else(|| Error::internal(anyhow::anyhow!("an answer names no integrator")))
}

/// The public face of integrators.
#[derive(Clone, Debug)]
pub struct IntegratorsFace(Desk);

impl IntegratorsFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl IntegratorService for IntegratorsFace {
    async fn add_integrator(
        &self,
        request: Request<pb::AddIntegratorRequest>,
    ) -> Reply<pb::AddIntegratorResponse> {
        let actor = host::actor(&request);
        // The answer is saved without the secret, which is put in afterwards, each time.
        let render = |integrator: Integrator| pb::AddIntegratorResponse {
            integrator: Some(integrator.into()),
            client_secret: String::new(),
        };
        let (parse, app) = (add_integrator, app::integrator::add);
        let mut answer = self.0.host.command(request, parse, app, render).await?;
        let id = added(answer.get_ref())?;
        answer.get_mut().client_secret = app::integrator::hand_out(&self.0, actor, id).await?;
        Ok(answer)
    }

    async fn list_integrators(
        &self,
        request: Request<pb::ListIntegratorsRequest>,
    ) -> Reply<pb::ListIntegratorsResponse> {
        let render = |(integrators, next_page_token): (Vec<Integrator>, String)| {
            let integrators = integrators.into_iter().map(Into::into).collect();
            pb::ListIntegratorsResponse { integrators, next_page_token }
        };
        let (parse, app) = (list_integrators, app::integrator::list);
        self.0.host.query(request, parse, app, render).await
    }

    async fn revoke_integrator(
        &self,
        request: Request<pb::RevokeIntegratorRequest>,
    ) -> Reply<pb::RevokeIntegratorResponse> {
        let actor = host::actor(&request);
        let id = read(request.get_ref().clone(), revoke_integrator)?;
        let render =
            |integrator: Integrator| pb::RevokeIntegratorResponse { integrator: Some(integrator.into()) };
        let (parse, app) = (revoke_integrator, app::integrator::revoke);
        let answer = self.0.host.command(request, parse, app, render).await?;
        app::integrator::close(&self.0, actor, id).await?;
        Ok(answer)
    }

    async fn sign_in_integrator(
        &self,
        request: Request<pb::SignInIntegratorRequest>,
    ) -> Reply<pb::SignInIntegratorResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), sign_in_integrator)?;
        let token = app::integrator::sign_in(&self.0, command, network).await?;
        Ok(Response::new(pb::SignInIntegratorResponse {
            access_token: token.access,
            access_expire_time: Some(timestamp(token.ends_at)),
            tenant_id: token.tenant.to_string(),
        }))
    }
}

fn add_integrator(message: pb::AddIntegratorRequest, fields: &mut Fields) -> Option<app::integrator::Add> {
    let display_name = fields.text("display_name", &message.display_name, 1, 100);
    let role = fields.choice("role", message.role, role);
    Some(app::integrator::Add { display_name: display_name?, role: role? })
}

fn list_integrators(
    message: pb::ListIntegratorsRequest,
    fields: &mut Fields,
) -> Option<Page<(DateTime<Utc>, Uuid)>> {
    Page::parse(fields, message.page_size, &message.page_token, &"integrators")
}

fn revoke_integrator(message: pb::RevokeIntegratorRequest, fields: &mut Fields) -> Option<PersonId> {
    fields.id("integrator_id", &message.integrator_id)
}

fn sign_in_integrator(
    message: pb::SignInIntegratorRequest,
    fields: &mut Fields,
) -> Option<app::integrator::SignIn> {
    let client = fields.text("client_id", &message.client_id, 1, 200);
    let secret = fields.text("client_secret", &message.client_secret, 1, 200);
    let client = client.map(|client| Uuid::try_parse(&client).ok().map(PersonId));
    Some(app::integrator::SignIn { client: client?, secret: secret? })
}
