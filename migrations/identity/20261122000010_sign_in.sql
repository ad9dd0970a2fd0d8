-- Keys that rotate, sessions that can be seen, recovery codes, and the one half of an invitation that could be lost.

-- `seed` of a derived key is a salt only: the key itself comes from it and the service's secret, so that nobody signs
-- with a copy of the database. Keys from before are what they were until they have been rotated out.
alter table signin.signing_key add column is_derived boolean not null default false;
grant delete on signin.signing_key to identity_signin;

alter table signin.refresh_family
    add column method text not null default 'password',
    add column last_used_at timestamptz,
    add constraint refresh_family_method_known
        check (method in ('password', 'passkey', 'recovery_code', 'provider')),
    drop constraint refresh_family_reason_known,
    add constraint refresh_family_reason_known
        check (ended_reason in ('signed_out', 'token_reused', 'ended_elsewhere', 'password_changed'));
create index refresh_family_of_account on signin.refresh_family (account_id);

-- A password can be changed.
grant update on signin.account to identity_signin;

-- Set once the person has joined in their tenant; until then the next sign-in lets them join.
alter table signin.sign_in_place add column joined_at timestamptz;
grant update on signin.sign_in_place to identity_signin;

-- Ten at a time, kept as SHA-256 only.
create table signin.recovery_code (
    account_id uuid not null,
    code_hash bytea not null,
    made_at timestamptz not null,
    used_at timestamptz,
    constraint recovery_code_pk primary key (account_id, code_hash),
    constraint recovery_code_of_account foreign key (account_id) references signin.account (id)
);
grant select, insert, update, delete on signin.recovery_code to identity_signin;
