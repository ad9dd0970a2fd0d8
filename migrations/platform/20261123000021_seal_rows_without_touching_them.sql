-- A row of the audit is written once and never again: a block lists the rows that it holds, and what waits for a seal stands in a
-- narrow table. To be given its place, each row was written anew with all its index entries, which was a tenth of what PostgreSQL
-- did for a read of personal data; and the role that seals needed the right to change rows. There was no release before this one, so
-- nothing older runs beside it.

-- Rows that have no seal yet.
create table platform.audit_open (
    tenant_id uuid not null,
    id uuid not null,
    constraint audit_open_pk primary key (tenant_id, id)
);
select platform.protect('platform.audit_open');
revoke update, delete on platform.audit_open from kith_app;
create policy relay_r on platform.audit_open for select to kith_relay using (true);
create policy relay_done on platform.audit_open for delete to kith_relay using (true);
grant select, delete on platform.audit_open to kith_relay;
insert into platform.audit_open (tenant_id, id) select tenant_id, id from platform.audit where block_number is null;

-- Where the rows are found, in the order of their hashes; what they must say stands in the hashes, their ids included.
alter table platform.audit_block add column row_ids uuid[];
update platform.audit_block b set row_ids = array(
    select a.id from platform.audit a where a.tenant_id = b.tenant_id and a.block_number = b.number order by a.place);
alter table platform.audit_block alter column row_ids set not null;

drop policy unplaced on platform.audit;
drop policy relay_place on platform.audit;
revoke update (block_number, place) on platform.audit from kith_relay;
-- Their index and constraints go with them.
alter table platform.audit drop column block_number, drop column place;
