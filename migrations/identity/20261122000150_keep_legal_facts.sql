-- Legal facts about somebody: advance decisions, powers of attorney, deprivations of liberty and the like. What each says
-- now, and everything that it ever said.

create table legal_fact (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    kind text not null,
    -- Only where the kind is another one.
    name text not null,
    valid_from date,
    -- First day no longer.
    valid_until date,
    review_on date,
    original_place text not null,
    -- Who recorded or last corrected it, and on which basis.
    recorded_by uuid not null,
    recorded_as text not null,
    recorded_at timestamptz not null,
    seen_by uuid,
    seen_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz not null,
    version bigint not null,
    constraint legal_fact_pk primary key (tenant_id, id),
    constraint legal_fact_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint legal_fact_kind_known check (kind in ('advance_decision', 'do_not_attempt_cpr',
        'attorney_health_and_welfare', 'attorney_property', 'deprivation_of_liberty', 'other')),
    constraint legal_fact_named_where_other check ((kind = 'other') = (name <> '')),
    constraint legal_fact_texts_fit check (char_length(name) <= 100 and char_length(original_place) <= 200),
    constraint legal_fact_days check (valid_until is null or valid_from is null or valid_until >= valid_from),
    constraint legal_fact_liberty_has_an_end check (
        kind <> 'deprivation_of_liberty' or (valid_from is not null and valid_until is not null)),
    constraint legal_fact_recorded_as_known check (recorded_as in ('self', 'checks', 'nomination',
        'attorney_health_and_welfare', 'attorney_property', 'deputyship', 'guardian')),
    constraint legal_fact_seen_whole check ((seen_by is null) = (seen_at is null)),
    -- The second pair of eyes is a second person's.
    constraint legal_fact_seen_by_another check (seen_by <> recorded_by and seen_by <> person_id)
);
create index legal_fact_of_person_newest on legal_fact (tenant_id, person_id, created_at, id);
select platform.protect('legal_fact');

-- Everything that a legal fact ever said; it only grows, until the person is erased.
create table legal_fact_version (
    tenant_id uuid not null,
    legal_fact_id uuid not null,
    version bigint not null,
    person_id uuid not null,
    step text not null,
    kind text not null,
    name text not null,
    valid_from date,
    valid_until date,
    review_on date,
    original_place text not null,
    written_by uuid not null,
    written_as text not null,
    written_at timestamptz not null,
    constraint legal_fact_version_pk primary key (tenant_id, legal_fact_id, version),
    constraint legal_fact_version_of_fact foreign key (tenant_id, legal_fact_id) references legal_fact (tenant_id, id),
    constraint legal_fact_version_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint legal_fact_version_step_known check (step in ('recorded', 'corrected', 'original_seen', 'ended')),
    constraint legal_fact_version_kind_known check (kind in ('advance_decision', 'do_not_attempt_cpr',
        'attorney_health_and_welfare', 'attorney_property', 'deprivation_of_liberty', 'other')),
    constraint legal_fact_version_written_as_known check (written_as in ('self', 'checks', 'nomination',
        'attorney_health_and_welfare', 'attorney_property', 'deputyship', 'guardian'))
);
create index legal_fact_version_of_person_all on legal_fact_version (tenant_id, person_id);
select platform.protect('legal_fact_version');
revoke update on legal_fact_version from kith_app;

-- How long a deprivation of liberty may be authorised at a time, by the day on which it begins: from before every day that
-- is accepted.
insert into platform.setting (name, valid_from, value, source) values
    ('deprivation_of_liberty_months', '1900-01-01', 12,
        'Mental Capacity Act 2005, Schedule A1: a standard authorisation lasts 12 months at most');

-- Part of the person's care record. Who recorded or saw it for somebody else does not take the other's papers away in a
-- bundle of their own.
insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, step, given) values
    ('public.legal_fact', 'person_id', 'whose legal fact', 'delete', 'care_record', 't.recorded_at::date', 2, true),
    ('public.legal_fact', 'recorded_by', 'who recorded it', 'keep', null, null, 1, false),
    ('public.legal_fact', 'seen_by', 'who saw the original', 'keep', null, null, 1, false),
    ('public.legal_fact_version', 'person_id', 'whose legal fact', 'delete', 'care_record', 't.written_at::date', 1, true),
    ('public.legal_fact_version', 'written_by', 'who wrote it', 'keep', null, null, 1, false);
insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.legal_fact', 'name', true, '', 'what it is called, in their words'),
    ('public.legal_fact', 'original_place', true, '', 'where the original is kept'),
    ('public.legal_fact_version', 'name', true, '', 'what it was called, in their words'),
    ('public.legal_fact_version', 'original_place', true, '', 'where the original was kept');

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'RecordLegalFact', '2000-01-01', 'recorded a legal fact about you', 'record a legal fact about you', 'Kith ID-26'),
    ('action', 'CorrectLegalFact', '2000-01-01', 'corrected a legal fact about you', 'correct a legal fact about you', 'Kith ID-26'),
    ('action', 'ConfirmOriginal', '2000-01-01', 'confirmed that they saw the original of a legal fact about you', 'confirm that they saw the original of a legal fact about you', 'Kith ID-26'),
    ('action', 'EndLegalFact', '2000-01-01', 'ended a legal fact about you', 'end a legal fact about you', 'Kith ID-26'),
    ('action', 'ListLegalFacts', '2000-01-01', 'saw the legal facts about you', 'see the legal facts about you', 'Kith ID-26'),
    ('action', 'ListLegalFactVersions', '2000-01-01', 'saw what a legal fact about you ever said', 'see what a legal fact about you ever said', 'Kith ID-26'),
    ('basis', 'writer', '2000-01-01', 'somebody who wrote it', '', 'Kith ID-26');

-- Identity itself keeps records of a class now. Before a name goes it is asked what has to stay here, counted as in
-- platform.erase_about.
create function kept_about(p_person uuid, p_today date, p_classes text[], p_months int[])
returns table (class text, kept bigint, kept_until date)
language plpgsql stable as $$
declare
    part platform.subject_column;
    newest date;
    candidate date;
    counted bigint;
    months int;
begin
    for class in
        select distinct s.retention_class from platform.subject_column s
        where s.on_erasure <> 'keep' and s.retention_class is not null and s.table_name not like 'signin.%' order by 1
    loop
        kept := 0; newest := null;
        for part in select * from platform.subject_column s where s.retention_class = class loop
            execute format('select max((%s)::date), count(*) from %s t where t.tenant_id = platform.tenant() and %s',
                part.dated_by, part.table_name, platform.subject_condition(part))
                into candidate, counted using p_person, p_today;
            newest := greatest(newest, candidate);
            kept := kept + counted;
        end loop;
        months := p_months[array_position(p_classes, class)];
        kept_until := (newest + make_interval(months => months))::date;
        if kept > 0 and (months is null or kept_until > p_today) then
            return next;
        end if;
    end loop;
end $$;
