-- Givers, what Teams look for, and how they get to know one another.

create table giver (
    tenant_id uuid not null,
    person_id uuid not null,
    status text not null,
    outward_code text not null,
    registered_at timestamptz not null,
    recorded_at timestamptz not null,
    version bigint not null,
    constraint giver_pk primary key (tenant_id, person_id),
    constraint giver_status_known check
        (status in ('independent', 'employed', 'volunteer', 'peer_supporter', 'family_or_friend'))
);
create index giver_by_place on giver (tenant_id, outward_code);
create index giver_by_age on giver (tenant_id, registered_at, person_id);

-- Everything ever found about checks and training; the latest finding holds.
create table giver_readiness (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    ready boolean not null,
    valid_from date not null,
    valid_until date,
    recorded_by uuid not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    constraint giver_readiness_pk primary key (tenant_id, id),
    constraint giver_readiness_giver_fk foreign key (tenant_id, person_id) references giver (tenant_id, person_id),
    constraint giver_readiness_is_a_period check (valid_until > valid_from),
    constraint giver_readiness_never_ones_own check (recorded_by <> person_id)
);
create index giver_readiness_by_giver on giver_readiness (tenant_id, person_id, occurred_at);

-- Terms from a day on, until later ones begin.
create table giver_terms (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    valid_from date not null,
    circle_id uuid,
    contribution_rule text,
    hourly_rate_pence bigint,
    unpaid_intent text,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    constraint giver_terms_pk primary key (tenant_id, id),
    constraint giver_terms_giver_fk foreign key (tenant_id, person_id) references giver (tenant_id, person_id),
    constraint giver_terms_one_a_day unique (tenant_id, person_id, valid_from),
    constraint giver_terms_rate_above_zero check (hourly_rate_pence > 0),
    constraint giver_terms_intent_known check (unpaid_intent in ('save', 'gift')),
    constraint giver_terms_paid_or_unpaid check (
        num_nonnulls(circle_id, contribution_rule, hourly_rate_pence) = case when unpaid_intent is null then 3 else 0 end
    )
);

-- What a Team looks for.
create table opportunity (
    tenant_id uuid not null,
    id uuid not null,
    team_id uuid not null,
    outward_code text not null,
    radius_km integer not null,
    paid boolean not null,
    open boolean not null,
    opened_at timestamptz not null,
    recorded_at timestamptz not null,
    constraint opportunity_pk primary key (tenant_id, id),
    constraint opportunity_radius_fits check (radius_km between 1 and 100)
);
create index opportunity_open_by_place on opportunity (tenant_id, outward_code) where open;

-- What each of two sides said. Which of it the other may know is decided by the service alone.
create table introduction (
    tenant_id uuid not null,
    id uuid not null,
    opportunity_id uuid not null,
    team_id uuid not null,
    giver_person_id uuid not null,
    team_interested_at timestamptz,
    team_trial_sessions smallint,
    team_trial_from date,
    team_trial_until date,
    team_answer text,
    team_answered_at timestamptz,
    giver_interested_at timestamptz,
    giver_trial_sessions smallint,
    giver_trial_from date,
    giver_trial_until date,
    giver_answer text,
    giver_answered_at timestamptz,
    agreed_sessions smallint,
    agreed_from date,
    agreed_until date,
    agreed_at timestamptz,
    recorded_at timestamptz not null,
    version bigint not null,
    constraint introduction_pk primary key (tenant_id, id),
    constraint introduction_once unique (tenant_id, opportunity_id, giver_person_id),
    constraint introduction_opportunity_fk foreign key (tenant_id, opportunity_id)
        references opportunity (tenant_id, id),
    constraint introduction_giver_fk foreign key (tenant_id, giver_person_id) references giver (tenant_id, person_id),
    constraint introduction_somebody_is_interested check (num_nonnulls(team_interested_at, giver_interested_at) > 0),
    constraint introduction_answers_known check (team_answer in ('yes', 'no') and giver_answer in ('yes', 'no')),
    constraint introduction_team_trial_whole check
        (num_nonnulls(team_trial_sessions, team_trial_from, team_trial_until) in (0, 3)),
    constraint introduction_giver_trial_whole check
        (num_nonnulls(giver_trial_sessions, giver_trial_from, giver_trial_until) in (0, 3)),
    -- Nothing beyond interest is said before both are interested.
    constraint introduction_mutual_first check (
        num_nonnulls(team_trial_sessions, giver_trial_sessions, agreed_sessions, team_answer, giver_answer) = 0
        or num_nonnulls(team_interested_at, giver_interested_at) = 2
    ),
    -- What is agreed is what both sides agreed to.
    constraint introduction_agreed_by_both check (
        num_nonnulls(agreed_sessions, agreed_from, agreed_until, agreed_at) = 0
        or (num_nonnulls(agreed_sessions, agreed_from, agreed_until, agreed_at) = 4
            and (team_trial_sessions, team_trial_from, team_trial_until)
                is not distinct from (agreed_sessions, agreed_from, agreed_until)
            and (giver_trial_sessions, giver_trial_from, giver_trial_until)
                is not distinct from (agreed_sessions, agreed_from, agreed_until))
    ),
    constraint introduction_agreed_trial_fits check
        (agreed_sessions between 1 and 3 and agreed_until > agreed_from and agreed_until - agreed_from <= 92)
);
create index introduction_by_giver on introduction (tenant_id, giver_person_id, id);
create index introduction_by_team on introduction (tenant_id, team_id, id);

-- What is known here of Teams, from the service teams.
create table team (
    tenant_id uuid not null,
    team_id uuid not null,
    owner_person_id uuid not null,
    constraint team_pk primary key (tenant_id, team_id)
);
create index team_by_owner on team (tenant_id, owner_person_id);

-- Who records checks and training, from the service identity.
create table checks_role (
    tenant_id uuid not null,
    person_id uuid not null,
    held boolean not null,
    constraint checks_role_pk primary key (tenant_id, person_id)
);

select platform.protect('giver');
select platform.protect('giver_readiness');
select platform.protect('giver_terms');
select platform.protect('opportunity');
select platform.protect('introduction');
select platform.protect('team');
select platform.protect('checks_role');
