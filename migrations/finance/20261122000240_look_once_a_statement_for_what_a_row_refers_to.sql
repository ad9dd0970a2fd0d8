-- A declared key looks for each row by itself and locks what it finds: for a visit with three payers that was two thirds of
-- what posting it costs. Here each row refers only to what never goes and whose key never changes, so that a row can be wrong
-- only as it is added: one look for all rows of a statement says the same. What made that true by custom is a rule now.

-- What others refer to stays, and keeps its key: by privilege, and by trigger for whoever has the privilege.
revoke delete on account, payer, contribution_rule from kith_app;
create trigger account_stays before delete or truncate or update of tenant_id, id, currency on account
    for each statement execute function only_grows();
create trigger payer_stays before delete or truncate or update of tenant_id, id on payer
    for each statement execute function only_grows();
create trigger contribution_rule_stays before delete or truncate or update of tenant_id, id on contribution_rule
    for each statement execute function only_grows();

-- Puts one look a statement in the place of a declared key. As there, a reference that is null refers to nothing.
create function look_once_instead_of(p_key text, p_table text, p_columns text[], p_target text, p_target_columns text[])
returns void language plpgsql as $$
declare
    listed text := (select string_agg(format('%I', name), ', ') from unnest(p_columns) as name);
    same text := (select string_agg(format('t.%I = a.%I', target, name), ' and ')
        from unnest(p_columns, p_target_columns) as pair (name, target));
begin
    execute format('alter table %I drop constraint %I', p_table, p_key);
    execute format($made$
        create function %1$I() returns trigger language plpgsql as $body$
        begin
            if exists (
                select from (select distinct %2$s from added where (%2$s) is not null) as a
                where not exists (select from %3$I t where %4$s)
            ) then
                raise exception 'a row of %5$s refers to a row of %3$s that is not there'
                    using errcode = 'foreign_key_violation', table = '%5$s', constraint = '%1$s';
            end if;
            return null;
        end $body$;
        create trigger %1$I after insert on %5$I
            referencing new table as added for each statement execute function %1$I();
    $made$, p_key, listed, p_target, same, p_table);
end $$;

select look_once_instead_of('entry_of_transfer', 'entry', array['tenant_id', 'transfer_id'],
    'transfer', array['tenant_id', 'id']);
select look_once_instead_of('entry_of_account', 'entry', array['tenant_id', 'account_id', 'currency'],
    'account', array['tenant_id', 'id', 'currency']);
select look_once_instead_of('settlement_by_transfer', 'settlement', array['tenant_id', 'transfer_id'],
    'transfer', array['tenant_id', 'id']);
select look_once_instead_of('settlement_by_rule', 'settlement', array['tenant_id', 'rule_id'],
    'contribution_rule', array['tenant_id', 'id']);
select look_once_instead_of('settlement_share_of_settlement', 'settlement_share',
    array['tenant_id', 'visit_id', 'settlement_no'], 'settlement', array['tenant_id', 'visit_id', 'settlement_no']);
select look_once_instead_of('settlement_share_of_payer', 'settlement_share', array['tenant_id', 'payer_id'],
    'payer', array['tenant_id', 'id']);
drop function look_once_instead_of;
