-- Accounts and sign-in (schema signin, no tenant's), tenants and people (schema public, each tenant's own).

-- What belongs to no tenant: reachable by the role identity_signin and by nobody else. The app role of the service has
-- no right to this schema, and identity_signin none to the tenants' tables, so that neither can read across. A
-- tenant_id here only says which place a row leads to; row security would have no tenant to compare it with.
create schema signin;
revoke all on schema signin from public;
grant usage on schema signin to identity_signin;

create table signin.account (
    id uuid not null,
    email_lower text not null,
    password_hash text not null,
    is_operator boolean not null,
    created_at timestamptz not null,
    constraint account_pk primary key (id),
    constraint account_email_once unique (email_lower),
    constraint account_email_lower check (email_lower = lower(email_lower))
);
grant select, insert on signin.account to identity_signin;

-- The tenants of this host by their short names. A row is reserved first, and opened once the tenant itself is there.
create table signin.tenant_registry (
    tenant_id uuid not null,
    slug text not null,
    display_name text not null,
    time_zone text not null,
    state text not null,
    administrator_person_id uuid not null,
    request_id uuid not null,
    content_hash bytea not null,
    created_at timestamptz not null,
    constraint tenant_registry_pk primary key (tenant_id),
    constraint tenant_registry_slug_once unique (slug),
    constraint tenant_registry_request_once unique (request_id),
    constraint tenant_registry_slug_form check (slug ~ '^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$'),
    constraint tenant_registry_state_known check (state in ('reserved', 'preparing', 'live'))
);
grant select, insert, update on signin.tenant_registry to identity_signin;

-- Who an account is in which tenant.
create table signin.sign_in_place (
    account_id uuid not null,
    tenant_id uuid not null,
    person_id uuid not null,
    created_at timestamptz not null,
    constraint sign_in_place_pk primary key (account_id, tenant_id),
    constraint sign_in_place_person_once unique (tenant_id, person_id),
    constraint sign_in_place_of_account foreign key (account_id) references signin.account (id),
    constraint sign_in_place_of_tenant foreign key (tenant_id) references signin.tenant_registry (tenant_id)
);
grant select, insert on signin.sign_in_place to identity_signin;

-- Single-use codes, kept as SHA-256 only.
create table signin.invitation (
    code_hash bytea not null,
    tenant_id uuid not null,
    person_id uuid not null,
    expires_at timestamptz not null,
    taken_at timestamptz,
    taken_by uuid,
    constraint invitation_pk primary key (code_hash),
    constraint invitation_person_once unique (tenant_id, person_id),
    constraint invitation_taken_by_account foreign key (taken_by) references signin.account (id),
    constraint invitation_taken_whole check ((taken_at is null) = (taken_by is null))
);
grant select, insert, update on signin.invitation to identity_signin;

-- The one-time host code, once it was spent.
create table signin.host_code (
    only_row boolean not null default true,
    code_hash bytea not null,
    account_id uuid not null,
    spent_at timestamptz not null,
    constraint host_code_pk primary key (only_row),
    constraint host_code_once check (only_row),
    constraint host_code_of_account foreign key (account_id) references signin.account (id)
);
grant select, insert on signin.host_code to identity_signin;

-- Attempts at a password, by a keyed hash of the address: also for addresses that have no account.
create table signin.sign_in_attempt (
    address_key bytea not null,
    attempts int not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    constraint sign_in_attempt_pk primary key (address_key)
);
create index sign_in_attempt_age on signin.sign_in_attempt (last_at);
grant select, insert, update, delete on signin.sign_in_attempt to identity_signin;

-- A session: all refresh tokens that follow from one sign-in. Without a tenant it is an operator's.
create table signin.refresh_family (
    id uuid not null,
    account_id uuid not null,
    tenant_id uuid,
    person_id uuid,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_reason text,
    constraint refresh_family_pk primary key (id),
    constraint refresh_family_of_account foreign key (account_id) references signin.account (id),
    constraint refresh_family_place_whole check ((tenant_id is null) = (person_id is null)),
    constraint refresh_family_reason_known check (ended_reason in ('signed_out', 'token_reused')),
    constraint refresh_family_ended_whole check ((ended_at is null) = (ended_reason is null))
);
create index refresh_family_age on signin.refresh_family (expires_at);
grant select, insert, update, delete on signin.refresh_family to identity_signin;

create table signin.refresh_token (
    token_hash bytea not null,
    family_id uuid not null,
    created_at timestamptz not null,
    used_at timestamptz,
    constraint refresh_token_pk primary key (token_hash),
    constraint refresh_token_of_family foreign key (family_id) references signin.refresh_family (id) on delete cascade
);
create index refresh_token_by_family on signin.refresh_token (family_id);
grant select, insert, update, delete on signin.refresh_token to identity_signin;

-- Ed25519 seeds. A key signs from its moment on and is published until it is retired.
create table signin.signing_key (
    kid text not null,
    seed bytea not null,
    created_at timestamptz not null,
    signs_from timestamptz not null,
    retired_at timestamptz,
    constraint signing_key_pk primary key (kid),
    constraint signing_key_seed_length check (length(seed) = 32)
);
grant select, insert on signin.signing_key to identity_signin;

create table tenant (
    tenant_id uuid not null,
    slug text not null,
    display_name text not null,
    time_zone text not null,
    state text not null,
    epoch bigint not null,
    created_at timestamptz not null,
    constraint tenant_pk primary key (tenant_id),
    constraint tenant_state_known check (state in ('preparing', 'live'))
);
select platform.protect('tenant');
revoke delete on tenant from kith_app;

-- content_hash is over what the person was invited with, so that the same invitation can be repeated for ever.
create table person (
    tenant_id uuid not null,
    id uuid not null,
    display_name text not null,
    content_hash bytea not null,
    invited_at timestamptz not null,
    joined_at timestamptz,
    version bigint not null,
    constraint person_pk primary key (tenant_id, id)
);
create index person_by_time on person (tenant_id, invited_at, id);
select platform.protect('person');
revoke delete on person from kith_app;

create table person_role (
    tenant_id uuid not null,
    person_id uuid not null,
    role text not null,
    constraint person_role_pk primary key (tenant_id, person_id, role),
    constraint person_role_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint person_role_known check (role in ('administrator', 'checks'))
);
select platform.protect('person_role');
revoke update on person_role from kith_app;
