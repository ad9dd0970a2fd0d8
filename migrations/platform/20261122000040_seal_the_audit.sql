-- The audit is sealed: a sealer of the relay role gives each row its place in a block of its tenant's chain, and each block
-- holds the hashes of its rows and of the block before it, signed with the service's key. Rows are never changed: the only
-- thing that happens to one is that it is given its place, once.

alter table platform.audit add column block_number bigint, add column place int;
alter table platform.audit add constraint audit_place_whole check ((block_number is null) = (place is null));
alter table platform.audit add constraint audit_place_once unique (tenant_id, block_number, place);
create index audit_unsealed on platform.audit (tenant_id, id) where block_number is null;
create index audit_about on platform.audit (tenant_id, person_id, recorded_at desc, id desc)
    where person_id is not null;
drop index platform.audit_of_person;

-- Who writes a row cannot give it a place.
create policy unplaced on platform.audit as restrictive for insert to kith_app
    with check (block_number is null and place is null);
-- The sealer reads what is to be sealed and gives places; a place that was given stays.
create policy relay_r on platform.audit for select to kith_relay using (true);
create policy relay_place on platform.audit for update to kith_relay
    using (block_number is null) with check (block_number is not null);
grant select on platform.audit to kith_relay;
grant update (block_number, place) on platform.audit to kith_relay;

create table platform.audit_block (
    tenant_id uuid not null,
    -- From 1, without a gap.
    number bigint not null,
    row_count int not null,
    -- SHA-256 of each row, in the order of their places: says which row is not as it was.
    row_hashes bytea not null,
    merkle_root bytea not null,
    -- Of the block before; 32 zeros for the first.
    prev_hash bytea not null,
    block_hash bytea not null,
    sealed_at timestamptz not null,
    -- Ed25519: the key's public half, and its signature over tenant, number and block_hash.
    public_key bytea not null,
    signature bytea not null,
    constraint audit_block_pk primary key (tenant_id, number),
    constraint audit_block_counted check (row_count > 0 and length(row_hashes) = 32 * row_count)
);
select platform.protect('platform.audit_block');
revoke insert, update, delete on platform.audit_block from kith_app;
create policy relay_r on platform.audit_block for select to kith_relay using (true);
create policy relay_add on platform.audit_block for insert to kith_relay with check (true);
grant select, insert on platform.audit_block to kith_relay;

-- The access log's words: what an action did, as it follows "Somebody ..." and (asked) "Somebody asked to ...", and
-- what a word of standing means, as it follows "as". Each from a date. A service adds the words of its own policy.
create table platform.access_text (
    kind text not null,
    word text not null,
    valid_from date not null,
    text text not null,
    asked text not null,
    source text not null,
    constraint access_text_pk primary key (kind, word, valid_from),
    constraint access_text_kind_known check (kind in ('action', 'basis'))
);
grant select on platform.access_text to kith_app, kith_export;
insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'ListAccesses', '2000-01-01', 'looked at who saw what about you', 'look at who saw what about you', 'Kith'),
    ('basis', 'self', '2000-01-01', 'the person it is about', '', 'Kith'),
    ('basis', 'anyone', '2000-01-01', 'somebody who belongs to the same place', '', 'Kith'),
    ('basis', 'operator', '2000-01-01', 'somebody who runs the platform', '', 'Kith'),
    ('basis', 'administrator', '2000-01-01', 'an administrator of the place', '', 'Kith'),
    ('basis', 'break_glass', '2000-01-01', 'somebody who opened an emergency look', '', 'Kith');
