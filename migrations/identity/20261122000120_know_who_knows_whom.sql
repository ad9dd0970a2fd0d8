-- Whose name somebody may see: who belongs to which Team or Circle, as teams and governance tell it, and who invited whom.

-- Ids and days only. A Team's Owner belongs to it for as long as it is told.
create table belonging (
    tenant_id uuid not null,
    -- Teams and Circles have ids of their own, so that the same id may stand for one of each.
    kind text not null,
    group_id uuid not null,
    -- Where it stood in what was told: the same person may have belonged more than once.
    place integer not null,
    person_id uuid not null,
    -- First day; null for an Owner.
    valid_from date,
    -- First day no longer; null while it lasts.
    valid_until date,
    constraint belonging_pk primary key (tenant_id, kind, group_id, place),
    constraint belonging_kind_known check (kind in ('team', 'circle'))
);
create index belonging_by_person on belonging (tenant_id, person_id);
select platform.protect('belonging');

-- A table of its own, so that who reads what is kept of them as an inviter reads no row of somebody else's.
create table inviter (
    tenant_id uuid not null,
    person_id uuid not null,
    invited_by uuid not null,
    constraint inviter_pk primary key (tenant_id, person_id)
);
select platform.protect('inviter');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, step) values
    ('public.belonging', 'person_id', 'member', 'keep', 1),
    ('public.inviter', 'person_id', 'who was invited', 'keep', 1),
    ('public.inviter', 'invited_by', 'who invited them', 'keep', 1);

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('basis', 'fellow', '2000-01-01', 'somebody you share a Team or a Circle with', '', 'Kith'),
    ('basis', 'represented', '2000-01-01', 'somebody whom you act for', '', 'Kith'),
    ('basis', 'inviter', '2000-01-01', 'the one who invited you', '', 'Kith'),
    ('basis', 'checks', '2000-01-01', 'somebody who records checks and training', '', 'Kith');
