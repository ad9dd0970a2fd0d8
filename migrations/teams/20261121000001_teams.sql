-- Teams, their members, hats and Promises.

create table team (
    tenant_id uuid not null,
    id uuid not null,
    owner_person_id uuid not null,
    circle_id uuid not null,
    outward_code text not null,
    created_at timestamptz not null,
    recorded_at timestamptz not null,
    version bigint not null,
    constraint team_pk primary key (tenant_id, id)
);
create index team_of_owner on team (tenant_id, owner_person_id);
select platform.protect('team');

create table membership (
    tenant_id uuid not null,
    id uuid not null,
    team_id uuid not null,
    person_id uuid not null,
    kind text not null,
    state text not null,
    valid_from date not null,
    valid_until date,
    asked_at timestamptz not null,
    constraint membership_pk primary key (tenant_id, id),
    constraint membership_of_team foreign key (tenant_id, team_id) references team (tenant_id, id),
    constraint membership_kind_known check
        (kind in ('worker', 'volunteer', 'peer_supporter', 'family_or_friend', 'team_starter')),
    constraint membership_state_known check (state in ('suggested', 'invited', 'member', 'declined', 'left')),
    constraint membership_dates_in_order check (valid_until is null or valid_until >= valid_from)
);
create index membership_of_person on membership (tenant_id, person_id);
create index membership_by_team on membership (tenant_id, team_id);
-- One open place a person and Team, whoever asks at the same moment.
create unique index membership_once on membership (tenant_id, team_id, person_id)
    where state in ('suggested', 'invited', 'member');
select platform.protect('membership');

create table hat_holding (
    tenant_id uuid not null,
    id uuid not null,
    team_id uuid not null,
    hat text not null,
    person_id uuid not null,
    state text not null,
    valid_from date not null,
    valid_until date not null,
    wearer_consents boolean not null,
    owner_consents boolean not null,
    asked_at timestamptz not null,
    constraint hat_holding_pk primary key (tenant_id, id),
    constraint hat_holding_of_team foreign key (tenant_id, team_id) references team (tenant_id, id),
    constraint hat_holding_hat_known check (hat in
        ('rota_holder', 'profile_holder', 'mar_holder', 'team_chat_admin', 'check_in_facilitator', 'safeguarding_lead')),
    constraint hat_holding_state_known check (state in ('proposed', 'held', 'declined', 'dropped')),
    constraint hat_holding_both_consent check (state <> 'held' or (wearer_consents and owner_consents)),
    constraint hat_holding_term check (valid_until > valid_from)
);
create index hat_holding_by_team on hat_holding (tenant_id, team_id);
select platform.protect('hat_holding');

create table promise (
    tenant_id uuid not null,
    team_id uuid not null,
    valid_from date not null,
    text_version text not null,
    signed_at timestamptz not null,
    constraint promise_pk primary key (tenant_id, team_id, valid_from),
    constraint promise_of_team foreign key (tenant_id, team_id) references team (tenant_id, id)
);
select platform.protect('promise');

-- The texts of the Promise, each from a date; the same for every tenant until a tenant writes its own.
create table promise_text (
    version text not null,
    valid_from date not null,
    body text not null,
    source text not null,
    constraint promise_text_pk primary key (version),
    constraint promise_text_one_a_day unique (valid_from)
);
grant select on promise_text to kith_app;
insert into promise_text (version, valid_from, body, source) values ('2026-1', '2000-01-01',
'You decide who supports you, when and how. Nobody joins your Team unless you and they both say yes.
We tell you what support costs and where every pound goes. What you tell us is shared only with the people you choose.
Visits that you call off at least a day before cost nothing. If something goes wrong, tell anyone in your Team, or your
Circle: it will be heard and worked on. You may stop at any time; where you can, give us a month to say goodbye well.',
'Kith, own wording');
