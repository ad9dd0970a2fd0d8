-- What a statement adds to the books balances when the statement ends: all entries of a transfer are added together, and judged
-- together, in one query for all transfers of the statement. Until now every transfer was judged at COMMIT, and again for each
-- of its entries, two queries a time: most of what it costs to post. That a transfer has entries at all is still seen at COMMIT.

drop trigger entry_balanced on entry;

-- Where row security hides the rows that it is to judge, it refuses rather than find nothing wrong.
create function entries_balance() returns trigger
    language plpgsql
as $$
declare
    moved record;
begin
    select a.transfer_id, count(e.leg) as legs, count(distinct e.currency) as currencies, coalesce(sum(e.amount), 0) as total
        into moved
        from (select distinct tenant_id, transfer_id from added) as a
            left join entry e on e.tenant_id = a.tenant_id and e.transfer_id = a.transfer_id
        group by a.tenant_id, a.transfer_id
        having count(e.leg) < 2 or count(distinct e.currency) <> 1 or coalesce(sum(e.amount), 0) <> 0
        limit 1;
    if not found then
        return null;
    elsif moved.legs = 0 then
        raise exception 'the entries of transfer % are hidden from their own check', moved.transfer_id using errcode = 'KF001';
    elsif moved.legs < 2 then
        raise exception 'transfer % has % entries', moved.transfer_id, moved.legs using errcode = 'KF002';
    elsif moved.currencies <> 1 then
        raise exception 'transfer % mixes currencies', moved.transfer_id using errcode = 'KF003';
    else
        raise exception 'transfer % is unbalanced by %', moved.transfer_id, moved.total using errcode = 'KF004';
    end if;
end
$$;

create trigger entries_balance after insert on entry
    referencing new table as added for each statement execute function entries_balance();

create function transfer_has_entries() returns trigger
    language plpgsql
as $$
begin
    if exists (select from entry e where e.tenant_id = new.tenant_id and e.transfer_id = new.id) then
        return null;
    elsif exists (select from transfer t where t.tenant_id = new.tenant_id and t.id = new.id) then
        raise exception 'transfer % has 0 entries', new.id using errcode = 'KF002';
    else
        raise exception 'transfer % is hidden from its own check', new.id using errcode = 'KF001';
    end if;
end
$$;

drop trigger transfer_balanced on transfer;
create constraint trigger transfer_has_entries after insert on transfer
    deferrable initially deferred for each row execute function transfer_has_entries();
drop function transfer_is_balanced();
