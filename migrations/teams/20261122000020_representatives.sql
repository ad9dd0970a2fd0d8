-- What `identity` tells of who acts for whom. Only what was confirmed holds, and only in matters of health and welfare
-- is it looked at here; an end keeps what held before it.
create table known_representative (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    representative_person_id uuid not null,
    basis text not null,
    health_and_welfare boolean not null,
    confirmed boolean not null,
    valid_from date not null,
    valid_until date,
    constraint known_representative_pk primary key (tenant_id, id),
    constraint known_representative_basis_known check (
        basis in ('nomination', 'attorney_health_and_welfare', 'attorney_property', 'deputyship', 'guardian'))
);
create index known_representative_by_person on known_representative (tenant_id, person_id, representative_person_id);
select platform.protect('known_representative');
