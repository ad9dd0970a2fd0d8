//! Messages of sessions, credentials, passkeys, integrators and providers → commands.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use kith_platform::fields::Fields;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use kith_proto::identity::v1 as pb;

use super::parse::{destination, email, new_password, password, role};
use crate::app;
use crate::domain::provider::{self, Name};
use crate::domain::recovery::Code;
use crate::domain::{CeremonyId, SessionId};

/// The largest answer of a browser that is read, in characters.
const MOST_CREDENTIAL: usize = 64 * 1024;

pub fn end_session(message: pb::EndSessionRequest, fields: &mut Fields) -> Option<SessionId> {
    fields.id("session_id", &message.session_id)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every parser")]
pub fn end_other_sessions(message: pb::EndOtherSessionsRequest, _: &mut Fields) -> Option<bool> {
    Some(message.everywhere)
}

pub fn sign_out_operator(message: pb::SignOutOperatorRequest, fields: &mut Fields) -> Option<bool> {
    fields.id::<Uuid>("request_id", &message.request_id)?;
    Some(message.all)
}

pub fn rotate_keys(message: pb::RotateKeysRequest, fields: &mut Fields) -> Option<app::key::Rotate> {
    let request_id = fields.id("request_id", &message.request_id)?;
    Some(app::key::Rotate { request_id, at_once: message.at_once })
}

pub fn change_password(
    message: pb::ChangePasswordRequest,
    fields: &mut Fields,
) -> Option<app::credential::ChangePassword> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let current = password(fields, "current_password", &message.current_password);
    let new = new_password(fields, "new_password", &message.new_password);
    request_id?;
    Some(app::credential::ChangePassword { current: current?, new: new? })
}

pub fn sign_in_with_code(
    message: pb::SignInWithRecoveryCodeRequest,
    fields: &mut Fields,
) -> Option<app::credential::UseCode> {
    let email = email(fields, &message.email);
    let code = fields.text("code", &message.code, 1, 100);
    let into = destination(fields, &message.tenant, message.as_operator);
    Some(app::credential::UseCode { email: email?, code: Code::parse(&code?), into: into? })
}

pub fn reset_password(
    message: pb::ResetPasswordRequest,
    fields: &mut Fields,
) -> Option<app::credential::Reset> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let email = email(fields, &message.email);
    let code = fields.text("code", &message.code, 1, 100);
    let password = new_password(fields, "new_password", &message.new_password);
    request_id?;
    Some(app::credential::Reset { email: email?, code: Code::parse(&code?), password: password? })
}

pub fn begin_passkey(message: pb::BeginPasskeyRegistrationRequest, fields: &mut Fields) -> Option<()> {
    fields.id::<Uuid>("request_id", &message.request_id).map(|_| ())
}

fn credential(fields: &mut Fields, value: &str) -> Option<String> {
    fields.text("credential", value, 1, MOST_CREDENTIAL)
}

pub fn finish_passkey(
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

pub fn remove_passkey(message: pb::RemovePasskeyRequest, fields: &mut Fields) -> Option<Vec<u8>> {
    match URL_SAFE_NO_PAD.decode(&message.passkey) {
        Ok(id) if (1..=1023).contains(&id.len()) => Some(id),
        _ => fields.wrong("passkey", "is not the id of a passkey"),
    }
}

pub fn passkey_sign_in(
    message: pb::FinishPasskeySignInRequest,
    fields: &mut Fields,
) -> Option<app::passkey::SignIn> {
    let ceremony = fields.id::<CeremonyId>("ceremony_id", &message.ceremony_id);
    let credential = credential(fields, &message.credential);
    let into = destination(fields, &message.tenant, message.as_operator);
    Some(app::passkey::SignIn { ceremony: ceremony?, credential: credential?, into: into? })
}

pub fn add_integrator(
    message: pb::AddIntegratorRequest,
    fields: &mut Fields,
) -> Option<app::integrator::Add> {
    let display_name = fields.text("display_name", &message.display_name, 1, 100);
    let role = fields.choice("role", message.role, role);
    Some(app::integrator::Add { display_name: display_name?, role: role? })
}

pub fn list_integrators(
    message: pb::ListIntegratorsRequest,
    fields: &mut Fields,
) -> Option<Page<(DateTime<Utc>, Uuid)>> {
    Page::parse(fields, message.page_size, &message.page_token, &"integrators")
}

pub fn revoke_integrator(message: pb::RevokeIntegratorRequest, fields: &mut Fields) -> Option<PersonId> {
    fields.id("integrator_id", &message.integrator_id)
}

pub fn sign_in_integrator(
    message: pb::SignInIntegratorRequest,
    fields: &mut Fields,
) -> Option<app::integrator::SignIn> {
    let client = fields.text("client_id", &message.client_id, 1, 200);
    let secret = fields.text("client_secret", &message.client_secret, 1, 200);
    let client = client.map(|client| Uuid::try_parse(&client).ok().map(PersonId));
    Some(app::integrator::SignIn { client: client?, secret: secret? })
}

fn name(fields: &mut Fields, field: &str, value: &str) -> Option<Name> {
    match Name::parse(value) {
        Some(name) => Some(name),
        None if value.is_empty() => fields.wrong(field, "is missing"),
        None => fields.wrong(field, "must be 2 to 40 lower-case letters, digits and hyphens"),
    }
}

pub fn set_provider(message: pb::SetProviderRequest, fields: &mut Fields) -> Option<app::provider::Set> {
    let name = name(fields, "name", &message.name);
    let issuer = match provider::issuer(&message.issuer) {
        Some(issuer) => Some(issuer),
        None => fields.wrong("issuer", "must be an https URL without a query"),
    };
    let client = fields.text("client", &message.client, 1, 200);
    let secret_name = match provider::secret_name(&message.secret_name) {
        Some(secret_name) => Some(secret_name),
        None => fields.wrong("secret_name", "must be 1 to 40 lower-case letters, digits, - and _"),
    };
    Some(app::provider::Set { name: name?, issuer: issuer?, client: client?, secret_name: secret_name? })
}

pub fn remove_provider(message: pb::RemoveProviderRequest, fields: &mut Fields) -> Option<Name> {
    name(fields, "name", &message.name)
}

pub fn begin_link(message: pb::BeginProviderLinkRequest, fields: &mut Fields) -> Option<Name> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let name = name(fields, "name", &message.name);
    request_id.and(name)
}

fn back(fields: &mut Fields, state: &str, code: &str) -> Option<app::provider::Back> {
    let state = fields.text("state", state, 1, 200);
    let code = fields.text("code", code, 1, 4096);
    Some(app::provider::Back { state: state?, code: code? })
}

pub fn finish_link(
    message: pb::FinishProviderLinkRequest,
    fields: &mut Fields,
) -> Option<app::provider::Back> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let back = back(fields, &message.state, &message.code);
    request_id.and(back)
}

pub fn remove_link(message: pb::RemoveProviderLinkRequest, fields: &mut Fields) -> Option<Name> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let name = name(fields, "name", &message.name);
    request_id.and(name)
}

pub fn begin_provider_sign_in(
    message: pb::BeginProviderSignInRequest,
    fields: &mut Fields,
) -> Option<app::provider::Begin> {
    let tenant = name(fields, "tenant", &message.tenant);
    let name = name(fields, "name", &message.name);
    Some(app::provider::Begin { tenant: tenant?, name: name? })
}

pub fn finish_provider_sign_in(
    message: pb::FinishProviderSignInRequest,
    fields: &mut Fields,
) -> Option<app::provider::Back> {
    back(fields, &message.state, &message.code)
}
