-- The only table of the small service that tests the platform by itself.

create table note (
    tenant_id uuid not null,
    id uuid not null,
    body text not null,
    version bigint not null,
    applied text not null,
    constraint note_pk primary key (tenant_id, id)
);
select platform.protect('note');
