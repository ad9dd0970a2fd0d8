-- What is not given out of a row that names somebody, because it is about others too, and rows that are not given out at
-- all. For an erasure they count as they did: only the answer to the person, or to who handles their request, is smaller.

-- Whether a row that names the person by this column alone is given out.
alter table platform.subject_column add column given boolean not null default true;

-- A column that is left out of rows that are given out, but for what `shown_as` still shows of it: SQL over the row `t`
-- and the person `$1`, null where it shows nothing.
create table platform.withheld_column (
    table_name text not null,
    column_name text not null,
    shown_as text not null,
    reason text not null,
    constraint withheld_column_pk primary key (table_name, column_name)
);
grant select on platform.withheld_column to kith_app, kith_export;

-- Rows that are not given out: where `holds`, SQL over the row `t` and the person `$1`, is true. `from_self` says whether
-- not to the person either, or only not to who handles their request.
create table platform.withheld_row (
    table_name text not null,
    holds text not null,
    from_self boolean not null,
    reason text not null,
    constraint withheld_row_pk primary key (table_name, holds)
);
grant select on platform.withheld_row to kith_app, kith_export;

-- Copies of a state on its way: what they say lies in the tables of the service whose state it is, where each reads
-- what is theirs. A copy tells everybody it names everything else it says.
update platform.subject_column set given = false
where (table_name, column_name) in
    (('platform.outbox', 'payload'), ('platform.inbox', 'payload'), ('platform.saved_answer', 'answer'));

insert into platform.withheld_column (table_name, column_name, shown_as, reason) values
    ('platform.outbox', 'payload', 'null', 'a copy that may say more of others than the person may know'),
    ('platform.inbox', 'payload', 'null', 'a copy that may say more of others than the person may know'),
    ('platform.saved_answer', 'answer', 'null', 'a copy that may say more of others than the person may know'),
    ('platform.saved_answer', 'caused', 'null', 'a copy that may say more of others than the person may know');

insert into platform.withheld_row (table_name, holds, from_self, reason) values
    ('platform.consent', 'true', false, 'nobody but the person reads their consents'),
    ('platform.audit', 't.action in (''GiveConsent'', ''WithdrawConsent'', ''GetConsent'', ''ListConsents'')', false,
        'nobody but the person hears of their consents');

-- Every row that is given out about a person, as it is given out, as the app role sees it.
create function platform.rows_given(p_person uuid, p_to_self boolean) returns table (table_name text, content jsonb)
language plpgsql stable as $$
declare each record;
begin
    for each in
        select s.table_name as name, string_agg(platform.subject_condition(s), ' or ' order by s.column_name) as holds,
            coalesce((select string_agg('(' || r.holds || ')', ' or ' order by r.holds) from platform.withheld_row r
                where r.table_name = s.table_name and (r.from_self or not p_to_self)), 'false') as withheld,
            coalesce((select array_agg(c.column_name order by c.column_name) from platform.withheld_column c
                where c.table_name = s.table_name), '{}') as masked,
            coalesce((select string_agg(format(
                    ' || (select case when v.shown is null then ''{}'' else jsonb_build_object(%L, v.shown) end from (select (%s) as shown) v)',
                    c.column_name, c.shown_as), '' order by c.column_name)
                from platform.withheld_column c where c.table_name = s.table_name), '') as shown
        from platform.subject_column s where s.given and s.table_name not like 'signin.%'
        group by s.table_name order by s.table_name
    loop
        return query execute format(
            'select %L::text, (to_jsonb(t) - %L::text[]) %s from %s t
             where t.tenant_id = platform.tenant() and (%s) and not coalesce(%s, false) order by to_jsonb(t)::text',
            each.name, each.masked, each.shown, each.name, each.holds, each.withheld) using p_person;
    end loop;
end $$;
