-- Which columns can name a person, and which texts are personal: see platform's data_rights.

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, through) values
    ('public.booking', 'person_id', 'booked', 'delete', 'duty_roster', 't.starts_at', null),
    ('public.known_giver', 'person_id', 'giver', 'keep', null, null, null),
    ('public.known_introduction', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.known_introduction', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.team_id from public.known_team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.known_team', 'owner_person_id', 'owner', 'keep', null, null, null),
    ('public.known_team', 'members', 'member', 'keep', null, null, 'position($1::text in t.members::text) > 0'),
    ('public.known_team', 'rota_holders', 'rota holder', 'keep', null, null,
        'position($1::text in t.rota_holders::text) > 0'),
    ('public.series', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.series', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.team_id from public.known_team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)'),
    ('public.visit', 'giver_person_id', 'giver', 'keep', null, null, null),
    ('public.visit', 'cancelled_by_person_id', 'who cancelled', 'keep', null, null, null),
    ('public.visit', 'cover_person_id', 'cover', 'keep', null, null, null),
    ('public.visit', 'team_id', 'owner of the team', 'keep', null, null,
        't.team_id in (select o.team_id from public.known_team o where o.tenant_id = t.tenant_id and o.owner_person_id = $1)');

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.known_giver', 'readiness', false, null, 'dates'),
    ('public.known_giver', 'terms', false, null, 'dates, amounts and the names of rules'),
    ('public.known_team', 'members', false, null, 'ids and dates'),
    ('public.known_team', 'rota_holders', false, null, 'ids and dates'),
    ('public.series', 'time_zone', false, null, 'IANA zone'),
    ('public.series', 'rrule', false, null, 'RFC 5545 rule'),
    ('public.visit', 'time_zone', false, null, 'IANA zone');
