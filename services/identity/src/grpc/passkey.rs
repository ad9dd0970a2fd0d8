//! `PasskeyService`.

use super::parse::destination;
use crate::domain::CeremonyId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_platform::db::Tx;
use kith_platform::fields::Fields;
use kith_platform::fields::timestamp;
use kith_platform::host;
use kith_platform::id::Uuid;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::passkey_service_server::PasskeyService;
use tonic::{Request, Response};

use super::{Reply, decide, network, read};
use crate::app::{self, Desk};

/// The public face of passkeys.
#[derive(Clone, Debug)]
pub struct PasskeysFace(Desk);

impl PasskeysFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl PasskeyService for PasskeysFace {
    async fn begin_passkey_registration(
        &self,
        request: Request<pb::BeginPasskeyRegistrationRequest>,
    ) -> Reply<pb::BeginPasskeyRegistrationResponse> {
        let actor = host::actor(&request);
        read(request.into_inner(), begin_passkey)?;
        let shown_as = decide(&self.0, actor, (), app::passkey::require_begin).await?;
        let begun = app::passkey::begin_registration(&self.0, actor, &shown_as).await?;
        Ok(Response::new(pb::BeginPasskeyRegistrationResponse {
            ceremony_id: begun.id.to_string(),
            options: begun.options,
            expire_time: Some(timestamp(begun.ends_at)),
        }))
    }

    async fn finish_passkey_registration(
        &self,
        request: Request<pb::FinishPasskeyRegistrationRequest>,
    ) -> Reply<pb::FinishPasskeyRegistrationResponse> {
        let actor = host::actor(&request);
        let command = read(request.into_inner(), finish_passkey)?;
        decide(&self.0, actor, command.clone(), app::passkey::require_finish).await?;
        let passkey = app::passkey::finish_registration(&self.0, actor, command).await?;
        Ok(Response::new(pb::FinishPasskeyRegistrationResponse { passkey: Some(passkey.into()) }))
    }

    async fn remove_passkey(
        &self,
        request: Request<pb::RemovePasskeyRequest>,
    ) -> Reply<pb::RemovePasskeyResponse> {
        let actor = host::actor(&request);
        let credential_id = read(request.get_ref().clone(), remove_passkey)?;
        let render = |_| pb::RemovePasskeyResponse {};
        let (parse, decide) = (remove_passkey, app::passkey::require_remove);
        // The account's own, whatever its place accepts: a lost passkey can be removed at any time.
        let otherwise = async |tx: &mut Tx, _, id| app::passkey::require_remove(tx, id).await;
        let host = &self.0.host;
        let answer = host.command_in_any_state(request, parse, decide, otherwise, render).await?;
        app::passkey::remove(&self.0, actor, &credential_id).await?;
        Ok(answer)
    }

    async fn begin_passkey_sign_in(
        &self,
        request: Request<pb::BeginPasskeySignInRequest>,
    ) -> Reply<pb::BeginPasskeySignInResponse> {
        let begun = app::passkey::begin_sign_in(&self.0, network(&self.0, &request)).await?;
        Ok(Response::new(pb::BeginPasskeySignInResponse {
            ceremony_id: begun.id.to_string(),
            options: begun.options,
            expire_time: Some(timestamp(begun.ends_at)),
        }))
    }

    async fn finish_passkey_sign_in(
        &self,
        request: Request<pb::FinishPasskeySignInRequest>,
    ) -> Reply<pb::FinishPasskeySignInResponse> {
        let command = read(request.into_inner(), passkey_sign_in)?;
        let signed_in = app::passkey::sign_in(&self.0, command).await?;
        Ok(Response::new(pb::FinishPasskeySignInResponse {
            tokens: signed_in.tokens.map(Into::into),
            tenants: signed_in.tenants,
        }))
    }
}

/// The largest answer of a browser that is read, in characters.
const MOST_CREDENTIAL: usize = 64 * 1024;

pub(super) fn begin_passkey(message: pb::BeginPasskeyRegistrationRequest, fields: &mut Fields) -> Option<()> {
    fields.id::<Uuid>("request_id", &message.request_id).map(|_| ())
}

fn credential(fields: &mut Fields, value: &str) -> Option<String> {
    fields.text("credential", value, 1, MOST_CREDENTIAL)
}

pub(super) fn finish_passkey(
    message: pb::FinishPasskeyRegistrationRequest,
    fields: &mut Fields,
) -> Option<app::passkey::Finish> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let ceremony = fields.id::<CeremonyId>("ceremony_id", &message.ceremony_id);
    let credential = credential(fields, &message.credential);
    let label = fields.text("label", &message.label, 1, 60);
    request_id?;
    Some(app::passkey::Finish { ceremony: ceremony?, credential: credential?, label: label? })
}

pub(super) fn remove_passkey(message: pb::RemovePasskeyRequest, fields: &mut Fields) -> Option<Vec<u8>> {
    match URL_SAFE_NO_PAD.decode(&message.passkey) {
        Ok(id) if (1..=1023).contains(&id.len()) => Some(id),
        _ => fields.wrong("passkey", "is not the id of a passkey"),
    }
}

fn passkey_sign_in(
    message: pb::FinishPasskeySignInRequest,
    fields: &mut Fields,
) -> Option<app::passkey::SignIn> {
    let ceremony = fields.id::<CeremonyId>("ceremony_id", &message.ceremony_id);
    let credential = credential(fields, &message.credential);
    let into = destination(fields, &message.tenant, message.as_operator);
    Some(app::passkey::SignIn { ceremony: ceremony?, credential: credential?, into: into? })
}
