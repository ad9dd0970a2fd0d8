-- Takes what is ready in its order by the one index that has it, and looks up each cursor by its whole key. Nearly all the
-- time nothing waits in an inbox, so the planner expects nothing: it then takes any index, reads all that waits, and sorts it
-- anew for each batch, which makes working off a backlog as long as its length squared.
create or replace function platform.take(p_tenant uuid, p_now timestamptz, p_limit int)
returns table (event_id uuid, event_type text, aggregate_type text, aggregate_id uuid, event_no bigint, payload bytea,
    traceparent text, snapshot boolean, last_no bigint, ready bigint)
language plpgsql set enable_sort = off as $$
begin
    return query
        select i.event_id, i.event_type, i.aggregate_type, i.aggregate_id, i.event_no, i.payload, i.traceparent,
            i.snapshot, cursor.last_no,
            (select count(*) from (
                select from platform.inbox o where o.tenant_id = p_tenant and o.state = 'ready'
                order by o.seq limit p_limit + 1) as o)
        from platform.inbox i cross join lateral (
            select c.last_no from platform.inbox_cursor c
            where c.tenant_id = p_tenant and c.aggregate_type = i.aggregate_type and c.aggregate_id = i.aggregate_id
                and (i.snapshot or i.event_no <= c.last_no + 1)
            for update skip locked) as cursor
        where i.tenant_id = p_tenant and i.state = 'ready' and i.next_attempt_at <= p_now
        order by i.seq limit p_limit;
end $$;
