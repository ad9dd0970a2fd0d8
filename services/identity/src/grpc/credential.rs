//! `CredentialService`.

use super::parse::{destination, email, new_password, password};
use kith_platform::db::Tx;
use kith_platform::fields::Fields;
use kith_platform::host;
use kith_platform::id::Uuid;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::credential_service_server::CredentialService;
use tonic::{Request, Response};

use super::{Reply, decide, network, parse, read};
use crate::app::{self, Desk};
use crate::domain::recovery::Code;

/// The public face of what one signs in with.
#[derive(Clone, Debug)]
pub struct CredentialsFace(Desk);

impl CredentialsFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl CredentialService for CredentialsFace {
    async fn get_credentials(
        &self,
        request: Request<pb::GetCredentialsRequest>,
    ) -> Reply<pb::GetCredentialsResponse> {
        let actor = host::actor(&request);
        let providers = decide(&self.0, actor, (), app::credential::require_get).await?;
        let credentials = app::credential::get(&self.0, actor, providers).await?;
        Ok(Response::new(credentials.into()))
    }

    async fn change_password(
        &self,
        request: Request<pb::ChangePasswordRequest>,
    ) -> Reply<pb::ChangePasswordResponse> {
        // Not saved under its request id: that would keep a quick hash of both passwords.
        let (actor, network) = (host::actor(&request), network(&self.0, &request));
        let command = read(request.into_inner(), change_password)?;
        decide(&self.0, actor, command.clone(), app::credential::require_change).await?;
        app::credential::change_password(&self.0, actor, command, network).await?;
        Ok(Response::new(pb::ChangePasswordResponse {}))
    }

    async fn make_recovery_codes(
        &self,
        request: Request<pb::MakeRecoveryCodesRequest>,
    ) -> Reply<pb::MakeRecoveryCodesResponse> {
        let actor = host::actor(&request);
        let request_id = Uuid::try_parse(&request.get_ref().request_id).unwrap_or_default();
        // The answer is saved without the codes, which are put in afterwards, each time.
        let render = |()| pb::MakeRecoveryCodesResponse::default();
        let decide = app::credential::require_make_codes;
        // The account's own, whatever its place accepts.
        let otherwise = async |tx: &mut Tx, _, ()| app::credential::require_make_codes(tx, ()).await;
        let host = &self.0.host;
        let mut answer =
            host.command_in_any_state(request, parse::nothing, decide, otherwise, render).await?;
        let codes = app::credential::make_codes(&self.0, actor, request_id).await?;
        answer.get_mut().codes = codes.iter().map(Code::shown).collect();
        Ok(answer)
    }

    async fn sign_in_with_recovery_code(
        &self,
        request: Request<pb::SignInWithRecoveryCodeRequest>,
    ) -> Reply<pb::SignInWithRecoveryCodeResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), sign_in_with_code)?;
        let tokens = app::credential::sign_in_with_code(&self.0, command, network).await?;
        Ok(Response::new(pb::SignInWithRecoveryCodeResponse { tokens: Some(tokens.into()) }))
    }

    async fn reset_password(
        &self,
        request: Request<pb::ResetPasswordRequest>,
    ) -> Reply<pb::ResetPasswordResponse> {
        let network = network(&self.0, &request);
        let command = read(request.into_inner(), reset_password)?;
        app::credential::reset_password(&self.0, command, network).await?;
        Ok(Response::new(pb::ResetPasswordResponse {}))
    }
}

pub(super) fn change_password(
    message: pb::ChangePasswordRequest,
    fields: &mut Fields,
) -> Option<app::credential::ChangePassword> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let current = password(fields, "current_password", &message.current_password);
    let new = new_password(fields, "new_password", &message.new_password);
    request_id?;
    Some(app::credential::ChangePassword { current: current?, new: new? })
}

fn sign_in_with_code(
    message: pb::SignInWithRecoveryCodeRequest,
    fields: &mut Fields,
) -> Option<app::credential::UseCode> {
    let email = email(fields, &message.email);
    let code = fields.text("code", &message.code, 1, 100);
    let into = destination(fields, &message.tenant, message.as_operator);
    Some(app::credential::UseCode { email: email?, code: Code::parse(&code?), into: into? })
}

fn reset_password(message: pb::ResetPasswordRequest, fields: &mut Fields) -> Option<app::credential::Reset> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let email = email(fields, &message.email);
    let code = fields.text("code", &message.code, 1, 100);
    let password = new_password(fields, "new_password", &message.new_password);
    request_id?;
    Some(app::credential::Reset { email: email?, code: Code::parse(&code?), password: password? })
}
