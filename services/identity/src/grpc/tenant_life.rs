//! `TenantLifeService`.

use kith_platform::authz::Subject;
use kith_platform::context::Actor;
use kith_platform::error::Result;
use kith_platform::fields::{Fields, timestamp};
use kith_platform::host;
use kith_platform::id::TenantId;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::tenant_life_service_server::TenantLifeService;
use tonic::{Request, Response};

use super::{Reply, read};
use crate::app::Desk;
use crate::app::tenant_life::{Freeze, Turn, action, list, progress, turn};
use crate::domain::fence::Standing;
use crate::domain::tenant::{Step, Tenant};

/// The public face of a tenant's life.
#[derive(Clone, Debug)]
pub struct TenantLifeFace(Desk);

impl TenantLifeFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }

    async fn operator_takes(&self, actor: Actor, step: Step) -> Result<Turn> {
        let standing = self.0.require_operator(actor, action(step), Subject::of("host", actor.id())).await?;
        Ok(Turn { step, standing })
    }
}

fn tenant(fields: &mut Fields, tenant_id: &str) -> Option<TenantId> {
    fields.id("tenant_id", tenant_id)
}

fn named(tenant_id: &str) -> Result<TenantId> {
    read((), |(), fields| tenant(fields, tenant_id))
}

/// The five steps differ by their messages only.
macro_rules! step {
    ($self:ident, $request:ident, $step:expr, $answer:ident) => {{
        let (actor, tenant_id) = (host::actor(&$request), $request.get_ref().tenant_id.clone());
        let taken = $self.operator_takes(actor, $step).await?;
        let parse = |_, fields: &mut Fields| Some((tenant(fields, &tenant_id)?, taken.clone()));
        let render = |tenant: Tenant| pb::$answer { tenant: Some(tenant.listing.into()) };
        let answer = $self.0.host.operate($request, parse, turn, render).await?;
        list(&$self.0, actor, named(&tenant_id)?).await?;
        Ok(answer)
    }};
}

#[tonic::async_trait]
impl TenantLifeService for TenantLifeFace {
    async fn suspend_tenant(
        &self,
        request: Request<pb::SuspendTenantRequest>,
    ) -> Reply<pb::SuspendTenantResponse> {
        step!(self, request, Step::Suspend, SuspendTenantResponse)
    }

    async fn resume_tenant(
        &self,
        request: Request<pb::ResumeTenantRequest>,
    ) -> Reply<pb::ResumeTenantResponse> {
        step!(self, request, Step::Resume, ResumeTenantResponse)
    }

    async fn freeze_tenant(
        &self,
        request: Request<pb::FreezeTenantRequest>,
    ) -> Reply<pb::FreezeTenantResponse> {
        step!(self, request, Step::Freeze, FreezeTenantResponse)
    }

    async fn thaw_tenant(&self, request: Request<pb::ThawTenantRequest>) -> Reply<pb::ThawTenantResponse> {
        step!(self, request, Step::Thaw, ThawTenantResponse)
    }

    async fn release_tenant(
        &self,
        request: Request<pb::ReleaseTenantRequest>,
    ) -> Reply<pb::ReleaseTenantResponse> {
        step!(self, request, Step::Release, ReleaseTenantResponse)
    }

    async fn get_tenant_freeze(
        &self,
        request: Request<pb::GetTenantFreezeRequest>,
    ) -> Reply<pb::GetTenantFreezeResponse> {
        let actor = host::actor(&request);
        let tenant = named(&request.into_inner().tenant_id)?;
        let freeze = progress(&self.0, actor, tenant).await?;
        Ok(Response::new(pb::GetTenantFreezeResponse { freeze: freeze.map(Into::into) }))
    }
}

impl From<Freeze> for pb::TenantFreeze {
    fn from(freeze: Freeze) -> Self {
        let tenant = freeze.tenant;
        Self {
            tenant_id: tenant.listing.id.to_string(),
            epoch: tenant.epoch,
            frozen_time: tenant.frozen_at.map(timestamp),
            complete_time: tenant.freeze_complete_at.map(timestamp),
            services: freeze.services.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Standing> for pb::ServiceFence {
    fn from(standing: Standing) -> Self {
        let said = standing.said.as_ref();
        Self {
            service: standing.service.to_owned(),
            fenced_time: said.map(|said| timestamp(said.fenced_at)),
            at_rest: standing.at_rest,
            unpublished: said.map_or(0, |said| said.unpublished),
            waiting: standing.behind,
            dead: said.map_or(0, |said| said.dead),
        }
    }
}
