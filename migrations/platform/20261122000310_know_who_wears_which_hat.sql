-- Who is what in which Team, and who gives support, as teams and matching tell every service that asks: for consents that
-- are given to a Team or to a hat. Ids, words and days only.
create table platform.hat (
    tenant_id uuid not null,
    -- The Team or the giver of whom it was told.
    told_of uuid not null,
    -- Where it stood in what was told: the same person may have worn the same hat more than once.
    position integer not null,
    -- `owner`, `member`, `giver`, or the word of a Team's hat.
    hat text not null,
    -- Null for a giver, who is one in every Team.
    team_id uuid,
    person_id uuid not null,
    -- First day; null for as long as it is told.
    valid_from date,
    -- First day no longer; null while it lasts.
    valid_until date,
    constraint hat_pk primary key (tenant_id, told_of, position)
);
create index hat_by_person on platform.hat (tenant_id, person_id);
select platform.protect('platform.hat');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure) values
    ('platform.hat', 'person_id', 'who wears a hat', 'keep');
insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('platform.hat', 'hat', false, null, 'a word of the contract');
