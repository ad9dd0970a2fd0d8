-- Mail, and invitations that take effect by a mail to the address. Nothing here holds a code: those are derived from the
-- service's secret when a mail is written, and kept as SHA-256 only.

-- Where the invitation was sent, as a keyed hash, so that it is not sent there twice; and how often an address was to be
-- confirmed with it.
alter table signin.invitation
    add column mailed_key bytea,
    add column confirmations int not null default 0;

-- Somebody gave an address and a password with an invitation. Whether the address has an account is not asked before it
-- is confirmed. Once it is, address and password are forgotten here; the row stays a day, so that a repeated call is
-- answered the same.
create table signin.confirmation (
    id uuid not null,
    code_hash bytea not null,
    tenant_id uuid not null,
    person_id uuid not null,
    address text,
    password_hash text,
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    confirmed_at timestamptz,
    constraint confirmation_pk primary key (id),
    constraint confirmation_code_once unique (code_hash),
    constraint confirmation_address_once unique (tenant_id, person_id, address),
    constraint confirmation_of_invitation foreign key (tenant_id, person_id)
        references signin.invitation (tenant_id, person_id) on delete cascade,
    constraint confirmation_forgotten_whole check (
        (confirmed_at is null) = (address is not null) and (confirmed_at is null) = (password_hash is not null))
);
create index confirmation_age on signin.confirmation (expires_at);
grant select, insert, update, delete on signin.confirmation to identity_signin;

-- Mail that no server has taken yet. It names what it is about; the address is looked up when it is sent, and whoever
-- loses their account, invitation or confirmation loses the mail about it too. Deleted once it was taken, but for mail
-- about emergency looks, which is kept two days without anything but ids, so that nobody is written to twice.
create table signin.mail (
    id uuid not null,
    kind text not null,
    -- In whose name; none for an operator.
    tenant_id uuid,
    person_id uuid,
    confirmation_id uuid,
    account_id uuid,
    created_at timestamptz not null,
    next_attempt_at timestamptz not null,
    attempts int not null default 0,
    sent_at timestamptz,
    constraint mail_pk primary key (id),
    constraint mail_kind_known check (kind in ('invitation', 'confirmation', 'session_reused', 'emergency_look')),
    constraint mail_about_one check (num_nonnulls(person_id, confirmation_id, account_id) = 1),
    constraint mail_of_invitation foreign key (tenant_id, person_id)
        references signin.invitation (tenant_id, person_id) on delete cascade,
    constraint mail_of_confirmation foreign key (confirmation_id)
        references signin.confirmation (id) on delete cascade,
    constraint mail_of_account foreign key (account_id) references signin.account (id) on delete cascade
);
create index mail_due on signin.mail (next_attempt_at, id) where sent_at is null;
create index mail_of_one_account on signin.mail (account_id);
create index mail_of_one_person on signin.mail (tenant_id, person_id);
create index mail_of_one_confirmation on signin.mail (confirmation_id);
grant select, insert, update, delete on signin.mail to identity_signin;

-- What a mail says. {place} is what the tenant calls itself, {address} where one signs in, {code} the code.
create table signin.mail_text (
    kind text not null,
    language text not null,
    valid_from date not null,
    subject text not null,
    body text not null,
    source text not null,
    constraint mail_text_pk primary key (kind, language, valid_from),
    constraint mail_text_kind_known check (kind in ('invitation', 'confirmation', 'session_reused', 'emergency_look'))
);
grant select on signin.mail_text to identity_signin;

insert into signin.mail_text (kind, language, valid_from, subject, body, source) values
    ('invitation', 'en', '2000-01-01', 'Your invitation from {place}',
'Hello,

there is a place for you at {place}.

To take it up, open {address} and enter this code:

    {code}

The code is for you alone and good for fourteen days. Whoever invited you can send you another one later.

If you did not expect this, you need not do anything.
', 'Kith'),
    ('confirmation', 'en', '2000-01-01', 'Please confirm that this is your address',
'Hello,

somebody took up an invitation from {place} and gave this address. If that was you, open {address} and enter this code, together with the password that you have just chosen:

    {code}

The code is good for one day. If you have an account with this address already, {place} is added to it: its password stays as it was, and you sign in as you always do.

If it was not you, you need not do anything: without this code nothing happens.
', 'Kith'),
    ('session_reused', 'en', '2000-01-01', 'We have signed you out, to be safe',
'Hello,

what keeps you signed in at {place} was used twice, so we have ended that session. This happens when two windows get in each other''s way. It can also mean that somebody else had a copy.

Please sign in again at {address}. There you can see when it was, end other sessions, and change your password if you are not sure.
', 'Kith'),
    ('emergency_look', 'en', '2000-01-01', 'There is something for you to read at {place}',
'Hello,

there is something for you to read at {place}. Please sign in at {address} and look at your notices.

To keep it private we write no more than that in a mail.
', 'Kith');

-- Of no tenant: read and deleted by the sign-in role, with the account or the invitation.
insert into platform.subject_column (table_name, column_name, capacity, on_erasure, step) values
    ('signin.confirmation', 'person_id', 'who was invited', 'delete', 1),
    ('signin.mail', 'person_id', 'who was invited', 'delete', 1),
    ('signin.mail', 'account_id', 'account', 'delete', 1);
