-- Outside identity providers of a tenant, and the accounts that people have linked with them.

create table sign_in_provider (
    tenant_id uuid not null,
    name text not null,
    issuer text not null,
    client text not null,
    secret_name text not null,
    updated_at timestamptz not null,
    constraint sign_in_provider_pk primary key (tenant_id, name),
    constraint sign_in_provider_name_form check (name ~ '^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$'),
    constraint sign_in_provider_secret_form check (secret_name ~ '^[a-z0-9][a-z0-9_-]{0,39}$')
);
select platform.protect('sign_in_provider');

-- Within one tenant only: whoever runs the provider of one place must not come in at another.
create table signin.provider_link (
    tenant_id uuid not null,
    issuer text not null,
    subject text not null,
    account_id uuid not null,
    linked_at timestamptz not null,
    last_used_at timestamptz,
    constraint provider_link_pk primary key (tenant_id, issuer, subject),
    constraint provider_link_once unique (account_id, tenant_id, issuer),
    constraint provider_link_of_account foreign key (account_id) references signin.account (id)
);
grant select, insert, update, delete on signin.provider_link to identity_signin;
