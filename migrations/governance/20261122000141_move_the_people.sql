-- People and their roles are kept in the platform's schema now, as in every service: what is known here moves over.
alter table person no force row level security;
alter table organisation_role no force row level security;
alter table platform.person no force row level security;
alter table platform.organisation_role no force row level security;
insert into platform.person (tenant_id, person_id) select tenant_id, person_id from person;
insert into platform.organisation_role (tenant_id, person_id, role)
    select distinct tenant_id, person_id, role from organisation_role, unnest(roles) as r (role);
alter table platform.person force row level security;
alter table platform.organisation_role force row level security;

delete from platform.subject_column where table_name in ('public.person', 'public.organisation_role');
delete from platform.text_column where table_name = 'public.organisation_role';
drop table person;
drop table organisation_role;

-- What was kept here was a part of it: the rest is asked for.
delete from platform.subscription where aggregate_type in ('identity.person', 'identity.role');
