-- What each database knows of consents given elsewhere, and how old that knowledge is.

-- The consents of a tenant as they were told last. Ids, words and dates only. Withdrawn is for good.
create table platform.consent (
    tenant_id uuid not null,
    consent_id uuid not null,
    person_id uuid not null,
    part text not null,
    purpose text not null,
    grantee_kind text not null,
    grantee_id uuid,
    grantee_hat text not null,
    valid_from date not null,
    valid_until date not null,
    version bigint not null,
    withdrawn boolean not null,
    constraint consent_pk primary key (tenant_id, consent_id),
    constraint consent_grantee_known check (grantee_kind in ('person', 'hat', 'team')),
    constraint consent_grantee_whole check ((grantee_kind = 'hat') = (grantee_hat <> '')
        and (grantee_kind = 'hat' or grantee_id is not null)),
    constraint consent_is_a_period check (valid_until > valid_from)
);
create index consent_of_person on platform.consent (tenant_id, person_id, part, purpose) where not withdrawn;
select platform.protect('platform.consent');
revoke delete on platform.consent from kith_app;

-- Until which moment every event of an aggregate is published, as its service tells each second. Of no tenant: it says
-- nothing about any.
create table platform.watermark (
    aggregate_type text not null,
    complete_until timestamptz not null,
    constraint watermark_pk primary key (aggregate_type)
);
grant select on platform.watermark to kith_app;
grant select, insert, update on platform.watermark to kith_relay;

-- What arrived and is not applied yet, by age: event ids grow with time.
create index inbox_not_applied on platform.inbox (tenant_id, aggregate_type, event_id) where state <> 'done';

insert into platform.setting (name, valid_from, value, source) values
    ('consent_copy_seconds', '2000-01-01', 60, 'Kith architecture 7: a copy of consent older than this opens nothing');
