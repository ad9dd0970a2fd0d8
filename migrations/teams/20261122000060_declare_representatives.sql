-- Which columns can name a person: who acts for whom, as identity tells it. Ids only.
insert into platform.subject_column (table_name, column_name, capacity, on_erasure) values
    ('public.known_representative', 'person_id', 'who is represented', 'keep'),
    ('public.known_representative', 'representative_person_id', 'who acts for them', 'keep');
