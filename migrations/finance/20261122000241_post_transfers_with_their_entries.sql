-- A transfer comes with its entries, in one statement, and is judged when that ends: until now each was looked at by itself at
-- COMMIT, to see that it has any. Entries alone were judged so before. Now neither can come without the other.
drop trigger transfer_has_entries on transfer;
drop function transfer_has_entries();

create function transfers_have_entries() returns trigger
    language plpgsql
as $$
declare
    bare uuid;
begin
    select t.id into bare from added t
        where not exists (select from entry e where e.tenant_id = t.tenant_id and e.transfer_id = t.id) limit 1;
    if found then
        raise exception 'transfer % has 0 entries', bare using errcode = 'KF002';
    end if;
    return null;
end
$$;

create trigger transfers_have_entries after insert on transfer
    referencing new table as added for each statement execute function transfers_have_entries();
