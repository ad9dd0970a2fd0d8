-- Series, visits and bookings, and what this service keeps of Teams, givers and introductions.

create extension if not exists btree_gist;

create table series (
    tenant_id        uuid        not null,
    id               uuid        not null,
    team_id          uuid        not null,
    giver_person_id  uuid        not null,
    kind             text        not null,
    starts_local     timestamp   not null,
    time_zone        text        not null,
    wall_minutes     integer     not null,
    rrule            text,
    state            text        not null,
    proposed_by      text        not null,
    proposed_at      timestamptz not null,
    answered_at      timestamptz,
    version          bigint      not null,
    constraint series_pkey primary key (tenant_id, id),
    constraint series_kind_known check (kind in ('support', 'personal_care', 'companionship', 'waking_night',
        'sleeping_night', 'outing', 'peer_support', 'trial')),
    constraint series_state_known check (state in ('proposed', 'agreed', 'declined')),
    constraint series_proposed_by_known check (proposed_by in ('team', 'giver')),
    constraint series_wall_minutes_in_range check (wall_minutes between 1 and 1440)
);
create index series_of_team on series (tenant_id, team_id, id);
create index series_of_giver on series (tenant_id, giver_person_id, id);

create table visit (
    tenant_id                uuid        not null,
    id                       uuid        not null,
    series_id                uuid        not null,
    team_id                  uuid        not null,
    giver_person_id          uuid        not null,
    kind                     text        not null,
    occurrence_local         timestamp   not null,
    starts_local             timestamp   not null,
    time_zone                text        not null,
    wall_minutes             integer     not null,
    plan_starts_at           timestamptz not null,
    plan_ends_at             timestamptz not null,
    state                    text        not null,
    actual_starts_at         timestamptz,
    actual_ends_at           timestamptz,
    actual_by                text,
    actual_accepted          boolean     not null,
    settled_starts_at        timestamptz,
    settled_ends_at          timestamptz,
    settlement               text,
    settlement_no            bigint      not null,
    cancelled_by             text,
    cancelled_by_person_id   uuid,
    cancelled_at             timestamptz,
    cancellation_unconfirmed boolean     not null,
    move_starts_local        timestamp,
    move_by                  text,
    cover_person_id          uuid,
    cover_by                 text,
    brought_in               boolean     not null,
    version                  bigint      not null,
    constraint visit_pkey primary key (tenant_id, id),
    constraint visit_series_fkey foreign key (tenant_id, series_id) references series (tenant_id, id),
    constraint visit_once_per_occurrence unique (tenant_id, series_id, occurrence_local),
    constraint visit_kind_known check (kind in ('support', 'personal_care', 'companionship', 'waking_night',
        'sleeping_night', 'outing', 'peer_support', 'trial')),
    constraint visit_state_known check (state in ('planned', 'agreed', 'cancelled', 'late_cancelled', 'missed')),
    constraint visit_plan_forwards check (plan_ends_at > plan_starts_at),
    constraint visit_actual_whole check (num_nulls(actual_starts_at, actual_ends_at, actual_by) in (0, 3)),
    constraint visit_actual_forwards check (actual_ends_at > actual_starts_at),
    constraint visit_actual_by_known check (actual_by in ('team', 'giver')),
    constraint visit_settled_whole check (num_nulls(settled_starts_at, settled_ends_at, settlement) in (0, 3)),
    constraint visit_settled_forwards check (settled_ends_at > settled_starts_at),
    constraint visit_settlement_known check (settlement in ('money', 'care_coins', 'gift')),
    constraint visit_settled_where_it_may check (
        (state = 'agreed') = (settlement is not null) or (state = 'late_cancelled' and settlement = 'money')),
    constraint visit_cancellation_whole check (num_nulls(cancelled_by, cancelled_by_person_id, cancelled_at) in (0, 3)),
    constraint visit_cancelled_by_known check (cancelled_by in ('team', 'giver')),
    constraint visit_move_whole check (num_nulls(move_starts_local, move_by) in (0, 2)),
    constraint visit_move_by_known check (move_by in ('team', 'giver')),
    constraint visit_cover_whole check (num_nulls(cover_person_id, cover_by) in (0, 2)),
    constraint visit_cover_by_known check (cover_by in ('team', 'giver'))
);
create index visit_of_team on visit (tenant_id, team_id, occurrence_local, id);
create index visit_of_giver on visit (tenant_id, giver_person_id, occurrence_local, id);
create index visit_to_cover on visit (tenant_id, cover_person_id, occurrence_local, id) where cover_person_id is not null;

-- Who is booked when: one row for the giver and one for the Owner of every visit that is planned or took place as
-- planned. Only plans exclude one another, and only where they do not belong to the same group (a visit's two people;
-- one day co-supported and group visits).
create table booking (
    tenant_id uuid        not null,
    visit_id  uuid        not null,
    person_id uuid        not null,
    starts_at timestamptz not null,
    ends_at   timestamptz not null,
    group_id  uuid        not null,
    constraint booking_pkey primary key (tenant_id, visit_id, person_id),
    constraint booking_visit_fkey foreign key (tenant_id, visit_id) references visit (tenant_id, id),
    constraint booking_forwards check (ends_at > starts_at),
    constraint booking_no_overlap exclude using gist (
        tenant_id with =, person_id with =, tstzrange(starts_at, ends_at) with &&, group_id with <>)
);

-- What `teams` tells. Lists of {person, valid_from, valid_until}.
create table known_team (
    tenant_id       uuid  not null,
    team_id         uuid  not null,
    owner_person_id uuid  not null,
    circle_id       uuid  not null,
    members         jsonb not null,
    rota_holders    jsonb not null,
    promise_from    date,
    constraint known_team_pkey primary key (tenant_id, team_id)
);

-- What `matching` tells of givers. Terms are a list of {valid_from, settlement}, oldest first.
create table known_giver (
    tenant_id uuid  not null,
    person_id uuid  not null,
    readiness jsonb,
    terms     jsonb not null,
    constraint known_giver_pkey primary key (tenant_id, person_id)
);

-- What `matching` tells of introductions.
create table known_introduction (
    tenant_id         uuid not null,
    introduction_id   uuid not null,
    team_id           uuid not null,
    giver_person_id   uuid not null,
    state             text not null,
    trial_sessions    integer,
    trial_valid_from  date,
    trial_valid_until date,
    constraint known_introduction_pkey primary key (tenant_id, introduction_id),
    constraint known_introduction_state_known check (state in ('mutual', 'trial_agreed', 'welcome', 'ended')),
    constraint known_introduction_trial_whole check (
        num_nulls(trial_sessions, trial_valid_from, trial_valid_until) in (0, 3))
);
create index known_introduction_of_both on known_introduction (tenant_id, team_id, giver_person_id);

select platform.protect('series');
select platform.protect('visit');
select platform.protect('booking');
select platform.protect('known_team');
select platform.protect('known_giver');
select platform.protect('known_introduction');

-- Notice below which a cancellation by the Team's side is charged, in elapsed hours; exactly that much is still free.
-- The day that it goes by is the visit's first planned local day.
insert into platform.setting (name, valid_from, value, source) values
    ('cancellation_notice_hours', '2000-01-01', 24,
     'playbook, Getting Support Profile: sessions cancelled within 24 hours are still charged (S1:L1534)');
