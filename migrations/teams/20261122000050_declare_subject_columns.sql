-- Which columns can name a person, and which texts are personal: see platform's data_rights.

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, through) values
    ('public.team', 'owner_person_id', 'owner', 'blank', 'care_record', 'recorded_at', null),
    ('public.membership', 'person_id', 'member', 'delete', 'care_record', 'asked_at', null),
    ('public.membership', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.hat_holding', 'person_id', 'hat holder', 'delete', 'care_record', 'asked_at', null),
    ('public.hat_holding', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.promise', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)');

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.team', 'outward_code', true, '', 'where somebody lives'),
    ('public.promise', 'text_version', false, null, 'number of a published text'),
    ('public.promise_text', 'version', false, null, 'number of a published text'),
    ('public.promise_text', 'body', false, null, 'published text'),
    ('public.promise_text', 'source', false, null, 'where it is published');
