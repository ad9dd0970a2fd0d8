//! `SignInService`.

use kith_platform::host;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::sign_in_service_server::SignInService;
use tonic::{Request, Response};

use super::{Reply, parse, read};
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
        let command = read(request.into_inner(), parse::sign_in)?;
        let signed_in = app::session::sign_in(&self.0, command).await?;
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
        let answer = self.0.host.command(request, parse::nothing, app::session::sign_out, render).await?;
        app::session::end(&self.0, actor).await?;
        Ok(answer)
    }

    async fn get_keys(&self, _: Request<pb::GetKeysRequest>) -> Reply<pb::GetKeysResponse> {
        let jwks = app::key::key_set(&self.0).await?;
        Ok(Response::new(pb::GetKeysResponse { jwks }))
    }
}
