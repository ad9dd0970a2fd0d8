//! `OperatorCredentialService`: the same use cases as for people, for who stands in no tenant.

use kith_platform::fields::timestamp;
use kith_platform::host;
use kith_platform::id::Uuid;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::operator_credential_service_server::OperatorCredentialService;
use tonic::{Request, Response};

use super::{Reply, credential, network, passkey, read};
use crate::app::{self, Desk};
use crate::domain::recovery::Code;
use crate::policy::Action;

/// What an authenticator shows for an operator's passkey.
const SHOWN_AS: &str = "Operator of the host";

/// The public face of what operators sign in with.
#[derive(Clone, Debug)]
pub struct OperatorCredentialsFace(Desk);

impl OperatorCredentialsFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl OperatorCredentialService for OperatorCredentialsFace {
    async fn get_operator_credentials(
        &self,
        request: Request<pb::GetOperatorCredentialsRequest>,
    ) -> Reply<pb::GetOperatorCredentialsResponse> {
        let credentials = app::operator_credential::get(&self.0, host::actor(&request)).await?;
        Ok(Response::new(credentials.into()))
    }

    async fn change_operator_password(
        &self,
        request: Request<pb::ChangeOperatorPasswordRequest>,
    ) -> Reply<pb::ChangeOperatorPasswordResponse> {
        let (actor, network) = (host::actor(&request), network(&self.0, &request));
        let message = request.into_inner();
        let message = pb::ChangePasswordRequest {
            request_id: message.request_id,
            current_password: message.current_password,
            new_password: message.new_password,
        };
        let command = read(message, credential::change_password)?;
        app::operator_credential::require_own(&self.0, actor, Action::ChangeOperatorPassword).await?;
        app::credential::change_password(&self.0, actor, command, network).await?;
        Ok(Response::new(pb::ChangeOperatorPasswordResponse {}))
    }

    async fn make_operator_recovery_codes(
        &self,
        request: Request<pb::MakeOperatorRecoveryCodesRequest>,
    ) -> Reply<pb::MakeOperatorRecoveryCodesResponse> {
        let actor = host::actor(&request);
        let request_id = read(request.into_inner(), |message, fields| {
            fields.id::<Uuid>("request_id", &message.request_id)
        })?;
        app::operator_credential::require_own(&self.0, actor, Action::MakeOperatorRecoveryCodes).await?;
        let codes = app::credential::make_codes(&self.0, actor, request_id).await?;
        let codes = codes.iter().map(Code::shown).collect();
        Ok(Response::new(pb::MakeOperatorRecoveryCodesResponse { codes }))
    }

    async fn begin_operator_passkey_registration(
        &self,
        request: Request<pb::BeginOperatorPasskeyRegistrationRequest>,
    ) -> Reply<pb::BeginOperatorPasskeyRegistrationResponse> {
        let actor = host::actor(&request);
        let message = pb::BeginPasskeyRegistrationRequest { request_id: request.into_inner().request_id };
        read(message, passkey::begin_passkey)?;
        let action = Action::BeginOperatorPasskeyRegistration;
        app::operator_credential::require_own(&self.0, actor, action).await?;
        let begun = app::passkey::begin_registration(&self.0, actor, SHOWN_AS).await?;
        Ok(Response::new(pb::BeginOperatorPasskeyRegistrationResponse {
            ceremony_id: begun.id.to_string(),
            options: begun.options,
            expire_time: Some(timestamp(begun.ends_at)),
        }))
    }

    async fn finish_operator_passkey_registration(
        &self,
        request: Request<pb::FinishOperatorPasskeyRegistrationRequest>,
    ) -> Reply<pb::FinishOperatorPasskeyRegistrationResponse> {
        let actor = host::actor(&request);
        let message = request.into_inner();
        let message = pb::FinishPasskeyRegistrationRequest {
            request_id: message.request_id,
            ceremony_id: message.ceremony_id,
            credential: message.credential,
            label: message.label,
        };
        let command = read(message, passkey::finish_passkey)?;
        let action = Action::FinishOperatorPasskeyRegistration;
        app::operator_credential::require_own(&self.0, actor, action).await?;
        let passkey = app::passkey::finish_registration(&self.0, actor, command).await?;
        Ok(Response::new(pb::FinishOperatorPasskeyRegistrationResponse { passkey: Some(passkey.into()) }))
    }

    async fn remove_operator_passkey(
        &self,
        request: Request<pb::RemoveOperatorPasskeyRequest>,
    ) -> Reply<pb::RemoveOperatorPasskeyResponse> {
        let actor = host::actor(&request);
        let message = request.into_inner();
        let message = pb::RemovePasskeyRequest { request_id: message.request_id, passkey: message.passkey };
        let credential_id = read(message, |message, fields| {
            let request_id = fields.id::<Uuid>("request_id", &message.request_id);
            let passkey = passkey::remove_passkey(message, fields);
            request_id.and(passkey)
        })?;
        app::operator_credential::require_own(&self.0, actor, Action::RemoveOperatorPasskey).await?;
        app::passkey::remove(&self.0, actor, &credential_id).await?;
        Ok(Response::new(pb::RemoveOperatorPasskeyResponse {}))
    }
}
