-- As before in all that it refuses and answers, with one query after the lock instead of three; assigned where a query
-- is not needed. The lock is still taken in a statement of its own, so that whoever waited for a freeze sees it.
create or replace function platform.begin(p_tenant uuid, p_actor uuid, p_mode text, p_today date, p_request uuid)
returns table (state text, time_zone text, history_days bigint, saved_hash bytea, saved_answer bytea, saved_caused text)
language plpgsql as $$
declare
    was text;
begin
    if nullif(current_setting('app.tenant', true), '') is not null then
        raise exception 'this transaction has a tenant already' using errcode = 'KT003';
    end if;
    was := set_config('app.tenant', p_tenant::text, true);
    was := set_config('app.actor', p_actor::text, true);
    if p_mode <> 'read' then
        perform pg_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 0));
    end if;
    select t.state, t.time_zone, a.content_hash, a.answer, a.caused,
            (select s.value from platform.setting s
                where s.name = 'history_days' and s.valid_from <= p_today order by s.valid_from desc limit 1)
        into state, time_zone, saved_hash, saved_answer, saved_caused, history_days
        from (values (p_request)) as asked (request_id)
            left join platform.tenant t on t.tenant_id = p_tenant
            left join platform.saved_answer a
                on a.tenant_id = p_tenant and a.actor_id = p_actor and a.request_id = asked.request_id;
    if p_mode = 'write' then
        if state is null then
            raise exception 'the tenant is not known here yet' using errcode = 'KT002';
        elsif state = 'frozen' then
            raise exception 'the tenant is being moved' using errcode = 'KT001';
        elsif state = 'suspended' then
            raise exception 'the tenant is suspended' using errcode = 'KT004';
        elsif state not in ('preparing', 'live') then
            raise exception 'the tenant lives elsewhere' using errcode = 'KT005';
        end if;
    end if;
    return next;
end $$;
