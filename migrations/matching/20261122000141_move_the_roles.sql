-- Who records checks and training is kept with the other roles in the platform's schema now: what is known here moves over.
alter table checks_role no force row level security;
alter table platform.organisation_role no force row level security;
insert into platform.organisation_role (tenant_id, person_id, role)
    select tenant_id, person_id, 'checks' from checks_role where held;
alter table platform.organisation_role force row level security;

delete from platform.subject_column where table_name = 'public.checks_role';
drop table checks_role;

-- What was kept here was one role: the others are asked for.
delete from platform.subscription where aggregate_type = 'identity.role';
