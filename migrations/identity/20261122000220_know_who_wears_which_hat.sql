-- Who wears which hat, as teams and matching tell it, for consents that are given to a hat.

-- A Team's Owner wears theirs for as long as it is told.
create table hat_worn (
    tenant_id uuid not null,
    team_id uuid not null,
    -- Where it stood in what was told: the same person may have worn the same hat more than once.
    place integer not null,
    -- A word of `consent_word`, or a hat to which no consent can be given.
    hat text not null,
    person_id uuid not null,
    -- First day; null for an Owner.
    valid_from date,
    -- First day no longer; null while it lasts.
    valid_until date,
    constraint hat_worn_pk primary key (tenant_id, team_id, place)
);
create index hat_worn_by_person on hat_worn (tenant_id, person_id);
select platform.protect('hat_worn');

-- Everybody who gives support, in whichever Team.
create table known_giver (
    tenant_id uuid not null,
    person_id uuid not null,
    constraint known_giver_pk primary key (tenant_id, person_id)
);
select platform.protect('known_giver');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, step) values
    ('public.hat_worn', 'person_id', 'who wears a hat', 'keep', 1),
    ('public.known_giver', 'person_id', 'giver', 'keep', 1);

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.hat_worn', 'hat', false, null, 'a word of the contract');
