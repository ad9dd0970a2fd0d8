-- Survey rounds, their unused reply codes and their answers; what evaluation knows of teams, circles and visits.

create table round (
    tenant_id uuid not null,
    round_id uuid not null,
    instrument text not null,
    -- Who it is about: exactly one of the two.
    circle_id uuid,
    team_id uuid,
    state text not null,
    -- How many reply codes were made.
    reply_codes integer not null,
    opened_by uuid not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    constraint round_pk primary key (tenant_id, round_id),
    constraint round_instrument_known check (instrument in ('swemwbs')),
    constraint round_about_one check (num_nonnulls(circle_id, team_id) = 1),
    constraint round_state_known check (state in ('open', 'closed')),
    constraint round_closed_at_when_closed check ((state = 'closed') = (closed_at is not null)),
    constraint round_reply_codes_in_range check (reply_codes between 1 and 500)
);

-- Lists of a Circle's and of a Team's rounds, newest first.
create index round_by_circle on round (tenant_id, circle_id, opened_at desc, round_id desc);
create index round_by_team on round (tenant_id, team_id, opened_at desc, round_id desc);

-- A closed round stays closed: the fence behind the rule in the service.
create function round_stays_closed() returns trigger language plpgsql as $$
begin
    raise exception 'a closed round stays as it is' using errcode = 'check_violation', constraint = 'round_stays_closed';
end
$$;
create trigger round_stays_closed before update on round
    for each row when (old.state = 'closed' and (new.state, new.closed_at) is distinct from (old.state, old.closed_at))
    execute function round_stays_closed();

-- Reply codes that can still be used. Spending one, or closing the round, removes it: a code that was used, one of a
-- closed round and one that never was cannot be told apart.
create table reply_code (
    tenant_id uuid not null,
    -- SHA-256 of the code.
    code_digest bytea not null,
    round_id uuid not null,
    constraint reply_code_pk primary key (tenant_id, code_digest),
    constraint reply_code_round foreign key (tenant_id, round_id) references round (tenant_id, round_id),
    constraint reply_code_digest_length check (octet_length(code_digest) = 32)
);
create index reply_code_by_round on reply_code (tenant_id, round_id);

-- Answers. No person, no code, no time; the id is random and says nothing of the order either.
create table answer (
    tenant_id uuid not null,
    round_id uuid not null,
    answer_id uuid not null,
    -- One per item in order, 1 to 5; null where it was left out.
    items smallint[] not null,
    constraint answer_pk primary key (tenant_id, round_id, answer_id),
    constraint answer_round foreign key (tenant_id, round_id) references round (tenant_id, round_id),
    constraint answer_items_in_range check (1 <= all (items) and 5 >= all (items))
);

-- Teams, as told by teams.
create table team (
    tenant_id uuid not null,
    team_id uuid not null,
    owner_person_id uuid not null,
    circle_id uuid not null,
    constraint team_pk primary key (tenant_id, team_id)
);

-- Memberships of Teams to which both sides said yes, half-open in days, as told by teams.
create table team_member (
    tenant_id uuid not null,
    team_id uuid not null,
    membership_id uuid not null,
    person_id uuid not null,
    valid_from date not null,
    valid_until date,
    constraint team_member_pk primary key (tenant_id, team_id, membership_id)
);
create index team_member_by_person on team_member (tenant_id, team_id, person_id);

-- Seats held in Circles, as told by governance.
create table circle_member (
    tenant_id uuid not null,
    circle_id uuid not null,
    person_id uuid not null,
    valid_from date not null,
    constraint circle_member_pk primary key (tenant_id, circle_id, person_id)
);

-- Visits, as told by appointments: ids, days and states only.
create table visit (
    tenant_id uuid not null,
    visit_id uuid not null,
    team_id uuid not null,
    giver_person_id uuid not null,
    -- Wall-clock start as first planned.
    occurrence_local timestamp not null,
    -- Local day of the agreed start; null while nothing is agreed.
    agreed_on date,
    state text not null,
    constraint visit_pk primary key (tenant_id, visit_id),
    constraint visit_state_known check (state in ('planned', 'agreed', 'cancelled', 'late_cancelled', 'missed')),
    constraint visit_agreed_has_a_day check (state <> 'agreed' or agreed_on is not null)
);
create index visit_by_team_and_plan on visit (tenant_id, team_id, occurrence_local);

select platform.protect('round');
select platform.protect('reply_code');
select platform.protect('answer');
select platform.protect('team');
select platform.protect('team_member');
select platform.protect('circle_member');
select platform.protect('visit');
