-- Locks the books and answers what governs some visits: their newest settlements, their Teams' fundings, their givers' terms and
-- the rules that those name, each as a list. One call, two statements: what was done by whoever held the books before is seen.
create function heard_under_lock(p_tenant uuid, p_visits uuid[], p_teams uuid[], p_givers uuid[])
returns table (newest json, shares json, terms json, rules json)
language plpgsql as $$
begin
    perform from books where tenant_id = p_tenant for update;
    if not found then
        -- The first one here opens the books; a second one at the same moment waits for it.
        insert into books (tenant_id, last_invoice_number) values (p_tenant, 0)
            on conflict on constraint books_pk do update set last_invoice_number = books.last_invoice_number;
    end if;
    return query
        with giver as materialized (
            select t.giver_person_id, t.place, t.valid_from, t.kind, t.circle_id, t.rule_name, t.hourly_rate
            from giver_terms t where t.tenant_id = p_tenant and t.giver_person_id = any(p_givers)
        )
        select
            (select coalesce(json_agg(s), '[]') from (
                select distinct on (settlement.visit_id) settlement.visit_id, settlement.settlement_no,
                    reversal.visit_id is null as stands
                from settlement
                left join settlement_reversal reversal on reversal.tenant_id = settlement.tenant_id
                    and reversal.visit_id = settlement.visit_id and reversal.settlement_no = settlement.settlement_no
                where settlement.tenant_id = p_tenant and settlement.visit_id = any(p_visits)
                order by settlement.visit_id, settlement.settlement_no desc) as s),
            (select coalesce(json_agg(s), '[]') from (
                select funding.id, funding.team_id, funding.valid_from, share.payer_id, share.share_bp
                from funding
                join funding_share share on share.tenant_id = funding.tenant_id and share.funding_id = funding.id
                where funding.tenant_id = p_tenant and funding.team_id = any(p_teams)
                order by funding.added, share.place) as s),
            (select coalesce(json_agg(giver order by giver.place), '[]') from giver),
            (select coalesce(json_agg(r), '[]') from (
                select rule.id, rule.circle_id, rule.name, rule.effective_from, rule.revoked_from, rule.mode, rule.added_bp,
                    rule.deducted_bp, rule.share_bp, rule.decision_id
                from contribution_rule rule
                where rule.tenant_id = p_tenant
                    and (rule.circle_id, rule.name) in (select giver.circle_id, giver.rule_name from giver)) as r);
end $$;
