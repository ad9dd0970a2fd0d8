-- Integrators: accounts without a person, with one role in one tenant.

create table integrator (
    tenant_id uuid not null,
    id uuid not null,
    display_name text not null,
    role text not null,
    added_at timestamptz not null,
    revoked_at timestamptz,
    constraint integrator_pk primary key (tenant_id, id),
    constraint integrator_role_named check (role ~ '^[a-z_]{1,40}$')
);
create index integrator_by_time on integrator (tenant_id, added_at, id);
select platform.protect('integrator');
revoke delete on integrator from kith_app;

-- The secret as SHA-256; where it leads.
create table signin.integrator_secret (
    integrator_id uuid not null,
    tenant_id uuid not null,
    secret_hash bytea not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint integrator_secret_pk primary key (integrator_id),
    constraint integrator_secret_of_tenant foreign key (tenant_id) references signin.tenant_registry (tenant_id)
);
grant select, insert, update on signin.integrator_secret to identity_signin;
