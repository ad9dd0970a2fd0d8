-- Rights over one's own data, the same in every database: which columns can name a person and what becomes of their
-- rows in an erasure, which texts are personal, and the two functions that rest on it. Each service's migrations declare
-- their own columns; a test over the catalogue fails where one is forgotten.

-- A column that can name a person. `through` says how where it is not simply the person's id: SQL over the row `t` and
-- the person `$1`. In an erasure a row is deleted, or its personal texts are blanked, or it stays because it holds
-- nothing but ids; the first two only once its retention class allows it, counted from the newest row of that class:
-- `dated_by` is SQL over the row `t` and today `$2`, so that what is still in use counts from today.
create table platform.subject_column (
    table_name text not null,
    column_name text not null,
    capacity text not null,
    on_erasure text not null,
    retention_class text,
    dated_by text,
    through text,
    step smallint not null default 1,
    constraint subject_column_pk primary key (table_name, column_name),
    constraint subject_column_table_form check (table_name ~ '^[a-z_]+\.[a-z_]+$'),
    constraint subject_column_erasure_known check (on_erasure in ('delete', 'blank', 'keep')),
    constraint subject_column_class_dated check ((retention_class is null) = (dated_by is null))
);
grant select on platform.subject_column to kith_app, kith_export;

-- A column of text that people write: personal, with what replaces it, or plain, with the reason.
create table platform.text_column (
    table_name text not null,
    column_name text not null,
    personal boolean not null,
    erased_as text,
    reason text not null,
    constraint text_column_pk primary key (table_name, column_name)
);
grant select on platform.text_column to kith_app, kith_export;

-- Access requests that somebody handles, as identity told them.
create table platform.access_request (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    handler_person_id uuid not null,
    valid_until timestamptz not null,
    constraint access_request_pk primary key (tenant_id, id)
);
select platform.protect('platform.access_request');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, through) values
    ('platform.audit', 'actor_id', 'who acted', 'keep', null),
    ('platform.audit', 'person_id', 'whom it was about', 'keep', null),
    ('platform.audit', 'subject_id', 'what was acted on', 'keep', null),
    ('platform.access_request', 'person_id', 'whose data', 'keep', null),
    ('platform.access_request', 'handler_person_id', 'handler', 'keep', null),
    ('platform.outbox', 'aggregate_id', 'subject of an event', 'keep', null),
    ('platform.outbox', 'payload', 'named in an event', 'keep',
        'position(convert_to($1::text, ''UTF8'') in t.payload) > 0'),
    ('platform.outbox_head', 'aggregate_id', 'subject of events', 'keep', null),
    ('platform.inbox', 'aggregate_id', 'subject of an event', 'keep', null),
    ('platform.inbox', 'payload', 'named in an event', 'keep',
        'position(convert_to($1::text, ''UTF8'') in t.payload) > 0'),
    ('platform.inbox_cursor', 'aggregate_id', 'subject of events', 'keep', null),
    ('platform.saved_answer', 'actor_id', 'who asked', 'delete', null),
    ('platform.saved_answer', 'answer', 'named in an answer', 'delete',
        'position(convert_to($1::text, ''UTF8'') in t.answer) > 0 or position($1::text in t.caused) > 0');

-- How a declared column names the person.
create function platform.subject_condition(p_column platform.subject_column) returns text
language sql stable as
$$ select '(' || coalesce((p_column).through, format('t.%I = $1', (p_column).column_name)) || ')' $$;

-- Every row that names a person, as the app role sees it: of the transaction's tenant, under row security.
create function platform.rows_about(p_person uuid) returns table (table_name text, content jsonb)
language plpgsql stable as $$
declare each record;
begin
    for each in
        select s.table_name as name, string_agg(platform.subject_condition(s), ' or ' order by s.column_name) as holds
        from platform.subject_column s where s.table_name not like 'signin.%'
        group by s.table_name order by s.table_name
    loop
        return query execute format(
            'select %L::text, to_jsonb(t) from %s t where t.tenant_id = platform.tenant() and (%s) order by to_jsonb(t)::text',
            each.name, each.name, each.holds) using p_person;
    end loop;
end $$;

-- Erases what may go and answers, per retention class, what was done and what must be kept. A class that is not given is
-- kept for ever, as is one whose months are null. The class '' is for what nothing obliges to keep.
create function platform.erase_about(p_person uuid, p_today date, p_classes text[], p_months int[])
returns table (class text, deleted bigint, blanked bigint, kept bigint, kept_until date)
language plpgsql as $$
declare
    each record;
    part platform.subject_column;
    newest date;
    candidate date;
    months int;
    assignments text;
    changed bigint;
begin
    for each in
        select distinct s.retention_class as name from platform.subject_column s
        where s.on_erasure <> 'keep' and s.table_name not like 'signin.%' order by 1 nulls first
    loop
        class := coalesce(each.name, '');
        deleted := 0; blanked := 0; kept := 0; kept_until := null; newest := null; months := null;
        if each.name is not null then
            for part in select * from platform.subject_column s where s.retention_class = each.name loop
                execute format('select max((%s)::date), count(*) from %s t where t.tenant_id = platform.tenant() and %s',
                    part.dated_by, part.table_name, platform.subject_condition(part))
                    into candidate, changed using p_person, p_today;
                newest := greatest(newest, candidate);
                kept := kept + changed;
            end loop;
            months := p_months[array_position(p_classes, each.name)];
            kept_until := (newest + make_interval(months => months))::date;
            if kept > 0 and (months is null or kept_until > p_today) then
                return next;
                continue;
            end if;
            kept := 0; kept_until := null;
        end if;
        for part in
            select * from platform.subject_column s
            where s.retention_class is not distinct from each.name and s.on_erasure <> 'keep'
                and s.table_name not like 'signin.%'
            order by s.step, s.table_name, s.column_name
        loop
            if part.on_erasure = 'delete' then
                execute format('delete from %s t where t.tenant_id = platform.tenant() and %s',
                    part.table_name, platform.subject_condition(part)) using p_person;
                get diagnostics changed = row_count;
                deleted := deleted + changed;
            else
                select string_agg(format('%I = %s', c.column_name,
                    case when c.erased_as is null then 'null' else quote_literal(c.erased_as) end), ', ')
                into assignments from platform.text_column c where c.table_name = part.table_name and c.personal;
                execute format('update %s t set %s where t.tenant_id = platform.tenant() and %s',
                    part.table_name, assignments, platform.subject_condition(part)) using p_person;
                get diagnostics changed = row_count;
                blanked := blanked + changed;
            end if;
        end loop;
        return next;
    end loop;
end $$;
