-- A statement that is a transaction of its own brings its tenant with it: as a parameter of this type, which nothing in the
-- statement refers to. PostgreSQL reads all parameters before it looks at a row, and reading one of this type sets the tenant
-- until the end of the transaction, which here is the end of the statement. So a query needs no begin and no end of its own,
-- and a connection keeps no tenant.
--
-- The value is the tenant's id and one letter: r for what may only read, w for what may write.
create function platform.enter(p_caller text) returns boolean language plpgsql as $$
declare
    was text;
begin
    if nullif(current_setting('app.tenant', true), '') is not null then
        raise exception 'this transaction has a tenant already' using errcode = 'KT003';
    end if;
    -- Assigned, not performed: an expression costs a fraction of a query.
    was := set_config('app.tenant', left(p_caller, 36)::uuid::text, true);
    if substr(p_caller, 37) <> 'w' then
        was := set_config('transaction_read_only', 'on', true);
    end if;
    return true;
end $$;

create domain platform.caller as text constraint caller_enters check (platform.enter(value));
