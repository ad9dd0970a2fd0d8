-- Which columns can name a person, and which texts are personal: see platform's data_rights. Answers name nobody.

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, through) values
    ('public.circle_member', 'person_id', 'member', 'keep', null),
    ('public.round', 'opened_by', 'who opened it', 'keep', null),
    ('public.round', 'team_id', 'owner of the team', 'keep',
        't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.team', 'owner_person_id', 'owner', 'keep', null),
    ('public.team_member', 'person_id', 'member', 'keep', null),
    ('public.team_member', 'team_id', 'owner of the team', 'keep',
        't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.visit', 'giver_person_id', 'giver', 'keep', null),
    ('public.visit', 'team_id', 'owner of the team', 'keep',
        't.team_id in (select o.team_id from public.team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)');

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.copyright_notice', 'notice', false, null, 'published text'),
    ('public.copyright_notice', 'source', false, null, 'where it is published'),
    ('public.suppression_threshold', 'source', false, null, 'where it is written');
