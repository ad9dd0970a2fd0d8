-- Who has left is kept in the platform's schema now, as in every service: what is known here moves over.
alter table departed_person no force row level security;
alter table platform.person no force row level security;
insert into platform.person (tenant_id, person_id, left_at)
    select tenant_id, person_id, left_at from departed_person;
alter table platform.person force row level security;

delete from platform.subject_column where table_name = 'public.departed_person';
drop table departed_person;

-- What was kept here was a part of it: the rest is asked for.
delete from platform.subscription where aggregate_type in ('identity.person', 'identity.role');
