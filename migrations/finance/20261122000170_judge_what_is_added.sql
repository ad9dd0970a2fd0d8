-- What a statement adds is judged by itself, without a look at the entries that are there: that look read the whole table where
-- the planner did not know yet how large it had become. All entries of a transfer come in one statement, since they count from
-- one without a gap and no number comes twice; so nothing of it was there before, and nothing can be added later.
create or replace function entries_balance() returns trigger
    language plpgsql
as $$
declare
    moved record;
begin
    select transfer_id, count(*) as legs, min(leg) as first, max(leg) as last, count(distinct currency) as currencies, sum(amount) as total
        into moved
        from added
        group by tenant_id, transfer_id
        having count(*) < 2 or max(leg) <> count(*) or min(leg) <> 1 or min(currency) <> max(currency) or sum(amount) <> 0
        limit 1;
    if not found then
        return null;
    elsif moved.legs < 2 then
        raise exception 'transfer % has % entries', moved.transfer_id, moved.legs using errcode = 'KF002';
    elsif moved.last <> moved.legs or moved.first <> 1 then
        raise exception 'the entries of transfer % do not come together', moved.transfer_id using errcode = 'KF006';
    elsif moved.currencies <> 1 then
        raise exception 'transfer % mixes currencies', moved.transfer_id using errcode = 'KF003';
    else
        raise exception 'transfer % is unbalanced by %', moved.transfer_id, moved.total using errcode = 'KF004';
    end if;
end
$$;
