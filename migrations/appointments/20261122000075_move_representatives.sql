-- Who acts for whom is kept in the platform's schema now, as in every service: what is known here moves over. The old
-- table did not keep scopes of property; where only these can be meant they are kept, and otherwise the next event about
-- the representative says so. Nothing in this service asks for them.
alter table known_representative no force row level security;
alter table platform.representative no force row level security;

do $$
declare
    known bigint;
    moved bigint;
begin
    select count(*) into known from known_representative;
    insert into platform.representative (tenant_id, id, person_id, representative_person_id, basis, health_and_welfare,
        property, confirmed, valid_from, valid_until)
    select tenant_id, id, person_id, representative_person_id, basis, health_and_welfare, not health_and_welfare,
        confirmed, valid_from, valid_until
    from known_representative;
    get diagnostics moved = row_count;
    if moved <> known then
        raise exception 'of % representatives % were moved', known, moved;
    end if;
end $$;

alter table platform.representative force row level security;
delete from platform.subject_column where table_name = 'public.known_representative';
drop table known_representative;
