-- Which columns can name a person, and which texts are personal: see platform's data_rights.

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, through) values
    -- Somebody who has members is in care today; otherwise the last one's end counts.
    ('public.team', 'owner_person_id', 'owner', 'blank', 'care_record',
        'case when exists (select from public.membership m where m.tenant_id = t.tenant_id and m.team_id = t.id
             and m.state = ''member'' and m.valid_until is null) then $2
         else greatest(t.recorded_at::date, (select max(m.valid_until) from public.membership m
             where m.tenant_id = t.tenant_id and m.team_id = t.id)) end', null),
    ('public.membership', 'person_id', 'member', 'delete', 'care_record',
        'case t.state when ''member'' then coalesce(t.valid_until, $2) else t.asked_at::date end', null),
    ('public.membership', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.hat_holding', 'person_id', 'hat holder', 'delete', 'care_record', 't.asked_at', null),
    ('public.hat_holding', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.promise', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)');

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.team', 'outward_code', true, 'ZZ99', 'where somebody lives'),
    ('public.promise', 'text_version', false, null, 'number of a published text'),
    ('public.promise_text', 'version', false, null, 'number of a published text'),
    ('public.promise_text', 'body', false, null, 'published text'),
    ('public.promise_text', 'source', false, null, 'where it is published');
