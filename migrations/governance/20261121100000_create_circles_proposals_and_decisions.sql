-- Circles with their members and hats, proposals with versions and answers, decisions with consents and mandates.

create table circle (
    tenant_id    uuid        not null,
    id           uuid        not null,
    display_name text        not null,
    aim          text        not null,
    domain       text        not null,
    created_by   uuid        not null,
    created_at   timestamptz not null,
    version      bigint      not null,
    constraint circle_pk primary key (tenant_id, id),
    constraint circle_display_name_length check (char_length(display_name) between 1 and 100),
    constraint circle_aim_length check (char_length(aim) between 1 and 2000),
    constraint circle_domain_length check (char_length(domain) between 1 and 2000)
);

create index circle_by_age on circle (tenant_id, created_at, id);

create table circle_member (
    tenant_id  uuid    not null,
    circle_id  uuid    not null,
    person_id  uuid    not null,
    place      integer not null,
    state      text    not null,
    valid_from date    not null,
    constraint circle_member_pk primary key (tenant_id, circle_id, person_id),
    constraint circle_member_place_once unique (tenant_id, circle_id, place),
    constraint circle_member_circle_fkey foreign key (tenant_id, circle_id) references circle (tenant_id, id),
    constraint circle_member_state_known check (state in ('proposed', 'held', 'declined'))
);

create table circle_hat (
    tenant_id   uuid    not null,
    id          uuid    not null,
    circle_id   uuid    not null,
    place       integer not null,
    hat         text    not null,
    person_id   uuid    not null,
    state       text    not null,
    valid_from  date    not null,
    valid_until date    not null,
    constraint circle_hat_pk primary key (tenant_id, id),
    constraint circle_hat_place_once unique (tenant_id, circle_id, place),
    constraint circle_hat_member_fkey foreign key (tenant_id, circle_id, person_id)
        references circle_member (tenant_id, circle_id, person_id),
    constraint circle_hat_known check (
        hat in ('leader', 'delegate', 'facilitator', 'secretary', 'logbook_keeper', 'numbers_person')),
    constraint circle_hat_state_known check (state in ('proposed', 'held', 'declined')),
    constraint circle_hat_term_within_two_years check (
        valid_until > valid_from and valid_until <= (valid_from + interval '24 months')::date)
);

create table proposal (
    tenant_id          uuid        not null,
    id                 uuid        not null,
    circle_id          uuid        not null,
    proposer_person_id uuid        not null,
    title              text        not null,
    state              text        not null,
    decision_id        uuid,
    created_at         timestamptz not null,
    version            bigint      not null,
    constraint proposal_pk primary key (tenant_id, id),
    constraint proposal_circle_fkey foreign key (tenant_id, circle_id) references circle (tenant_id, id),
    constraint proposal_title_length check (char_length(title) between 1 and 200),
    constraint proposal_state_known check (
        state in ('draft', 'presented', 'clarifying', 'reactions', 'consent_round', 'integrating', 'adopted',
                  'withdrawn')),
    constraint proposal_adopted_has_decision check ((state = 'adopted') = (decision_id is not null))
);

create index proposal_by_circle on proposal (tenant_id, circle_id, created_at desc, id desc);

-- A version is written once and never changed: members consent to its hash.
create table proposal_version (
    tenant_id    uuid        not null,
    proposal_id  uuid        not null,
    number       integer     not null,
    text         text        not null,
    effect       jsonb,
    term_months  integer     not null,
    measure      text        not null,
    review_date  date        not null,
    content_hash text        not null,
    written_by   uuid        not null,
    created_at   timestamptz not null,
    constraint proposal_version_pk primary key (tenant_id, proposal_id, number),
    constraint proposal_version_hash_once unique (tenant_id, proposal_id, number, content_hash),
    constraint proposal_version_proposal_fkey foreign key (tenant_id, proposal_id)
        references proposal (tenant_id, id),
    constraint proposal_version_number_positive check (number >= 1),
    constraint proposal_version_text_length check (char_length(text) between 1 and 20000),
    constraint proposal_version_term_bounds check (term_months between 1 and 120),
    constraint proposal_version_measure_length check (char_length(measure) between 1 and 2000),
    constraint proposal_version_hash_form check (content_hash ~ '^[0-9a-f]{64}$')
);

create table proposal_answer (
    tenant_id   uuid        not null,
    proposal_id uuid        not null,
    number      integer     not null,
    person_id   uuid        not null,
    consent     boolean     not null,
    argument    text        not null,
    answered_at timestamptz not null,
    constraint proposal_answer_pk primary key (tenant_id, proposal_id, number, person_id),
    constraint proposal_answer_consent_once unique (tenant_id, proposal_id, number, person_id, consent),
    constraint proposal_answer_version_fkey foreign key (tenant_id, proposal_id, number)
        references proposal_version (tenant_id, proposal_id, number),
    constraint proposal_answer_argument_length check (char_length(argument) <= 2000),
    constraint proposal_answer_objection_argued check (consent or btrim(argument) <> '')
);

create table decision (
    tenant_id    uuid        not null,
    id           uuid        not null,
    circle_id    uuid        not null,
    proposal_id  uuid        not null,
    number       integer     not null,
    content_hash text        not null,
    decided_at   timestamptz not null,
    revoked_from date,
    revoked_by   uuid,
    constraint decision_pk primary key (tenant_id, id),
    constraint decision_once unique (tenant_id, proposal_id),
    constraint decision_adopted_once unique (tenant_id, id, proposal_id, number),
    constraint decision_circle_fkey foreign key (tenant_id, circle_id) references circle (tenant_id, id),
    constraint decision_version_fkey foreign key (tenant_id, proposal_id, number, content_hash)
        references proposal_version (tenant_id, proposal_id, number, content_hash),
    constraint decision_revoked_by_fkey foreign key (tenant_id, revoked_by) references decision (tenant_id, id),
    constraint decision_revoked_by_a_decision check ((revoked_from is null) = (revoked_by is null))
);

create index decision_by_circle on decision (tenant_id, circle_id, decided_at desc, id desc);

alter table proposal
    add constraint proposal_decision_fkey foreign key (tenant_id, decision_id) references decision (tenant_id, id);

-- Who consented. The database itself holds that each of them answered yes to exactly the version that was adopted,
-- and lets nobody take that answer back afterwards.
create table decision_consent (
    tenant_id   uuid    not null,
    decision_id uuid    not null,
    person_id   uuid    not null,
    proposal_id uuid    not null,
    number      integer not null,
    consent     boolean not null,
    constraint decision_consent_pk primary key (tenant_id, decision_id, person_id),
    constraint decision_consent_decision_fkey foreign key (tenant_id, decision_id, proposal_id, number)
        references decision (tenant_id, id, proposal_id, number),
    constraint decision_consent_answer_fkey foreign key (tenant_id, proposal_id, number, person_id, consent)
        references proposal_answer (tenant_id, proposal_id, number, person_id, consent),
    constraint decision_consent_is_consent check (consent)
);

-- What a decision changes elsewhere; it ends with its decision (decision.revoked_from).
create table mandate (
    tenant_id      uuid    not null,
    id             uuid    not null,
    decision_id    uuid    not null,
    rule_name      text    not null,
    effective_from date    not null,
    mode           text    not null,
    added_bp       integer,
    deducted_bp    integer,
    share_bp       integer,
    constraint mandate_pk primary key (tenant_id, id),
    constraint mandate_once unique (tenant_id, decision_id),
    constraint mandate_decision_fkey foreign key (tenant_id, decision_id) references decision (tenant_id, id),
    constraint mandate_rule_name_length check (char_length(rule_name) between 1 and 60),
    constraint mandate_mode_complete check (
        (mode = 'on_rate' and added_bp between 0 and 10000 and deducted_bp between 0 and 10000 and share_bp is null)
        or (mode = 'share_of_total' and share_bp between 0 and 10000 and added_bp is null and deducted_bp is null))
);

-- What identity tells: the organisation roles of a person.
create table organisation_role (
    tenant_id uuid   not null,
    person_id uuid   not null,
    roles     text[] not null,
    constraint organisation_role_pk primary key (tenant_id, person_id)
);

select platform.protect('circle');
select platform.protect('circle_member');
select platform.protect('circle_hat');
select platform.protect('proposal');
select platform.protect('proposal_version');
select platform.protect('proposal_answer');
select platform.protect('decision');
select platform.protect('decision_consent');
select platform.protect('mandate');
select platform.protect('organisation_role');

-- What was written, consented to and mandated stays as it is; answers and decisions change but do not vanish.
revoke update, delete on proposal_version, decision_consent, mandate from kith_app;
revoke delete on circle, circle_member, circle_hat, proposal, proposal_answer, decision from kith_app;
