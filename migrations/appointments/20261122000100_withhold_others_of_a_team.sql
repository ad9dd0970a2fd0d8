-- Who else is in a Team is the Owner's to know from the lists that are kept here; everybody else is given their own entries.
insert into platform.withheld_column (table_name, column_name, shown_as, reason) values
    ('public.known_team', 'members',
        '(case when t.owner_person_id = $1 then t.members else (select jsonb_agg(e) from jsonb_array_elements(t.members) e where position($1::text in e::text) > 0) end)',
        'others of a Team are not theirs to know once they have left'),
    ('public.known_team', 'rota_holders',
        '(case when t.owner_person_id = $1 then t.rota_holders else (select jsonb_agg(e) from jsonb_array_elements(t.rota_holders) e where position($1::text in e::text) > 0) end)',
        'others of a Team are not theirs to know once they have left');
