//! `CommunicationService`.

use kith_platform::Host;
use kith_platform::fields::{Fields, timestamp};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::communication_service_server::CommunicationService;
use tonic::Request;

use super::Reply;
use crate::app;
use crate::domain::communication::{Channel, Communication};

/// The most that is kept, in characters.
const MOST: usize = 2000;

/// The public face of how people like to be reached.
#[derive(Clone, Debug)]
pub struct CommunicationFace(Host);

impl CommunicationFace {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl CommunicationService for CommunicationFace {
    async fn set_communication(
        &self,
        request: Request<pb::SetCommunicationRequest>,
    ) -> Reply<pb::SetCommunicationResponse> {
        let render = |said: Communication| pb::SetCommunicationResponse { communication: Some(said.into()) };
        self.0.command(request, set, app::communication::set, render).await
    }

    async fn get_communication(
        &self,
        request: Request<pb::GetCommunicationRequest>,
    ) -> Reply<pb::GetCommunicationResponse> {
        let render = |said: Communication| pb::GetCommunicationResponse { communication: Some(said.into()) };
        self.0.query(request, get, app::communication::get, render).await
    }
}

fn set(message: pb::SetCommunicationRequest, fields: &mut Fields) -> Option<app::communication::Set> {
    let preferred = match pb::Channel::try_from(message.preferred_channel) {
        Ok(pb::Channel::Unspecified) => Some(Channel::Unsaid),
        Ok(pb::Channel::Email) => Some(Channel::Email),
        Ok(pb::Channel::Phone) => Some(Channel::Phone),
        Ok(pb::Channel::Chat) => Some(Channel::Chat),
        Err(_) => fields.wrong("preferred_channel", "is not known"),
    };
    let needs = fields.text("needs", &message.needs, 0, MOST);
    Some(app::communication::Set { preferred: preferred?, needs: needs? })
}

fn get(message: pb::GetCommunicationRequest, fields: &mut Fields) -> Option<app::communication::Get> {
    let person = fields.optional_id("person_id", &message.person_id);
    Some(app::communication::Get { person: person? })
}

impl From<Communication> for pb::Communication {
    fn from(said: Communication) -> Self {
        let preferred = match said.preferred {
            Channel::Unsaid => pb::Channel::Unspecified,
            Channel::Email => pb::Channel::Email,
            Channel::Phone => pb::Channel::Phone,
            Channel::Chat => pb::Channel::Chat,
        };
        Self {
            person_id: said.person.to_string(),
            preferred_channel: preferred.into(),
            needs: said.needs,
            update_time: said.updated_at.map(timestamp),
        }
    }
}
