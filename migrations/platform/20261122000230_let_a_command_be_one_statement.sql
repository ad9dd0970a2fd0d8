-- A command may be one statement: its caller says so with the letter c, and which state and time zone of the tenant it went by
-- while it read. The lock that writers share comes before the look at the tenant, in a statement of its own, so that
-- whoever waited for a freeze sees it; and both come before the statement's own look at any row, since parameters are read
-- before that. Where the tenant is otherwise, nothing is done, and the command is tried as others are, which tells why.
create or replace function platform.enter(p_caller text) returns boolean language plpgsql as $$
declare
    was text;
    kind text := substr(p_caller, 37, 1);
begin
    if nullif(current_setting('app.tenant', true), '') is not null then
        raise exception 'this transaction has a tenant already' using errcode = 'KT003';
    end if;
    -- Assigned, not performed: an expression costs a fraction of a query.
    was := set_config('app.tenant', left(p_caller, 36)::uuid::text, true);
    if kind = 'c' then
        perform pg_advisory_xact_lock_shared(hashtextextended(left(p_caller, 36), 0));
        select t.state || ' ' || t.time_zone into was from platform.tenant t
            where t.tenant_id = left(p_caller, 36)::uuid;
        if was is distinct from substr(p_caller, 38) then
            raise exception 'the tenant is not what it was taken for' using errcode = 'KT006';
        end if;
    elsif kind <> 'w' then
        was := set_config('transaction_read_only', 'on', true);
    end if;
    return true;
end $$;

-- What a command of one statement changes is one row, at the version that was read: otherwise somebody was quicker.
create function platform.changed_one(p_rows bigint) returns boolean language plpgsql as $$
begin
    if p_rows <> 1 then
        raise exception 'another change came in between' using errcode = 'KT007';
    end if;
    return true;
end $$;
