-- What decides whether somebody is shown to somebody: the Promise comes before anything is shared, and present members
-- are no strangers.

alter table team add column promise_from date;

-- Who is or was a member of a Team, from the service teams.
create table team_member (
    tenant_id uuid not null,
    team_id uuid not null,
    person_id uuid not null,
    valid_from date not null,
    valid_until date not null,
    constraint team_member_pk primary key (tenant_id, team_id, person_id, valid_from)
);
create index team_member_by_person on team_member (tenant_id, person_id);
select platform.protect('team_member');
