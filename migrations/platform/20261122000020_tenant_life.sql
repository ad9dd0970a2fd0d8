-- A tenant that is suspended, frozen or released: each refuses changes in its own way, and a frozen one says how far
-- this service is.

-- The freezes that this service is part of. A row is there while the tenant is frozen here.
create table platform.tenant_fence (
    tenant_id uuid not null,
    epoch bigint not null,
    -- What was last said of it, as it was said; null until then.
    said bytea,
    constraint tenant_fence_pk primary key (tenant_id)
);
select platform.protect('platform.tenant_fence');
select platform.open_to_relay('platform.tenant_fence');

-- As before, with a refusal of its own for each state that accepts no changes: KT001 frozen (the same call may succeed
-- after a thaw), KT004 suspended, KT005 released. The lock is taken before the state is read, each in a statement of its
-- own, so that whoever waited for a freeze sees it.
create or replace function platform.begin(p_tenant uuid, p_actor uuid, p_mode text, p_today date, p_request uuid)
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
        elsif state = 'frozen' then
            raise exception 'the tenant is being moved' using errcode = 'KT001';
        elsif state = 'suspended' then
            raise exception 'the tenant is suspended' using errcode = 'KT004';
        elsif state not in ('preparing', 'live') then
            raise exception 'the tenant lives elsewhere' using errcode = 'KT005';
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
