//! `CirclesService`.

use kith_platform::Host;
use kith_platform::fields::Fields;
use kith_proto::governance::v1 as pb;
use kith_proto::governance::v1::circles_service_server::CirclesService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;

type Reply<A> = Result<Response<A>, Status>;

/// The Circles' public face.
#[derive(Clone, Debug)]
pub struct Circles(Host);

impl Circles {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl CirclesService for Circles {
    async fn create_circle(
        &self,
        request: Request<pb::CreateCircleRequest>,
    ) -> Reply<pb::CreateCircleResponse> {
        self.0
            .command(request, parse::create_circle, app::circle::create, |circle| pb::CreateCircleResponse {
                circle: Some(circle.into()),
            })
            .await
    }

    async fn get_circle(&self, request: Request<pb::GetCircleRequest>) -> Reply<pb::GetCircleResponse> {
        let parse = |message: pb::GetCircleRequest, fields: &mut Fields| fields.id("id", &message.id);
        self.0
            .query(request, parse, app::circle::get, |circle| pb::GetCircleResponse {
                circle: Some(circle.into()),
            })
            .await
    }

    async fn list_circles(&self, request: Request<pb::ListCirclesRequest>) -> Reply<pb::ListCirclesResponse> {
        self.0
            .query(request, parse::list_circles, app::circle::list, |(circles, next_page_token)| {
                pb::ListCirclesResponse {
                    circles: circles.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn invite_circle_member(
        &self,
        request: Request<pb::InviteCircleMemberRequest>,
    ) -> Reply<pb::InviteCircleMemberResponse> {
        self.0
            .command(request, parse::invite_circle_member, app::circle::invite, |circle| {
                pb::InviteCircleMemberResponse { circle: Some(circle.into()) }
            })
            .await
    }

    async fn answer_circle_invitation(
        &self,
        request: Request<pb::AnswerCircleInvitationRequest>,
    ) -> Reply<pb::AnswerCircleInvitationResponse> {
        self.0
            .command(request, parse::answer_circle_invitation, app::circle::answer_invitation, |circle| {
                pb::AnswerCircleInvitationResponse { circle: Some(circle.into()) }
            })
            .await
    }

    async fn propose_circle_hat(
        &self,
        request: Request<pb::ProposeCircleHatRequest>,
    ) -> Reply<pb::ProposeCircleHatResponse> {
        self.0
            .command(request, parse::propose_circle_hat, app::circle::propose_hat, |circle| {
                pb::ProposeCircleHatResponse { circle: Some(circle.into()) }
            })
            .await
    }

    async fn answer_circle_hat(
        &self,
        request: Request<pb::AnswerCircleHatRequest>,
    ) -> Reply<pb::AnswerCircleHatResponse> {
        self.0
            .command(request, parse::answer_circle_hat, app::circle::answer_hat, |circle| {
                pb::AnswerCircleHatResponse { circle: Some(circle.into()) }
            })
            .await
    }
}
