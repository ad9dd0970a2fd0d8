-- Passkeys, and ceremonies under way: begun here, finished once, never given away.

-- What a ceremony or a sign-in elsewhere was begun with. It is deleted by whoever finishes it, and so is used once.
create table signin.ceremony (
    id uuid not null,
    kind text not null,
    account_id uuid,
    tenant_id uuid,
    state text not null,
    expires_at timestamptz not null,
    constraint ceremony_pk primary key (id),
    constraint ceremony_of_account foreign key (account_id) references signin.account (id),
    constraint ceremony_kind_known
        check (kind in ('passkey_registration', 'passkey_sign_in', 'provider_link', 'provider_sign_in'))
);
create index ceremony_age on signin.ceremony (expires_at);
grant select, insert, update, delete on signin.ceremony to identity_signin;

-- `credential` is the public key with its counter, as the library writes it.
create table signin.passkey (
    credential_id bytea not null,
    account_id uuid not null,
    label text not null,
    credential text not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    constraint passkey_pk primary key (credential_id),
    constraint passkey_of_account foreign key (account_id) references signin.account (id)
);
create index passkey_by_account on signin.passkey (account_id);
grant select, insert, update, delete on signin.passkey to identity_signin;
