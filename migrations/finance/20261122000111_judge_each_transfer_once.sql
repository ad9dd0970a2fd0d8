-- The check of a transfer at COMMIT ran for the transfer and again for each of its entries, two queries each time: more
-- than any other part of posting. Now a transfer asks only whether it has entries, and the first of its entries that is looked at judges
-- all of them; the others find that judged. Whatever adds an entry takes every judgement back, so that none is older than the
-- newest entry.

create or replace function transfer_is_balanced() returns trigger
    language plpgsql
as $$
declare
    seen bigint;
    legs bigint;
    currencies bigint;
    total numeric;
    judged text;
begin
    if tg_table_name = 'transfer' then
        if not exists (select from transfer t where t.tenant_id = new.tenant_id and t.id = new.id) then
            raise exception 'transfer % is hidden from its own check', new.id using errcode = 'KF001';
        end if;
        if not exists (select from entry e where e.tenant_id = new.tenant_id and e.transfer_id = new.id) then
            raise exception 'transfer % has 0 entries', new.id using errcode = 'KF002';
        end if;
        return null;
    end if;
    if current_setting('kith.judged', true) = new.tenant_id::text || new.transfer_id::text then
        return null;
    end if;
    -- In one query, each entry once for its transfer: none where the transfer is hidden.
    select count(t.id), count(*), count(distinct e.currency), coalesce(sum(e.amount), 0)
        into seen, legs, currencies, total
        from entry e left join transfer t on t.tenant_id = e.tenant_id and t.id = e.transfer_id
        where e.tenant_id = new.tenant_id and e.transfer_id = new.transfer_id;
    if seen = 0 or seen <> legs then
        raise exception 'transfer % is hidden from its own check', new.transfer_id using errcode = 'KF001';
    end if;
    if legs < 2 then
        raise exception 'transfer % has % entries', new.transfer_id, legs using errcode = 'KF002';
    end if;
    if currencies <> 1 then
        raise exception 'transfer % mixes currencies', new.transfer_id using errcode = 'KF003';
    end if;
    if total <> 0 then
        raise exception 'transfer % is unbalanced by %', new.transfer_id, total using errcode = 'KF004';
    end if;
    judged := set_config('kith.judged', new.tenant_id::text || new.transfer_id::text, true);
    return null;
end
$$;

create function entries_are_unjudged() returns trigger
    language plpgsql
as $$
declare
    judged text;
begin
    judged := set_config('kith.judged', '', true);
    return null;
end
$$;

-- Before, and not after: where the checks run at once, they run before what comes after a statement.
create trigger entry_takes_judgements_back before insert on entry
    for each statement execute function entries_are_unjudged();
