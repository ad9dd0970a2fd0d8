//! `LeavingService`.

use kith_platform::fields::Fields;
use kith_platform::host;
use kith_platform::id::{PersonId, Uuid};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::leaving_service_server::LeavingService;
use tonic::Request;

use super::{Reply, parse};
use crate::app::Desk;
use crate::app::leaving::{Close, close, leave, shut};
use crate::domain::person::Person;

/// The public face of leaving.
#[derive(Clone, Debug)]
pub struct LeavingFace(Desk);

impl LeavingFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl LeavingService for LeavingFace {
    async fn leave_tenant(&self, request: Request<pb::LeaveTenantRequest>) -> Reply<pb::LeaveTenantResponse> {
        let actor = host::actor(&request);
        let render = |_: Person| pb::LeaveTenantResponse {};
        let answer = self.0.host.command(request, parse::nothing, leave, render).await?;
        shut(&self.0, actor, PersonId(actor.id())).await?;
        Ok(answer)
    }

    async fn close_place(&self, request: Request<pb::ClosePlaceRequest>) -> Reply<pb::ClosePlaceResponse> {
        let actor = host::actor(&request);
        let render = |person: Person| pb::ClosePlaceResponse { person: Some(person.into()) };
        let answer = self.0.host.command(request, read_close, close, render).await?;
        let person = answer.get_ref().person.as_ref().and_then(|person| Uuid::try_parse(&person.id).ok());
        if let Some(person) = person {
            shut(&self.0, actor, PersonId(person)).await?;
        }
        Ok(answer)
    }
}

fn read_close(message: pb::ClosePlaceRequest, fields: &mut Fields) -> Option<Close> {
    let person = fields.id("person_id", &message.person_id);
    let asked_on = fields.date("asked_on", &message.asked_on);
    Some(Close { person: person?, asked_on: asked_on? })
}
