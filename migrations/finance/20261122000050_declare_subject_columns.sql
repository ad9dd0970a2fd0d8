-- Which columns can name a person, and which texts are personal: see platform's data_rights. The ledger and what is
-- settled on it hold ids only and stay.

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, through) values
    ('public.account', 'name', 'holder', 'keep', null, null, 'position($1::text in t.name) > 0'),
    ('public.entry', 'account_id', 'holder', 'keep', null, null,
        't.account_id in (select a.id from public.account a where a.tenant_id = t.tenant_id and position($1::text in a.name) > 0)'),
    ('public.administrator', 'person_id', 'administrator', 'delete', null, null, null),
    ('public.coin_gift', 'from_person_id', 'who gave', 'keep', null, null, null),
    ('public.coin_gift', 'to_person_id', 'who was given', 'keep', null, null, null),
    ('public.finance_hat', 'person_id', 'hat holder', 'keep', null, null, null),
    ('public.giver_terms', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.person', 'person_id', 'member of the tenant', 'keep', null, null, null),
    ('public.settlement', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.statement', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.unsettled_visit', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.visit', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.team', 'owner_person_id', 'owner', 'keep', null, null, null),
    ('public.payer', 'team_id', 'owner of the team', 'blank', 'financial', 't.created_at',
        't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.invoice', 'team_id', 'owner of the team', 'blank', 'financial', 't.created_at',
        't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, through)
select 'public.' || name, 'team_id', 'owner of the team', 'keep',
    't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'
from unnest(array['funding', 'funding_share', 'settlement', 'unsettled_visit', 'visit']) as name;

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.account', 'name', false, null, 'a kind and ids'),
    ('public.account', 'currency', false, null, 'ISO 4217 code'),
    ('public.entry', 'currency', false, null, 'ISO 4217 code'),
    ('public.contribution_rule', 'name', false, null, 'name of a circle''s rule'),
    ('public.giver_terms', 'rule_name', false, null, 'name of a circle''s rule'),
    ('public.settlement', 'rule_name', false, null, 'name of a circle''s rule'),
    ('public.payer', 'billing_name', true, '(erased)', 'who pays'),
    ('public.payer', 'billing_address', true, '', 'where they live'),
    ('public.invoice', 'billing_name', true, '(erased)', 'who pays'),
    ('public.invoice', 'billing_address', true, '', 'where they live');

-- An issued invoice never changes, but for one thing: once the law no longer asks for it, the name on it may go.
create function invoice_may_lose_its_name() returns trigger language plpgsql as $$
begin
    if new.billing_name = '(erased)' and new.billing_address = '' then
        return new;
    end if;
    raise exception '% only grows: update is refused', tg_table_name using errcode = 'KF005';
end $$;
drop trigger invoice_only_grows on invoice;
create trigger invoice_only_grows before delete or truncate or update of
    tenant_id, id, number, circle_id, team_id, payer_id, month, total, contribution, created_at on invoice
    for each statement execute function only_grows();
create trigger invoice_may_lose_its_name before update on invoice
    for each row execute function invoice_may_lose_its_name();
grant update (billing_name, billing_address) on invoice to kith_app;
