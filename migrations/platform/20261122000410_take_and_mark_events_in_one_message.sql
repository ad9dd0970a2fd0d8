-- What applying events begins and ends with, so that each travels in one message: taken with the BEGIN, marked with the COMMIT.

-- Locks the cursors of aggregates whose next event is ready, and answers these events; `ready` counts what is ready or parked
-- here, as far as one more than the limit: whether there is anything beside them.
create function platform.take(p_tenant uuid, p_now timestamptz, p_limit int)
returns table (event_id uuid, event_type text, aggregate_type text, aggregate_id uuid, event_no bigint, payload bytea,
    traceparent text, snapshot boolean, last_no bigint, ready bigint)
language plpgsql as $$
begin
    return query
        select i.event_id, i.event_type, i.aggregate_type, i.aggregate_id, i.event_no, i.payload, i.traceparent,
            i.snapshot, c.last_no,
            (select count(*) from (
                select from platform.inbox o where o.tenant_id = p_tenant and o.state = 'ready' limit p_limit + 1) as o)
        from platform.inbox i join platform.inbox_cursor c
            on c.tenant_id = i.tenant_id and c.aggregate_type = i.aggregate_type and c.aggregate_id = i.aggregate_id
        where i.tenant_id = p_tenant and i.state = 'ready' and i.next_attempt_at <= p_now
            and (i.snapshot or i.event_no <= c.last_no + 1)
        order by i.seq limit p_limit
        for update of c skip locked;
end $$;

-- Marks events as done, moves their cursors on, marks what a snapshot covers, and wakes what waits for these aggregates. The
-- last two are rare and looked for only where there is any.
create function platform.mark_done(p_tenant uuid, p_now timestamptz, p_events uuid[]) returns void
language plpgsql as $$
declare
    covers boolean;
begin
    with event as (
        update platform.inbox i set state = 'done', done_at = p_now, last_error = null, awaiting = null
        where i.tenant_id = p_tenant and i.event_id = any(p_events)
        returning i.aggregate_type, i.aggregate_id, i.event_no, i.snapshot
    ), moved as (
        update platform.inbox_cursor c set last_no = greatest(c.last_no, e.event_no)
        from (select aggregate_type, aggregate_id, max(event_no) as event_no from event
            group by aggregate_type, aggregate_id) e
        where c.tenant_id = p_tenant and c.aggregate_type = e.aggregate_type and c.aggregate_id = e.aggregate_id
    )
    select bool_or(snapshot) into covers from event;
    if covers then
        update platform.inbox i set state = 'done', done_at = p_now, awaiting = null
        from platform.inbox e
        where e.tenant_id = p_tenant and e.event_id = any(p_events) and e.snapshot
            and i.tenant_id = p_tenant and i.aggregate_type = e.aggregate_type and i.aggregate_id = e.aggregate_id
            and i.event_no < e.event_no and i.state <> 'done';
    end if;
    if exists (select from platform.inbox i where i.tenant_id = p_tenant and i.awaiting is not null) then
        update platform.inbox i set awaiting = null, next_attempt_at = p_now
        where i.tenant_id = p_tenant and i.awaiting = any(array(
            select e.aggregate_type || '/' || e.aggregate_id from platform.inbox e
            where e.tenant_id = p_tenant and e.event_id = any(p_events)));
    end if;
end $$;
