//! `TeamsService`.

use kith_platform::Host;
use kith_proto::teams::v1 as pb;
use kith_proto::teams::v1::teams_service_server::TeamsService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;

type Reply<A> = Result<Response<A>, Status>;

/// The service's public face.
#[derive(Clone, Debug)]
pub struct Teams(Host);

impl Teams {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl TeamsService for Teams {
    async fn start_team(&self, request: Request<pb::StartTeamRequest>) -> Reply<pb::StartTeamResponse> {
        let render = |team: crate::domain::team::Team| pb::StartTeamResponse { team: Some(team.into()) };
        self.0.command(request, parse::start_team, app::team::start, render).await
    }

    async fn get_team(&self, request: Request<pb::GetTeamRequest>) -> Reply<pb::GetTeamResponse> {
        let parse = |message: pb::GetTeamRequest, fields: &mut kith_platform::fields::Fields| {
            fields.id("id", &message.id)
        };
        self.0
            .query(request, parse, app::team::get, |shown| pb::GetTeamResponse { team: Some(shown.into()) })
            .await
    }

    async fn list_teams(&self, request: Request<pb::ListTeamsRequest>) -> Reply<pb::ListTeamsResponse> {
        self.0
            .query(request, parse::list_teams, app::team::list, |(teams, next_page_token)| {
                pb::ListTeamsResponse { teams: teams.into_iter().map(Into::into).collect(), next_page_token }
            })
            .await
    }

    async fn invite_member(
        &self,
        request: Request<pb::InviteMemberRequest>,
    ) -> Reply<pb::InviteMemberResponse> {
        self.0
            .command(request, parse::invite_member, app::membership::invite, |membership| {
                pb::InviteMemberResponse { membership: Some(membership.into()) }
            })
            .await
    }

    async fn answer_invitation(
        &self,
        request: Request<pb::AnswerInvitationRequest>,
    ) -> Reply<pb::AnswerInvitationResponse> {
        self.0
            .command(request, parse::answer_invitation, app::membership::answer, |membership| {
                pb::AnswerInvitationResponse { membership: Some(membership.into()) }
            })
            .await
    }

    async fn end_membership(
        &self,
        request: Request<pb::EndMembershipRequest>,
    ) -> Reply<pb::EndMembershipResponse> {
        self.0
            .command(request, parse::end_membership, app::membership::end, |membership| {
                pb::EndMembershipResponse { membership: Some(membership.into()) }
            })
            .await
    }

    async fn propose_hat(&self, request: Request<pb::ProposeHatRequest>) -> Reply<pb::ProposeHatResponse> {
        self.0
            .command(request, parse::propose_hat, app::hat::propose, |holding| pb::ProposeHatResponse {
                holding: Some(holding.into()),
            })
            .await
    }

    async fn answer_hat(&self, request: Request<pb::AnswerHatRequest>) -> Reply<pb::AnswerHatResponse> {
        self.0
            .command(request, parse::answer_hat, app::hat::answer, |holding| pb::AnswerHatResponse {
                holding: Some(holding.into()),
            })
            .await
    }

    async fn drop_hat(&self, request: Request<pb::DropHatRequest>) -> Reply<pb::DropHatResponse> {
        self.0
            .command(request, parse::drop_hat, app::hat::drop_hat, |holding| pb::DropHatResponse {
                holding: Some(holding.into()),
            })
            .await
    }

    async fn get_promise_text(
        &self,
        request: Request<pb::GetPromiseTextRequest>,
    ) -> Reply<pb::GetPromiseTextResponse> {
        self.0
            .query(request, parse::get_promise_text, app::promise::text, |text| pb::GetPromiseTextResponse {
                text_version: text.version,
                text: text.body,
            })
            .await
    }

    async fn sign_promise(&self, request: Request<pb::SignPromiseRequest>) -> Reply<pb::SignPromiseResponse> {
        self.0
            .command(request, parse::sign_promise, app::promise::sign, |promise| pb::SignPromiseResponse {
                promise: Some(promise.into()),
            })
            .await
    }
}
