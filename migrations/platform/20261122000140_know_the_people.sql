-- Who is in the tenant, as identity tells every service that asks: since they were asked in, until they leave. Ids and
-- times only. In which organisation roles they are stands in platform.organisation_role.
create table platform.person (
    tenant_id uuid not null,
    person_id uuid not null,
    left_at timestamptz,
    constraint person_pk primary key (tenant_id, person_id)
);
select platform.protect('platform.person');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure) values
    ('platform.person', 'person_id', 'member of the tenant', 'keep');
