//! `PeopleService`.

use kith_platform::error::{Error, Result};
use kith_platform::host;
use kith_platform::id::{PersonId, Uuid};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService;
use tonic::Request;

use super::{Reply, network, parse, read, respond};
use crate::app::{self, Desk};
use crate::domain::account::Email;
use crate::domain::person::Person;

/// The public face of people.
#[derive(Clone, Debug)]
pub struct PeopleFace(Desk);

impl PeopleFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

/// Who an answer, new or saved, is about.
fn invited(answer: &pb::InvitePersonResponse) -> Result<PersonId> {
    let id = answer.person.as_ref().and_then(|person| Uuid::try_parse(&person.id).ok());
    id.map(PersonId).ok_or_else(|| Error::internal(anyhow::anyhow!("an answer names no person")))
}

#[tonic::async_trait]
impl PeopleService for PeopleFace {
    async fn invite_person(
        &self,
        request: Request<pb::InvitePersonRequest>,
    ) -> Reply<pb::InvitePersonResponse> {
        let actor = host::actor(&request);
        // A wrong one is named by the parser.
        let address = Email::parse(&request.get_ref().email);
        // The answer is saved without the code, which is put in afterwards, each time.
        let render = |person: Person| pb::InvitePersonResponse {
            person: Some(person.into()),
            invitation: String::new(),
        };
        let mut answer =
            self.0.host.command(request, parse::invite_person, app::person::invite, render).await?;
        let person = invited(answer.get_ref())?;
        answer.get_mut().invitation = app::person::hand_out(&self.0, actor, person, address).await?;
        Ok(answer)
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Reply<pb::AcceptInvitationResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), parse::accept_invitation)?;
        let (accepted, caused) = app::account::accept(&self.0, command, network).await?;
        let answer = pb::AcceptInvitationResponse {
            person_id: accepted.person.to_string(),
            tenant: accepted.slug.as_str().to_owned(),
            confirmation_sent: accepted.confirmation_sent,
        };
        Ok(respond(answer, &caused))
    }

    async fn confirm_invitation(
        &self,
        request: Request<pb::ConfirmInvitationRequest>,
    ) -> Reply<pb::ConfirmInvitationResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), parse::confirm_invitation)?;
        let (accepted, caused) = app::confirmation::confirm(&self.0, command, network).await?;
        let answer = pb::ConfirmInvitationResponse {
            person_id: accepted.person.to_string(),
            tenant: accepted.slug.as_str().to_owned(),
        };
        Ok(respond(answer, &caused))
    }

    async fn get_people(&self, request: Request<pb::GetPeopleRequest>) -> Reply<pb::GetPeopleResponse> {
        self.0
            .host
            .query(request, parse::get_people, app::person::get_people, |people| pb::GetPeopleResponse {
                people: people.into_iter().map(Into::into).collect(),
            })
            .await
    }

    async fn list_people(&self, request: Request<pb::ListPeopleRequest>) -> Reply<pb::ListPeopleResponse> {
        self.0
            .host
            .query(request, parse::list_people, app::person::list, |(people, next_page_token)| {
                pb::ListPeopleResponse {
                    people: people.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn set_roles(&self, request: Request<pb::SetRolesRequest>) -> Reply<pb::SetRolesResponse> {
        self.0
            .host
            .command(request, parse::set_roles, app::person::set_roles, |person| pb::SetRolesResponse {
                person: Some(person.into()),
            })
            .await
    }

    async fn list_role_terms(
        &self,
        request: Request<pb::ListRoleTermsRequest>,
    ) -> Reply<pb::ListRoleTermsResponse> {
        self.0
            .host
            .query(request, parse::list_role_terms, app::person::list_role_terms, |terms| {
                pb::ListRoleTermsResponse { terms: terms.into_iter().map(Into::into).collect() }
            })
            .await
    }
}
