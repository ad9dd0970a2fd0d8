-- The organisation's roles with their dates; how somebody likes to be reached; sessions that were reused.

alter table person_role drop constraint person_role_known;
alter table person_role add constraint person_role_known check (role in ('administrator', 'checks', 'privacy_lead',
    'registered_manager', 'coach', 'safeguarding_lead', 'hr_support', 'platform_support', 'admin_team'));

-- Who holds or held a role from when until when; person_role says who holds it now.
create table role_term (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    role text not null,
    valid_from date not null,
    -- First day no longer; the future where it is known beforehand.
    valid_until date,
    constraint role_term_pk primary key (tenant_id, id),
    constraint role_term_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint role_term_known check (role in ('administrator', 'checks', 'privacy_lead',
        'registered_manager', 'coach', 'safeguarding_lead', 'hr_support', 'platform_support', 'admin_team')),
    constraint role_term_days check (valid_until is null or valid_until >= valid_from)
);
create index role_term_of_person_newest on role_term (tenant_id, person_id, valid_from desc, id desc);
create index role_term_by_end on role_term (tenant_id, valid_until);
select platform.protect('role_term');

create table communication (
    tenant_id uuid not null,
    person_id uuid not null,
    preferred_channel text not null,
    needs text not null,
    updated_at timestamptz not null,
    constraint communication_pk primary key (tenant_id, person_id),
    constraint communication_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint communication_channel_known check (preferred_channel in ('', 'email', 'phone', 'chat'))
);
select platform.protect('communication');

insert into consent_word (kind, word, valid_from, meaning, source) values
    ('part', 'contact.preference', '2020-01-01',
        'How you like to be reached, and what helps you to understand and be understood', 'ID-27');

-- What is carried on by itself is looked for by when it is due.
create index erasure_kept_by_end on erasure_kept (tenant_id, kept_until);

-- Sessions of which a refresh token came a second time: for the person to read. Of no tenant, as sessions are.
create table signin.reused_session (
    session_id uuid not null,
    account_id uuid not null,
    tenant_id uuid,
    signed_in_at timestamptz not null,
    reused_at timestamptz not null,
    constraint reused_session_pk primary key (session_id),
    constraint reused_session_of_account foreign key (account_id) references signin.account (id)
);
create index reused_session_of_account_newest on signin.reused_session (account_id, reused_at desc);
grant select, insert, delete on signin.reused_session to identity_signin;

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, step) values
    ('public.role_term', 'person_id', 'role holder', 'delete', 1),
    ('public.communication', 'person_id', 'how they like to be reached', 'delete', 1),
    -- Of no tenant: read and deleted by the sign-in role, with the account.
    ('signin.reused_session', 'account_id', 'whose session', 'delete', 1);
insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.communication', 'needs', true, '', 'what helps them to understand, in their words');

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'ListRoleTerms', '2000-01-01', 'saw which roles you hold or held', 'see which roles you hold or held', 'Kith'),
    ('action', 'SetCommunication', '2000-01-01', 'said how you like to be reached', 'say how you like to be reached', 'Kith'),
    ('action', 'GetCommunication', '2000-01-01', 'saw how you like to be reached', 'see how you like to be reached', 'Kith'),
    ('basis', 'stands_in', '2000-01-01', 'an administrator, since nobody else looks after privacy here', '', 'Kith'),
    ('basis', 'lets_see', '2000-01-01', 'somebody whom you let see it', '', 'Kith');
