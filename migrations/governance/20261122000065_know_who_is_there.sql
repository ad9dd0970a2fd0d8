-- Who is in the tenant, as identity tells: only they can be asked into a Circle.
create table person (
    tenant_id uuid not null,
    person_id uuid not null,
    constraint person_pk primary key (tenant_id, person_id)
);
select platform.protect('person');

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, through) values
    ('public.person', 'person_id', 'member of the tenant', 'keep', null, null, null);
