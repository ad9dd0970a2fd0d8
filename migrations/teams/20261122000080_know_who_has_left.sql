-- People who have left the tenant, as identity tells it: nobody asks them to join or to wear a hat any more.
create table departed_person (
    tenant_id uuid not null,
    person_id uuid not null,
    left_at timestamptz not null,
    constraint departed_person_pk primary key (tenant_id, person_id)
);
select platform.protect('departed_person');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure) values
    ('public.departed_person', 'person_id', 'who has left', 'keep');

create index hat_holding_of_person on hat_holding (tenant_id, person_id);
