//! `SignInService`, `SessionService` and `KeyService`.

use crate::domain::SessionId;
use kith_platform::db::Tx;
use kith_platform::fields::Fields;
use kith_platform::host;
use kith_platform::id::Uuid;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::key_service_server::KeyService;
use kith_proto::identity::v1::session_service_server::SessionService;
use kith_proto::identity::v1::sign_in_service_server::SignInService;
use tonic::{Request, Response};

use super::{Reply, network, parse, read, render};
use crate::app::{self, Desk};

/// The public face of sign-in.
#[derive(Clone, Debug)]
pub struct SignInFace(Desk);

impl SignInFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl SignInService for SignInFace {
    async fn sign_in(&self, request: Request<pb::SignInRequest>) -> Reply<pb::SignInResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), parse::sign_in)?;
        let signed_in = app::session::sign_in(&self.0, command, network).await?;
        Ok(Response::new(pb::SignInResponse {
            tokens: signed_in.tokens.map(Into::into),
            tenants: signed_in.tenants,
        }))
    }

    async fn refresh(&self, request: Request<pb::RefreshRequest>) -> Reply<pb::RefreshResponse> {
        let token = read(request.into_inner(), parse::refresh)?;
        let tokens = app::session::refresh(&self.0, token).await?;
        Ok(Response::new(pb::RefreshResponse { tokens: Some(tokens.into()) }))
    }

    async fn sign_out(&self, request: Request<pb::SignOutRequest>) -> Reply<pb::SignOutResponse> {
        let actor = host::actor(&request);
        let render = |()| pb::SignOutResponse {};
        // A session is of no tenant: it ends whatever state the tenant is in.
        let (parse, decide) = (parse::nothing, app::session::sign_out);
        let decided = async |tx: &mut Tx, _: Uuid, nothing: ()| decide(tx, nothing).await;
        let answer = self.0.host.command_in_any_state(request, parse, decide, decided, render).await?;
        app::session::end(&self.0, actor).await?;
        Ok(answer)
    }

    async fn get_keys(&self, _: Request<pb::GetKeysRequest>) -> Reply<pb::GetKeysResponse> {
        let jwks = app::key::key_set(&self.0).await?;
        Ok(Response::new(pb::GetKeysResponse { jwks }))
    }
}

/// The public face of sessions.
#[derive(Clone, Debug)]
pub struct SessionsFace(Desk);

impl SessionsFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl SessionService for SessionsFace {
    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Reply<pb::ListSessionsResponse> {
        let actor = host::actor(&request);
        self.0
            .host
            .query(request, parse::nothing, app::session::require_list, |()| {
                pb::ListSessionsResponse::default()
            })
            .await?;
        let (listed, current) = app::session::list(&self.0, actor).await?;
        let sessions = listed.into_iter().map(|listed| render::session(listed, current)).collect();
        Ok(Response::new(pb::ListSessionsResponse { sessions }))
    }

    async fn end_session(&self, request: Request<pb::EndSessionRequest>) -> Reply<pb::EndSessionResponse> {
        let actor = host::actor(&request);
        let session = read(request.get_ref().clone(), end_session)?;
        let render = |_| pb::EndSessionResponse {};
        let (parse, decide) = (end_session, app::session::require_end);
        let decided = async |tx: &mut Tx, _: Uuid, session| decide(tx, session).await;
        let answer = self.0.host.command_in_any_state(request, parse, decide, decided, render).await?;
        app::session::end_one(&self.0, actor, session).await?;
        Ok(answer)
    }

    async fn end_other_sessions(
        &self,
        request: Request<pb::EndOtherSessionsRequest>,
    ) -> Reply<pb::EndOtherSessionsResponse> {
        let actor = host::actor(&request);
        let everywhere = request.get_ref().everywhere;
        let render = |_| pb::EndOtherSessionsResponse {};
        let (parse, decide) = (end_other_sessions, app::session::require_end_others);
        let decided = async |tx: &mut Tx, _: Uuid, everywhere| decide(tx, everywhere).await;
        let answer = self.0.host.command_in_any_state(request, parse, decide, decided, render).await?;
        app::session::end_others(&self.0, actor, everywhere).await?;
        Ok(answer)
    }

    async fn sign_out_operator(
        &self,
        request: Request<pb::SignOutOperatorRequest>,
    ) -> Reply<pb::SignOutOperatorResponse> {
        let actor = host::actor(&request);
        let all = read(request.into_inner(), sign_out_operator)?;
        app::session::sign_out_operator(&self.0, actor, all).await?;
        Ok(Response::new(pb::SignOutOperatorResponse {}))
    }
}

/// The public face of the signing keys.
#[derive(Clone, Debug)]
pub struct KeysFace(Desk);

impl KeysFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl KeyService for KeysFace {
    async fn rotate_keys(&self, request: Request<pb::RotateKeysRequest>) -> Reply<pb::RotateKeysResponse> {
        let actor = host::actor(&request);
        let command = read(request.into_inner(), rotate_keys)?;
        let key = app::key::rotate(&self.0, actor, command).await?;
        let signs_from = Some(kith_platform::fields::timestamp(key.signs_from));
        Ok(Response::new(pb::RotateKeysResponse { kid: key.kid, signs_from }))
    }
}

fn end_session(message: pb::EndSessionRequest, fields: &mut Fields) -> Option<SessionId> {
    fields.id("session_id", &message.session_id)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every parser")]
fn end_other_sessions(message: pb::EndOtherSessionsRequest, _: &mut Fields) -> Option<bool> {
    Some(message.everywhere)
}

fn sign_out_operator(message: pb::SignOutOperatorRequest, fields: &mut Fields) -> Option<bool> {
    fields.id::<Uuid>("request_id", &message.request_id)?;
    Some(message.all)
}

fn rotate_keys(message: pb::RotateKeysRequest, fields: &mut Fields) -> Option<app::key::Rotate> {
    let request_id = fields.id("request_id", &message.request_id)?;
    Some(app::key::Rotate { request_id, at_once: message.at_once })
}
