-- Emergency looks in a tenant that accepts no changes, and who may open one at all.

-- The organisation roles whose holders may open an emergency look, each from a date and until one. Whoever coaches, helps
-- with pay or with the platform, or keeps the office does not need to.
create table platform.break_glass_role (
    role text not null,
    valid_from date not null,
    valid_until date,
    source text not null,
    constraint break_glass_role_pk primary key (role, valid_from)
);
grant select on platform.break_glass_role to kith_app, kith_export;
insert into platform.break_glass_role (role, valid_from, source) values
    ('administrator', '2000-01-01', 'Kith ID-52'),
    ('checks', '2000-01-01', 'Kith ID-52'),
    ('privacy_lead', '2000-01-01', 'Kith ID-52'),
    ('registered_manager', '2000-01-01', 'Kith ID-31, ID-52'),
    ('safeguarding_lead', '2000-01-01', 'Kith ID-31, ID-52');

-- Emergency looks that were opened while the tenant was frozen. Nothing of a frozen tenant's data changes, so they lie
-- here, beside it: this table is no part of what moves. With the thaw its rows go where the others are, and are told;
-- of a tenant that moved away they stay here.
create table platform.break_glass_aside (
    tenant_id uuid not null,
    id uuid not null,
    service text not null,
    person_id uuid not null,
    opened_by uuid not null,
    reason text not null,
    -- In the words of who opened it: nowhere else.
    stated_reason text not null,
    opened_at timestamptz not null,
    ends_at timestamptz not null,
    constraint break_glass_aside_pk primary key (tenant_id, id),
    constraint break_glass_aside_is_short check (ends_at >= opened_at and ends_at <= opened_at + interval '60 minutes')
);
select platform.protect('platform.break_glass_aside');

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by) values
    ('platform.break_glass_aside', 'person_id', 'whose record was looked at', 'blank', 'care_record', 't.opened_at::date'),
    ('platform.break_glass_aside', 'opened_by', 'who looked', 'keep', null, null);
insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('platform.break_glass_aside', 'stated_reason', true, '(erased)', 'why somebody had to look, in their words');
