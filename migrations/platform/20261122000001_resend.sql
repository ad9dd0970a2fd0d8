-- Snapshots on request: a consumer that joins late, or lost something on the way, asks the producer to send the newest
-- event of each aggregate again. Since every event carries the aggregate's whole public state, the newest one is enough.

-- What others asked for, worked off by the relay page by page. It may be for all tenants, so it belongs to none; only
-- the relay role sees it.
create table platform.resend (
    request_id uuid not null,
    asker text not null,
    aggregate_type text not null,
    of_tenant uuid,
    of_aggregate uuid,
    sent_tenant uuid,
    sent_aggregate uuid,
    asked_at timestamptz not null,
    constraint resend_pk primary key (request_id),
    constraint resend_progress_whole check ((sent_tenant is null) = (sent_aggregate is null))
);
grant select, insert, update, delete on platform.resend to kith_relay;

-- What this service listens to, and since when it has everything. Until then it is not ready. No tenant's own.
create table platform.subscription (
    aggregate_type text not null,
    request_id uuid not null,
    asked_at timestamptz not null,
    complete_at timestamptz,
    constraint subscription_pk primary key (aggregate_type)
);
grant select, insert, update on platform.subscription to kith_relay;

create policy relay_r on platform.outbox_head for select to kith_relay using (true);
grant select on platform.outbox_head to kith_relay;
create index outbox_head_by_type on platform.outbox_head (aggregate_type, tenant_id, aggregate_id);

-- A snapshot stands for everything before it, so it does not wait for the numbers in between.
alter table platform.inbox add column snapshot boolean not null default false;
create index inbox_snapshot on platform.inbox (tenant_id) where snapshot and state = 'ready';
create index inbox_dead on platform.inbox (tenant_id) where state = 'dead';

-- For the sweep: what is old enough to be forgotten.
create index outbox_age on platform.outbox using brin (created_at);
create index inbox_age on platform.inbox using brin (received_at);

insert into platform.setting (name, valid_from, value, source) values
    ('outbox_days', '2000-01-01', 14, 'Kith: how long a published event is kept; the newest of each aggregate stays'),
    ('inbox_days', '2000-01-01', 21, 'Kith: how long an applied event is kept; longer than in the outbox'),
    ('waiting_alarm_seconds', '2000-01-01', 60, 'Kith: how long an event may wait for another before it is told');
