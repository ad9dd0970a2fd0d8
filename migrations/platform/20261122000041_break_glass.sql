-- Emergency looks: opened here, over what is kept here, so that they work with everything else down.

insert into platform.setting (name, valid_from, value, source) values
    ('break_glass_minutes', '2000-01-01', 60, 'Kith ID-52: at most 60 minutes');

-- Kinds of reason that may be given, each from a date and until one.
create table platform.break_glass_reason (
    word text not null,
    valid_from date not null,
    valid_until date,
    text text not null,
    source text not null,
    constraint break_glass_reason_pk primary key (word, valid_from)
);
grant select on platform.break_glass_reason to kith_app, kith_export;
insert into platform.break_glass_reason (word, valid_from, text, source) values
    ('risk_to_life', '2000-01-01', 'somebody''s life or health is at risk now', 'Kith'),
    ('safeguarding', '2000-01-01', 'somebody may be abused or neglected', 'Kith'),
    ('cannot_be_asked', '2000-01-01', 'the person needs support now and cannot be asked', 'Kith'),
    ('nobody_in_reach', '2000-01-01', 'those who may look cannot be reached and it cannot wait', 'Kith');

-- The organisation roles of people as identity tells them, where a service opens emergency looks.
create table platform.organisation_role (
    tenant_id uuid not null,
    person_id uuid not null,
    role text not null,
    constraint organisation_role_pk primary key (tenant_id, person_id, role)
);
select platform.protect('platform.organisation_role');

create table platform.break_glass (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    opened_by uuid not null,
    reason text not null,
    -- In the words of who opened it: nowhere else.
    stated_reason text not null,
    opened_at timestamptz not null,
    ends_at timestamptz not null,
    constraint break_glass_pk primary key (tenant_id, id),
    constraint break_glass_is_short check (ends_at >= opened_at and ends_at <= opened_at + interval '60 minutes')
);
create index break_glass_of_opener on platform.break_glass (tenant_id, opened_by, person_id, ends_at);
create index break_glass_about on platform.break_glass (tenant_id, person_id, opened_at desc, id desc);
select platform.protect('platform.break_glass');
-- It can be ended sooner, and otherwise stays as it is.
revoke update, delete on platform.break_glass from kith_app;
grant update (ends_at) on platform.break_glass to kith_app;

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'OpenBreakGlass', '2000-01-01', 'opened an emergency look at what is kept about you',
        'open an emergency look at what is kept about you', 'Kith'),
    ('action', 'CloseBreakGlass', '2000-01-01', 'ended an emergency look at what is kept about you',
        'end an emergency look at what is kept about you', 'Kith'),
    ('action', 'ListBreakGlass', '2000-01-01', 'saw an emergency look that concerns you in a list',
        'see emergency looks that concern you', 'Kith'),
    ('basis', 'organisation_role', '2000-01-01', 'somebody with a role in the organisation', '', 'Kith'),
    ('basis', 'opener', '2000-01-01', 'the one who opened it', '', 'Kith'),
    ('basis', 'privacy_lead', '2000-01-01', 'the one who looks after privacy here', '', 'Kith');
