-- The whole life of a tenant; how it presents itself; people who left; representatives.

alter table tenant
    drop constraint tenant_state_known,
    add constraint tenant_state_known check (
        state in ('preparing', 'live', 'suspended', 'frozen', 'released')),
    add column mail_sender text not null default '',
    -- The Circle that is founded with it, if any, and its first administrator.
    add column first_circle_id uuid,
    add column founder_person_id uuid,
    -- The freeze under way: when it began, and when all services had said that it is complete.
    add column frozen_at timestamptz,
    add column freeze_complete_at timestamptz,
    -- Raised with every change of how it presents itself.
    add column version bigint not null default 1,
    add constraint tenant_frozen_whole check ((state = 'frozen') = (frozen_at is not null)),
    add constraint tenant_freeze_complete_whole check (freeze_complete_at is null or frozen_at is not null);

alter table signin.tenant_registry
    drop constraint tenant_registry_state_known,
    add constraint tenant_registry_state_known check (
        state in ('reserved', 'preparing', 'live', 'suspended', 'frozen', 'released'));

-- A tenant's own words, each from a day.
create table tenant_wording (
    tenant_id uuid not null,
    thing text not null,
    valid_from date not null,
    singular text not null,
    plural text not null,
    constraint tenant_wording_pk primary key (tenant_id, thing, valid_from),
    constraint tenant_wording_thing_known check (thing in ('team', 'owner', 'giver', 'circle', 'hat')),
    constraint tenant_wording_length check (
        char_length(singular) between 1 and 40 and char_length(plural) between 1 and 40)
);
select platform.protect('tenant_wording');
revoke delete on tenant_wording from kith_app;

-- What each service has last said about the freeze of a tenant. Two lists of aggregate types with how many events of
-- each were sent and applied.
create table tenant_fence_report (
    tenant_id uuid not null,
    service text not null,
    epoch bigint not null,
    fenced_at timestamptz not null,
    sent_types text[] not null,
    sent_events bigint[] not null,
    applied_types text[] not null,
    applied_events bigint[] not null,
    unpublished bigint not null,
    waiting bigint not null,
    dead bigint not null,
    constraint tenant_fence_report_pk primary key (tenant_id, service),
    constraint tenant_fence_report_whole check (
        cardinality(sent_types) = cardinality(sent_events)
        and cardinality(applied_types) = cardinality(applied_events))
);
select platform.protect('tenant_fence_report');
revoke delete on tenant_fence_report from kith_app;

-- Where the invitation is to be sent; forgotten once it is taken up.
alter table signin.invitation add column send_to text;

-- Somebody who leaves loses their place; their account stays.
alter table person add column left_at timestamptz;
grant delete on signin.sign_in_place to identity_signin;
alter table signin.refresh_family
    drop constraint refresh_family_reason_known,
    add constraint refresh_family_reason_known check (
        ended_reason in ('signed_out', 'token_reused', 'ended_elsewhere', 'password_changed', 'left'));

create table representative (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    representative_person_id uuid not null,
    basis text not null,
    scopes text[] not null,
    valid_from date not null,
    valid_until date,
    recorded_by uuid not null,
    recorded_at timestamptz not null,
    confirmed_by uuid,
    confirmed_at timestamptz,
    ended_at timestamptz,
    version bigint not null,
    constraint representative_pk primary key (tenant_id, id),
    constraint representative_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint representative_is_person foreign key (tenant_id, representative_person_id)
        references person (tenant_id, id),
    constraint representative_is_another check (person_id <> representative_person_id),
    constraint representative_basis_known check (
        basis in ('nomination', 'attorney_health_and_welfare', 'attorney_property', 'deputyship', 'guardian')),
    constraint representative_scopes_known check (
        cardinality(scopes) > 0 and scopes <@ array['health_and_welfare', 'property']),
    constraint representative_days check (valid_until is null or valid_until >= valid_from),
    constraint representative_confirmed_whole check ((confirmed_at is null) = (confirmed_by is null)),
    constraint representative_not_by_themself check (confirmed_by <> representative_person_id)
);
create index representative_by_person on representative (tenant_id, person_id, recorded_at desc, id desc);
select platform.protect('representative');
revoke delete on representative from kith_app;
