-- That somebody is in two places, said by themselves: in both, before anybody sees it, and then to whom they say. Of no
-- tenant, as accounts are, so that no tenant's tables, events or saved answers hold anything of another.

-- One row for each place in which it was said; the link stands where there are both. It goes with either place.
create table signin.place_link (
    account_id uuid not null,
    -- Where it was said.
    tenant_id uuid not null,
    other_tenant_id uuid not null,
    said_at timestamptz not null,
    constraint place_link_pk primary key (account_id, tenant_id, other_tenant_id),
    constraint place_link_is_of_two check (tenant_id <> other_tenant_id),
    constraint place_link_of_place foreign key (account_id, tenant_id)
        references signin.sign_in_place (account_id, tenant_id) on delete cascade,
    constraint place_link_of_other_place foreign key (account_id, other_tenant_id)
        references signin.sign_in_place (account_id, tenant_id) on delete cascade
);
create index place_link_of_other on signin.place_link (account_id, other_tenant_id);
grant select, insert, delete on signin.place_link to identity_signin;

-- Who of the place in which it was said may see it.
create table signin.place_link_reader (
    account_id uuid not null,
    tenant_id uuid not null,
    other_tenant_id uuid not null,
    reader_person_id uuid not null,
    shown_at timestamptz not null,
    constraint place_link_reader_pk primary key (account_id, tenant_id, other_tenant_id, reader_person_id),
    constraint place_link_reader_of_link foreign key (account_id, tenant_id, other_tenant_id)
        references signin.place_link (account_id, tenant_id, other_tenant_id) on delete cascade
);
create index place_link_reader_by_reader on signin.place_link_reader (tenant_id, reader_person_id);
grant select, insert, delete on signin.place_link_reader to identity_signin;

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, step) values
    -- Of no tenant: read and deleted by the sign-in role, with the place.
    ('signin.place_link', 'account_id', 'who is in two places', 'delete', 1),
    ('signin.place_link_reader', 'account_id', 'who is in two places', 'delete', 1),
    ('signin.place_link_reader', 'reader_person_id', 'who may see it', 'delete', 1);

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'ConfirmPlaceLink', '2000-01-01', 'said that you are in another place too', 'say that you are in another place too', 'Kith ID-53'),
    ('action', 'ShowPlaceLink', '2000-01-01', 'said who may see in which other place you are', 'say who may see in which other place you are', 'Kith ID-53'),
    ('action', 'WithdrawPlaceLink', '2000-01-01', 'took back that you are in another place too', 'take back that you are in another place too', 'Kith ID-53'),
    ('action', 'ListPlaceLinks', '2000-01-01', 'saw in which other places you are', 'see in which other places you are', 'Kith ID-53'),
    ('basis', 'shown', '2000-01-01', 'somebody to whom you show it', '', 'Kith ID-53');
