-- What is to be applied stands in a narrow table of its own, and leaves it once it is applied. A row of the inbox is written once:
-- marking one as done wrote it anew, payload and all, with an entry in each of its indexes, which was a third of the work of a
-- batch. There was no release before this one, so nothing older runs beside it.

drop index platform.inbox_todo, platform.inbox_todo_of_tenant, platform.inbox_awaiting, platform.inbox_snapshot,
    platform.inbox_dead, platform.inbox_not_applied;

-- Events that are not applied yet: ready, parked until something else is known, or given up on.
create table platform.inbox_todo (
    tenant_id uuid not null,
    -- As in the inbox: the order in which events arrived.
    seq bigint not null,
    event_id uuid not null,
    aggregate_type text not null,
    aggregate_id uuid not null,
    event_no bigint not null,
    snapshot boolean not null,
    state text not null,
    -- The aggregate, <service>.<aggregate>/<id>, whose next event it waits for.
    awaiting text,
    attempts int not null,
    next_attempt_at timestamptz not null,
    last_error text,
    -- Since when it waits.
    since timestamptz not null,
    constraint inbox_todo_pk primary key (tenant_id, seq),
    constraint inbox_todo_state_known check (state in ('ready', 'dead'))
);
select platform.protect('platform.inbox_todo');
select platform.open_to_relay('platform.inbox_todo');

insert into platform.inbox_todo (tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, state, awaiting,
    attempts, next_attempt_at, last_error, since)
select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot, state, awaiting, attempts, next_attempt_at,
    last_error, received_at
from platform.inbox where state <> 'done';
alter table platform.inbox drop column state, drop column awaiting, drop column attempts, drop column next_attempt_at,
    drop column last_error, drop column done_at;

-- By age, for whoever asks how fresh a copy is: event ids grow with time.
create index inbox_todo_by_age on platform.inbox_todo (tenant_id, aggregate_type, event_id);
create index inbox_todo_awaiting on platform.inbox_todo (tenant_id, awaiting) where awaiting is not null;
create index inbox_todo_dead on platform.inbox_todo (tenant_id) where state = 'dead';
create index inbox_todo_snapshot on platform.inbox_todo (tenant_id) where snapshot and state = 'ready';

-- How each event in the inbox stands, for people who look.
create view platform.inbox_state with (security_invoker = true) as
    select i.*, coalesce(t.state, 'done') as state, t.awaiting, coalesce(t.attempts, 0) as attempts, t.next_attempt_at, t.last_error
    from platform.inbox i left join platform.inbox_todo t on t.tenant_id = i.tenant_id and t.seq = i.seq;

insert into platform.subject_column (table_name, column_name, capacity, on_erasure) values
    ('platform.inbox_todo', 'aggregate_id', 'subject of an event', 'keep');

-- Locks the cursors of aggregates whose next event is ready, and answers these events in the order of their arrival; `ready` counts
-- what is ready or parked here, as far as one more than the limit: whether there is anything beside them. By the one index that
-- has that order, and each cursor and event by its whole key: nearly all the time nothing waits, so the planner expects nothing;
-- left free, it reads all that waits and sorts it anew for each batch.
drop function platform.take(uuid, timestamptz, int);
create function platform.take(p_tenant uuid, p_now timestamptz, p_limit int)
returns table (seq bigint, event_id uuid, event_type text, aggregate_type text, aggregate_id uuid, event_no bigint, payload bytea,
    traceparent text, snapshot boolean, last_no bigint, ready bigint)
language plpgsql set enable_sort = off as $$
begin
    return query
        select t.seq, t.event_id, event.event_type, t.aggregate_type, t.aggregate_id, t.event_no, event.payload,
            event.traceparent, t.snapshot, cursor.last_no,
            (select count(*) from (
                select from platform.inbox_todo o where o.tenant_id = p_tenant and o.state = 'ready'
                order by o.seq limit p_limit + 1) as o)
        from platform.inbox_todo t cross join lateral (
            select c.last_no from platform.inbox_cursor c
            where c.tenant_id = p_tenant and c.aggregate_type = t.aggregate_type and c.aggregate_id = t.aggregate_id
                and (t.snapshot or t.event_no <= c.last_no + 1)
            for update skip locked) as cursor
        cross join lateral (
            select i.event_type, i.payload, i.traceparent from platform.inbox i
            where i.tenant_id = p_tenant and i.event_id = t.event_id
            limit 1) as event
        where t.tenant_id = p_tenant and t.state = 'ready' and t.next_attempt_at <= p_now
        order by t.seq limit p_limit;
end $$;

-- Marks events as done, moves their cursors on, marks what a snapshot covers, and wakes what waits for these aggregates. The
-- last two are rare and looked for only where there is any.
drop function platform.mark_done(uuid, timestamptz, uuid[]);
create function platform.mark_done(p_tenant uuid, p_now timestamptz, p_events bigint[]) returns void
language plpgsql as $$
declare
    -- The planner expects one row, and would look through all that waits for those of the list: between these are few others.
    first_seq bigint;
    last_seq bigint;
    aggregates text[];
    covering_types text[];
    covering_ids uuid[];
    covering_nos bigint[];
begin
    select min(e.seq), max(e.seq) into first_seq, last_seq from unnest(p_events) as e (seq);
    with event as (
        delete from platform.inbox_todo t
        where t.tenant_id = p_tenant and t.seq between first_seq and last_seq and t.seq = any(p_events)
        returning t.aggregate_type, t.aggregate_id, t.event_no, t.snapshot
    ), moved as (
        update platform.inbox_cursor c set last_no = greatest(c.last_no, e.event_no)
        from (select aggregate_type, aggregate_id, max(event_no) as event_no from event
            group by aggregate_type, aggregate_id) e
        where c.tenant_id = p_tenant and c.aggregate_type = e.aggregate_type and c.aggregate_id = e.aggregate_id
    )
    select array_agg(aggregate_type || '/' || aggregate_id), array_agg(aggregate_type) filter (where snapshot),
            array_agg(aggregate_id) filter (where snapshot), array_agg(event_no) filter (where snapshot)
        into aggregates, covering_types, covering_ids, covering_nos from event;
    if covering_nos is not null then
        delete from platform.inbox_todo t
        using unnest(covering_types, covering_ids, covering_nos) as e (aggregate_type, aggregate_id, event_no), platform.inbox i
        where i.tenant_id = p_tenant and i.aggregate_type = e.aggregate_type and i.aggregate_id = e.aggregate_id
            and i.event_no < e.event_no and t.tenant_id = p_tenant and t.seq = i.seq;
    end if;
    if exists (select from platform.inbox_todo t where t.tenant_id = p_tenant and t.awaiting is not null) then
        update platform.inbox_todo t set awaiting = null, next_attempt_at = p_now
        where t.tenant_id = p_tenant and t.awaiting = any(aggregates);
    end if;
end $$;

-- As before, of what is not applied yet in its new place.
create or replace function platform.is_fresh(p_tenant uuid, p_word text, p_now timestamptz) returns boolean
language sql stable as $$
    select coalesce(bool_and(p_now - least(w.complete_until, waiting.since) <= make_interval(secs => longest.seconds)), false)
    from platform.watermark w
    left join lateral (
        select to_timestamp(('x' || left(replace(t.event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) as since
        from platform.inbox_todo t
        where t.tenant_id = p_tenant and t.aggregate_type = w.aggregate_type
        order by t.event_id
        limit 1
    ) waiting on true
    left join lateral (
        select s.value as seconds from platform.setting s
        where s.name = 'consent_copy_seconds' and s.valid_from <= (p_now at time zone 'utc')::date
        order by s.valid_from desc
        limit 1
    ) longest on true
    where split_part(w.aggregate_type, '.', 2) = p_word
$$;
