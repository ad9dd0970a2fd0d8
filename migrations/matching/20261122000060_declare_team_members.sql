-- Which columns can name a person: who is in a Team, as teams tells it. Ids only.
insert into platform.subject_column (table_name, column_name, capacity, on_erasure) values
    ('public.team_member', 'person_id', 'member of a team', 'keep');
