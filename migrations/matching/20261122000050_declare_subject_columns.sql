-- Which columns can name a person, and which texts are personal: see platform's data_rights.

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, through) values
    ('public.checks_role', 'person_id', 'records checks', 'delete', null, null, null),
    ('public.giver', 'person_id', 'giver', 'blank', 'staff_record', 't.recorded_at', null),
    ('public.giver_readiness', 'person_id', 'giver', 'delete', 'staff_record', 't.recorded_at', null),
    ('public.giver_readiness', 'recorded_by', 'who recorded it', 'keep', null, null, null),
    ('public.giver_terms', 'person_id', 'giver', 'delete', 'staff_record', 't.recorded_at', null),
    ('public.introduction', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.introduction', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.opportunity', 'team_id', 'owner of the team', 'blank', 'care_record', 't.recorded_at',
        't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.team', 'owner_person_id', 'owner', 'keep', null, null, null);

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.giver', 'outward_code', true, 'ZZ99', 'where somebody lives'),
    ('public.giver_terms', 'contribution_rule', false, null, 'name of a circle''s rule'),
    ('public.opportunity', 'outward_code', true, 'ZZ99', 'where somebody lives');
