-- What each database knows of who acts for whom. Only what was confirmed holds, each scope for itself; an end keeps what
-- held before it. Ids, words and dates only.
create table platform.representative (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    representative_person_id uuid not null,
    basis text not null,
    -- Support, visits, consent, the Team.
    health_and_welfare boolean not null,
    -- Payers, invoices, money.
    property boolean not null,
    confirmed boolean not null,
    valid_from date not null,
    valid_until date,
    constraint representative_pk primary key (tenant_id, id),
    constraint representative_basis_known check (
        basis in ('nomination', 'attorney_health_and_welfare', 'attorney_property', 'deputyship', 'guardian'))
);
create index representative_by_person on platform.representative (tenant_id, person_id, representative_person_id);
select platform.protect('platform.representative');
revoke delete on platform.representative from kith_app;

insert into platform.subject_column (table_name, column_name, capacity, on_erasure) values
    ('platform.representative', 'person_id', 'who is represented', 'keep'),
    ('platform.representative', 'representative_person_id', 'who acts for them', 'keep');

-- How the access log calls somebody who acts for the person it is about.
insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('basis', 'representative', '2000-01-01', 'somebody who acts for you', '', 'Kith ID-15'),
    ('basis', 'represents_health_and_welfare', '2000-01-01', 'somebody who acts for you in health and welfare', '', 'Kith ID-15'),
    ('basis', 'represents_property', '2000-01-01', 'somebody who acts for you in matters of money', '', 'Kith ID-15'),
    ('basis', 'nomination', '2000-01-01', 'somebody you chose to act for you', '', 'Kith ID-15'),
    ('basis', 'attorney_health_and_welfare', '2000-01-01',
        'the holder of your lasting power of attorney for health and welfare', '', 'Kith ID-15'),
    ('basis', 'attorney_property', '2000-01-01',
        'the holder of your lasting power of attorney for property and financial affairs', '', 'Kith ID-15'),
    ('basis', 'deputyship', '2000-01-01', 'your deputy, whom a court appointed', '', 'Kith ID-15'),
    ('basis', 'guardian', '2000-01-01', 'your legal guardian', '', 'Kith ID-15');
