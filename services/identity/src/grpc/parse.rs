//! Messages → commands. All fields are read first, so that every wrong one is named.

use chrono::{DateTime, Utc};
use kith_platform::etag;
use kith_platform::fields::Fields;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::local::zone;
use kith_platform::page::Page;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::identity::v1 as pb;

use crate::app;
use crate::domain::account::{Email, Password};
use crate::domain::person::{Ends, Role, Roles};
use crate::domain::profile::Address;
use crate::domain::tenant::Slug;

/// For messages without content of their own.
#[expect(clippy::unnecessary_wraps, reason = "the shape of every parser")]
pub fn nothing<M>(_: M, _: &mut Fields) -> Option<()> {
    Some(())
}

pub(super) fn email(fields: &mut Fields, value: &str) -> Option<Email> {
    match Email::parse(value) {
        Some(email) => Some(email),
        None if value.trim().is_empty() => fields.wrong("email", "is missing"),
        None => fields.wrong("email", "is not an e-mail address"),
    }
}

/// An address that may be left out.
pub fn optional_address(fields: &mut Fields, field: &str, value: &str) -> Option<Address> {
    match Email::parse(value) {
        Some(address) => Some(Address(Some(address))),
        None if value.trim().is_empty() => Some(Address(None)),
        None => fields.wrong(field, "is not an e-mail address"),
    }
}

pub(super) fn new_password(fields: &mut Fields, field: &str, value: &str) -> Option<Password> {
    match Password::new(value) {
        Some(password) => Some(password),
        None => fields.wrong(field, "must have 12 to 256 characters"),
    }
}

/// A password to be compared.
pub(super) fn password(fields: &mut Fields, field: &str, value: &str) -> Option<Password> {
    match Password::given(value) {
        Some(password) => Some(password),
        None => fields.wrong(field, "must have 1 to 256 characters"),
    }
}

/// Where somebody wants to sign in.
pub(super) fn destination(
    fields: &mut Fields,
    tenant: &str,
    as_operator: bool,
) -> Option<app::session::Destination> {
    let slug = fields.text("tenant", tenant, 0, 40);
    if as_operator && !tenant.is_empty() {
        fields.wrong::<()>("tenant", "must be empty where somebody signs in as an operator");
    }
    Some(app::session::Destination { tenant: Some(slug?).filter(|slug| !slug.is_empty()), as_operator })
}

pub(super) fn role(value: OrganisationRole) -> Option<Role> {
    match value {
        OrganisationRole::Administrator => Some(Role::Administrator),
        OrganisationRole::Checks => Some(Role::Checks),
        OrganisationRole::PrivacyLead => Some(Role::PrivacyLead),
        OrganisationRole::RegisteredManager => Some(Role::RegisteredManager),
        OrganisationRole::Coach => Some(Role::Coach),
        OrganisationRole::SafeguardingLead => Some(Role::SafeguardingLead),
        OrganisationRole::HrSupport => Some(Role::HrSupport),
        OrganisationRole::PlatformSupport => Some(Role::PlatformSupport),
        OrganisationRole::AdminTeam => Some(Role::AdminTeam),
        OrganisationRole::Unspecified => None,
    }
}

fn roles(fields: &mut Fields, values: &[i32]) -> Option<Roles> {
    let mut roles = Some(Roles::new());
    for (at, value) in values.iter().enumerate() {
        let role = fields.choice(&format!("roles[{at}]"), *value, role);
        roles = roles.zip(role).map(|(mut roles, role)| {
            roles.insert(role);
            roles
        });
    }
    roles
}

pub fn bootstrap_host(
    message: pb::BootstrapHostRequest,
    fields: &mut Fields,
) -> Option<app::account::Bootstrap> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let code = fields.text("host_code", &message.host_code, 1, 200);
    let email = email(fields, &message.email);
    let password = new_password(fields, "password", &message.password);
    request_id?;
    Some(app::account::Bootstrap { code: code?, email: email?, password: password? })
}

pub fn create_tenant(message: pb::CreateTenantRequest, fields: &mut Fields) -> Option<app::tenant::Create> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let id = fields.optional_id::<TenantId>("id", &message.id);
    let slug = match Slug::parse(&message.slug) {
        Some(slug) => Some(slug),
        None if message.slug.is_empty() => fields.wrong("slug", "is missing"),
        None => fields.wrong("slug", "must be 2 to 40 lower-case letters, digits and hyphens"),
    };
    let display_name = fields.text("display_name", &message.display_name, 1, 100);
    let zone = match zone(&message.time_zone) {
        Some(zone) => Some(zone),
        None => fields.wrong("time_zone", "is not an IANA time zone such as Europe/London"),
    };
    let administrator_name = fields.text("administrator_name", &message.administrator_name, 0, 100);
    let administrator_address = optional_address(fields, "administrator_email", &message.administrator_email);
    let mail_sender = optional_address(fields, "mail_sender", &message.mail_sender);
    let wording = super::tenant_profile::wording(fields, "wording", &message.wording);
    let first_circle = fields.optional_id::<Uuid>("first_circle_id", &message.first_circle_id);
    let request_id = request_id?;
    Some(app::tenant::Create {
        administrator_name: administrator_name.map(|name| Some(name).filter(|name| !name.is_empty()))?,
        administrator_address: administrator_address?.0,
        mail_sender: mail_sender?.0,
        wording: wording?,
        first_circle: first_circle?,
        request_id,
        id: id?.unwrap_or(TenantId(request_id)),
        slug: slug?,
        display_name: display_name?,
        zone: zone?,
    })
}

pub fn list_tenants(message: pb::ListTenantsRequest, fields: &mut Fields) -> Option<Page<String>> {
    Page::parse(fields, message.page_size, &message.page_token, &"tenants")
}

pub fn sign_in(message: pb::SignInRequest, fields: &mut Fields) -> Option<app::session::SignIn> {
    let email = email(fields, &message.email);
    let password = password(fields, "password", &message.password);
    let into = destination(fields, &message.tenant, message.as_operator);
    Some(app::session::SignIn { email: email?, password: password?, into: into? })
}

pub fn refresh(message: pb::RefreshRequest, fields: &mut Fields) -> Option<String> {
    fields.text("refresh_token", &message.refresh_token, 1, 200)
}

pub fn invite_person(message: pb::InvitePersonRequest, fields: &mut Fields) -> Option<app::person::Invite> {
    // Wrong ones are named by the platform, which reads the request id of every command.
    let request_id = Uuid::try_parse(&message.request_id).ok();
    let id = fields.optional_id::<PersonId>("id", &message.id);
    let display_name = fields.text("display_name", &message.display_name, 1, 100);
    let roles = roles(fields, &message.roles);
    // Not part of who is invited: read where the code is handed out.
    optional_address(fields, "email", &message.email)?;
    Some(app::person::Invite {
        id: id?.or(request_id.map(PersonId))?,
        display_name: display_name?,
        roles: roles?,
    })
}

pub fn accept_invitation(
    message: pb::AcceptInvitationRequest,
    fields: &mut Fields,
) -> Option<app::account::Accept> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let code = fields.text("invitation", &message.invitation, 1, 200);
    let email = email(fields, &message.email);
    let password = new_password(fields, "password", &message.password);
    request_id?;
    Some(app::account::Accept { code: code?, email: email?, password: password? })
}

pub fn confirm_invitation(
    message: pb::ConfirmInvitationRequest,
    fields: &mut Fields,
) -> Option<app::confirmation::Confirm> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let code = fields.text("confirmation", &message.confirmation, 1, 200);
    let password = password(fields, "password", &message.password);
    request_id?;
    Some(app::confirmation::Confirm { code: code?, password: password? })
}

pub fn get_people(message: pb::GetPeopleRequest, fields: &mut Fields) -> Option<Vec<PersonId>> {
    if !(1..=200).contains(&message.ids.len()) {
        return fields.wrong("ids", "must be 1 to 200");
    }
    let read = |(at, id): (usize, &String)| fields.id::<PersonId>(&format!("ids[{at}]"), id);
    let ids: Vec<Option<PersonId>> = message.ids.iter().enumerate().map(read).collect();
    ids.into_iter().collect()
}

pub fn list_people(
    message: pb::ListPeopleRequest,
    fields: &mut Fields,
) -> Option<Page<(DateTime<Utc>, Uuid)>> {
    Page::parse(fields, message.page_size, &message.page_token, &"people")
}

pub fn set_roles(message: pb::SetRolesRequest, fields: &mut Fields) -> Option<app::person::SetRoles> {
    let person = fields.id("person_id", &message.person_id);
    let roles = roles(fields, &message.roles);
    let mut ends = Some(Ends::new());
    for (at, end) in message.ends.iter().enumerate() {
        let named = fields.choice(&format!("ends[{at}].role"), end.role, role);
        let day = fields.date(&format!("ends[{at}].valid_until"), &end.valid_until);
        ends = ends.zip(named.zip(day)).map(|(mut ends, (role, day))| {
            ends.insert(role, day);
            ends
        });
    }
    let etag = etag::parse(fields, &message.etag);
    Some(app::person::SetRoles { person: person?, roles: roles?, ends: ends?, etag: etag? })
}

pub fn list_role_terms(message: pb::ListRoleTermsRequest, fields: &mut Fields) -> Option<PersonId> {
    fields.id("person_id", &message.person_id)
}
