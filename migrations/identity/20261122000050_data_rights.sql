-- Rights over one's own data: retention, legal hold, access on behalf, erasure.

-- Retention classes where a tenant has set nothing of its own: minimum periods, from facts/care-records.md. Null months
-- mean for ever.
create table retention_default (
    class text not null,
    valid_from date not null,
    months int,
    counts_from text not null,
    basis text not null,
    keeps_name boolean not null,
    source text not null,
    constraint retention_default_pk primary key (class, valid_from),
    constraint retention_default_months_fit check (months between 0 and 1200)
);
grant select on retention_default to kith_app, kith_export;
insert into retention_default (class, valid_from, months, counts_from, basis, keeps_name, source) values
    ('care_record', '2000-01-01', 96, 'end of care or last seen; anew where it returns to use',
        'adult social care record', true, 'NHS Records Management Code, as quoted by Blackpool Council''s schedule'),
    ('enquiry_without_service', '2000-01-01', 24, 'last contact', 'enquiry that led to no service', false,
        'Digital Care Hub, abbreviated Records Management Code'),
    ('complaint', '2000-01-01', 120, 'closure', 'complaints', true,
        'NHS Records Management Code, from memory: to be checked'),
    ('serious_incident', '2000-01-01', 240, 'closure', 'serious incidents', true,
        'NHS Records Management Code, from memory: to be checked'),
    ('incident', '2000-01-01', 120, 'closure', 'other incidents', true,
        'NHS Records Management Code, from memory: to be checked'),
    ('duty_roster', '2000-01-01', 72, 'the day of the duty', 'duty rosters', false,
        'NHS Records Management Code, from memory: to be checked'),
    ('staff_record', '2000-01-01', 72, 'leaving', 'staff record', true,
        'NHS Records Management Code, from memory: to be checked'),
    ('financial', '2000-01-01', 72, 'end of the financial year', 'invoices and tax', true,
        'Companies Act 2006 and VAT rules, from memory: to be checked'),
    ('society_record', '2000-01-01', null, 'creation', 'society registers, minutes and rules', false,
        'Co-operative and Community Benefit Societies Act 2014, from memory: to be checked');

-- What a tenant has set instead, from a date on.
create table retention_class (
    tenant_id uuid not null,
    class text not null,
    valid_from date not null,
    months int,
    counts_from text not null,
    basis text not null,
    source text not null,
    set_by uuid not null,
    set_at timestamptz not null,
    constraint retention_class_pk primary key (tenant_id, class, valid_from),
    constraint retention_class_months_fit check (months between 0 and 1200)
);
select platform.protect('retention_class');
revoke delete on retention_class from kith_app;

create table legal_hold (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    basis text not null,
    set_by uuid not null,
    set_at timestamptz not null,
    lifted_by uuid,
    lifted_at timestamptz,
    constraint legal_hold_pk primary key (tenant_id, id),
    constraint legal_hold_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint legal_hold_basis_known check (basis in ('litigation', 'inquiry', 'safeguarding')),
    constraint legal_hold_lifted_whole check ((lifted_at is null) = (lifted_by is null))
);
create index legal_hold_of_person_now on legal_hold (tenant_id, person_id) where lifted_at is null;
select platform.protect('legal_hold');
revoke delete on legal_hold from kith_app;

create table access_request (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    handler_person_id uuid not null,
    opened_at timestamptz not null,
    valid_until timestamptz not null,
    constraint access_request_of_person_pk primary key (tenant_id, id),
    constraint access_request_of_person foreign key (tenant_id, person_id) references person (tenant_id, id)
);
select platform.protect('access_request');
revoke update, delete on access_request from kith_app;

create table erasure (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    phase text not null,
    asked_at timestamptz not null,
    ordered_by uuid,
    ordered_at timestamptz,
    ended_at timestamptz,
    restricted_until date,
    constraint erasure_pk primary key (tenant_id, id),
    constraint erasure_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint erasure_phase_known check (phase in ('asked', 'ordered', 'completed', 'restricted')),
    constraint erasure_ordered_whole check ((ordered_at is null) = (ordered_by is null))
);
create unique index erasure_under_way_once on erasure (tenant_id, person_id) where phase in ('asked', 'ordered');
create index erasure_by_time on erasure (tenant_id, asked_at, id);
select platform.protect('erasure');
revoke delete on erasure from kith_app;

-- What a service said that it did.
create table erasure_report (
    tenant_id uuid not null,
    erasure_id uuid not null,
    service text not null,
    deleted_rows bigint not null,
    blanked_rows bigint not null,
    id_only_rows bigint not null,
    reported_at timestamptz not null,
    constraint erasure_report_pk primary key (tenant_id, erasure_id, service),
    constraint erasure_report_of_erasure foreign key (tenant_id, erasure_id) references erasure (tenant_id, id)
);
select platform.protect('erasure_report');

create table erasure_kept (
    tenant_id uuid not null,
    erasure_id uuid not null,
    service text not null,
    class text not null,
    kept_rows bigint not null,
    kept_until date,
    constraint erasure_kept_pk primary key (tenant_id, erasure_id, service, class),
    constraint erasure_kept_of_report foreign key (tenant_id, erasure_id, service)
        references erasure_report (tenant_id, erasure_id, service)
);
select platform.protect('erasure_kept');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, step) values
    ('public.person', 'id', 'the person', 'blank', 2),
    ('public.person_role', 'person_id', 'role holder', 'delete', 1),
    ('public.retention_class', 'set_by', 'who set it', 'keep', 1),
    ('public.legal_hold', 'person_id', 'whose data', 'keep', 1),
    ('public.legal_hold', 'set_by', 'who set it', 'keep', 1),
    ('public.legal_hold', 'lifted_by', 'who lifted it', 'keep', 1),
    ('public.access_request', 'person_id', 'whose data', 'keep', 1),
    ('public.access_request', 'handler_person_id', 'handler', 'keep', 1),
    ('public.erasure', 'person_id', 'whose data', 'keep', 1),
    ('public.erasure', 'ordered_by', 'who ordered it', 'keep', 1),
    -- Of no tenant: read and deleted by the sign-in role.
    ('signin.account', 'id', 'account', 'delete', 9),
    ('signin.sign_in_place', 'person_id', 'place of an account', 'delete', 1),
    ('signin.sign_in_place', 'account_id', 'account', 'delete', 1),
    ('signin.invitation', 'person_id', 'who was invited', 'delete', 1),
    ('signin.invitation', 'taken_by', 'account', 'delete', 1),
    ('signin.refresh_family', 'person_id', 'whose session', 'delete', 1),
    ('signin.refresh_family', 'account_id', 'account', 'delete', 1),
    ('signin.host_code', 'account_id', 'first operator', 'keep', 1),
    ('signin.tenant_registry', 'administrator_person_id', 'first administrator', 'keep', 1);

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.person', 'display_name', true, '(erased)', 'the name they go by'),
    ('public.person', 'content_hash', true, '\x00', 'hash over the name'),
    ('public.tenant', 'slug', false, null, 'name of a co-op'),
    ('public.tenant', 'display_name', false, null, 'name of a co-op'),
    ('public.tenant', 'time_zone', false, null, 'IANA zone'),
    ('public.retention_default', 'class', false, null, 'word of a class'),
    ('public.retention_default', 'counts_from', false, null, 'rule'),
    ('public.retention_default', 'basis', false, null, 'rule'),
    ('public.retention_default', 'source', false, null, 'where it is written'),
    ('public.retention_class', 'class', false, null, 'word of a class'),
    ('public.retention_class', 'counts_from', false, null, 'rule'),
    ('public.retention_class', 'basis', false, null, 'rule'),
    ('public.retention_class', 'source', false, null, 'where it is written'),
    ('public.erasure_report', 'service', false, null, 'name of a service'),
    ('public.erasure_kept', 'service', false, null, 'name of a service'),
    ('public.erasure_kept', 'class', false, null, 'word of a class');

-- Sign-in can forget somebody.
grant delete on signin.account, signin.sign_in_place, signin.invitation to identity_signin;
