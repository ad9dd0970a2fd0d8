-- How old a copy may be is asked of hats as of consents: whoever takes a hat off, or leaves a Team, is not let in by a copy
-- that was not told.

-- Whether what is known here of an aggregate (its word without the service: consent, team, giver) was surely complete
-- lately. What arrived and is not applied yet holds it back, whatever the reason; an event's id (UUIDv7) says when it was
-- made. Of an aggregate whose service never told anything is known nothing.
create function platform.is_fresh(p_tenant uuid, p_word text, p_now timestamptz) returns boolean
language sql stable as $$
    select coalesce(bool_and(p_now - least(w.complete_until, waiting.since) <= make_interval(secs => longest.seconds)), false)
    from platform.watermark w
    left join lateral (
        select to_timestamp(('x' || left(replace(i.event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) as since
        from platform.inbox i
        where i.tenant_id = p_tenant and i.aggregate_type = w.aggregate_type and i.state <> 'done'
        order by i.event_id
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
