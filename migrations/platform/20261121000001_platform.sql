-- What every service's database holds beside its own tables: tenants, outbox, inbox, saved answers, audit.
-- The group roles kith_app, kith_relay and kith_export are made by provisioning; each service's login roles belong to
-- them and may connect to that service's database only.

grant usage on schema platform, public to kith_app, kith_relay, kith_export;

-- The tenant of this transaction; null where none is set ('' is what a finished transaction leaves behind).
create function platform.tenant() returns uuid language sql stable parallel safe as
$$ select nullif(current_setting('app.tenant', true), '')::uuid $$;

-- Puts a table under row security: forced, restricted to the transaction's tenant, open to the app role within it.
create function platform.protect(p_table regclass) returns void language plpgsql as $$
begin
    execute format('alter table %s enable row level security', p_table);
    execute format('alter table %s force row level security', p_table);
    execute format('create policy tenant_only on %s as restrictive for all to kith_app, kith_export '
        'using (tenant_id = (select platform.tenant())) with check (tenant_id = (select platform.tenant()))', p_table);
    execute format('create policy app_rw on %s for all to kith_app using (true) with check (true)', p_table);
    execute format('create policy export_r on %s for select to kith_export using (true)', p_table);
    execute format('grant select, insert, update, delete on %s to kith_app', p_table);
    execute format('grant select on %s to kith_export', p_table);
end $$;

-- Lets the relay role see a table of all tenants: outbox, inbox and cursor only.
create function platform.open_to_relay(p_table regclass) returns void language plpgsql as $$
begin
    execute format('create policy relay_rw on %s for all to kith_relay using (true) with check (true)', p_table);
    execute format('grant select, insert, update, delete on %s to kith_relay', p_table);
end $$;

-- Numbers that rules rest on, each from a date and with its source.
create table platform.setting (
    name text not null,
    valid_from date not null,
    value bigint not null,
    source text not null,
    constraint setting_pk primary key (name, valid_from)
);
grant select on platform.setting to kith_app, kith_relay, kith_export;
insert into platform.setting (name, valid_from, value, source) values
    ('history_days', '2000-01-01', 45, 'Kith: how far back a live tenant accepts a happening');

-- The tenants as this database knows them. Row security leaves each transaction its own.
create table platform.tenant (
    tenant_id uuid not null,
    state text not null,
    time_zone text not null,
    epoch bigint not null,
    constraint tenant_pk primary key (tenant_id),
    constraint tenant_state_known check (state in ('preparing', 'live', 'suspended', 'frozen', 'released'))
);
select platform.protect('platform.tenant');

-- The key set that verifies tokens, kept so that a service can start while identity is down.
create table platform.key_set (
    only_row boolean not null default true,
    jwks text not null,
    fetched_at timestamptz not null,
    constraint key_set_pk primary key (only_row),
    constraint key_set_once check (only_row)
);
grant select, insert, update on platform.key_set to kith_relay;

-- The last event number of each aggregate; its row lock makes the numbers follow the commits.
create table platform.outbox_head (
    tenant_id uuid not null,
    aggregate_type text not null,
    aggregate_id uuid not null,
    last_no bigint not null,
    constraint outbox_head_pk primary key (tenant_id, aggregate_type, aggregate_id)
);
select platform.protect('platform.outbox_head');

create table platform.outbox (
    tenant_id uuid not null,
    seq bigint generated always as identity,
    event_id uuid not null,
    aggregate_type text not null,
    aggregate_id uuid not null,
    event_no bigint not null,
    event_type text not null,
    payload bytea not null,
    traceparent text,
    created_at timestamptz not null,
    published_at timestamptz,
    constraint outbox_pk primary key (tenant_id, event_id),
    constraint outbox_no_once unique (tenant_id, aggregate_type, aggregate_id, event_no)
);
create index outbox_todo on platform.outbox (seq) where published_at is null;
select platform.protect('platform.outbox');
select platform.open_to_relay('platform.outbox');

create table platform.inbox (
    tenant_id uuid not null,
    seq bigint generated always as identity,
    event_id uuid not null,
    aggregate_type text not null,
    aggregate_id uuid not null,
    event_no bigint not null,
    event_type text not null,
    payload bytea not null,
    traceparent text,
    state text not null,
    awaiting text,
    attempts int not null,
    next_attempt_at timestamptz not null,
    last_error text,
    received_at timestamptz not null,
    done_at timestamptz,
    constraint inbox_pk primary key (tenant_id, event_id),
    constraint inbox_no_once unique (tenant_id, aggregate_type, aggregate_id, event_no),
    constraint inbox_state_known check (state in ('ready', 'done', 'dead'))
);
create index inbox_todo on platform.inbox (next_attempt_at) where state = 'ready';
create index inbox_todo_of_tenant on platform.inbox (tenant_id, seq) where state = 'ready';
create index inbox_awaiting on platform.inbox (tenant_id, awaiting) where awaiting is not null;
select platform.protect('platform.inbox');
select platform.open_to_relay('platform.inbox');

create table platform.inbox_cursor (
    tenant_id uuid not null,
    aggregate_type text not null,
    aggregate_id uuid not null,
    last_no bigint not null,
    constraint inbox_cursor_pk primary key (tenant_id, aggregate_type, aggregate_id)
);
select platform.protect('platform.inbox_cursor');
select platform.open_to_relay('platform.inbox_cursor');

-- Answers to commands that succeeded, so that a repeat is answered the same.
create table platform.saved_answer (
    tenant_id uuid not null,
    actor_id uuid not null,
    request_id uuid not null,
    content_hash bytea not null,
    answer bytea not null,
    caused text not null,
    expires_at timestamptz not null,
    constraint saved_answer_pk primary key (tenant_id, actor_id, request_id)
);
create index saved_answer_expiry on platform.saved_answer (expires_at);
select platform.protect('platform.saved_answer');
select platform.open_to_relay('platform.saved_answer');

-- Who did or saw what, on which basis. Ids only; it only grows.
create table platform.audit (
    tenant_id uuid not null,
    id uuid not null,
    actor_id uuid not null,
    action text not null,
    subject_type text not null,
    subject_id uuid not null,
    person_id uuid,
    basis text not null,
    allowed boolean not null,
    traceparent text,
    recorded_at timestamptz not null,
    constraint audit_pk primary key (tenant_id, id)
);
create index audit_of_person on platform.audit (tenant_id, person_id, recorded_at);
select platform.protect('platform.audit');
revoke update, delete on platform.audit from kith_app;

-- Begins a tenant's work within a transaction. One transaction has exactly one tenant: a second call raises, and so
-- does a connection that came back with a transaction left open. In mode 'write' it takes the tenant's lock shared and
-- refuses a tenant that does not accept changes (KT001) or is not known here yet (KT002). Answers what every command
-- needs to know, the saved answer of a repeated request included.
create function platform.begin(p_tenant uuid, p_actor uuid, p_mode text, p_today date, p_request uuid)
returns table (state text, time_zone text, history_days bigint, saved_hash bytea, saved_answer bytea, saved_caused text)
language plpgsql as $$
begin
    if nullif(current_setting('app.tenant', true), '') is not null then
        raise exception 'this transaction has a tenant already' using errcode = 'KT003';
    end if;
    perform set_config('app.tenant', p_tenant::text, true), set_config('app.actor', p_actor::text, true);
    if p_mode <> 'read' then
        perform pg_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 0));
    end if;
    select t.state, t.time_zone into state, time_zone from platform.tenant t where t.tenant_id = p_tenant;
    if p_mode = 'write' then
        if state is null then
            raise exception 'the tenant is not known here yet' using errcode = 'KT002';
        elsif state not in ('preparing', 'live') then
            raise exception 'the tenant does not accept changes' using errcode = 'KT001';
        end if;
    end if;
    select s.value into history_days from platform.setting s
        where s.name = 'history_days' and s.valid_from <= p_today order by s.valid_from desc limit 1;
    if p_request is not null then
        select a.content_hash, a.answer, a.caused into saved_hash, saved_answer, saved_caused
            from platform.saved_answer a
            where a.tenant_id = p_tenant and a.actor_id = p_actor and a.request_id = p_request;
    end if;
    return next;
end $$;
