-- Consents: what somebody lets others see of them.

-- The words that consents are made of, each from a date and with its source. Parts begin with what they are a part of:
-- a section of a profile, a contact, a document, a kind of note.
create table consent_word (
    kind text not null,
    word text not null,
    valid_from date not null,
    valid_until date,
    meaning text not null,
    source text not null,
    constraint consent_word_pk primary key (kind, word, valid_from),
    constraint consent_word_kind_known check (kind in ('part', 'purpose', 'hat')),
    constraint consent_word_part_form check (kind <> 'part' or word ~ '^(profile|contact|document|note)\.[a-z_]+$'),
    constraint consent_word_form check (kind = 'part' or word ~ '^[a-z_]+$')
);
grant select on consent_word to kith_app;
insert into consent_word (kind, word, valid_from, meaning, source) values
    ('part', 'profile.team', '2020-01-01', 'That you have a Team, its Circle and roughly where you live', 'ID-13, ID-17'),
    ('part', 'profile.seeking', '2020-01-01', 'What your Team looks for, and roughly where', 'ID-13, ID-14'),
    ('part', 'profile.rota', '2020-01-01', 'When you have support, without who gives it', 'ID-17'),
    ('part', 'profile.getting', '2020-01-01', 'Your Getting Support Profile', 'ID-08'),
    ('part', 'profile.offering', '2020-01-01', 'That you are open to meeting new Owners: how you give support, roughly how far away you are, and whether you are ready', 'ID-23'),
    ('part', 'profile.giving', '2020-01-01', 'Your Giving Support Profile: how and from where you give support, and your readiness with its dates', 'ID-09'),
    ('part', 'profile.terms', '2020-01-01', 'Your terms: rule, rate or, unpaid, your intent', 'ID-09'),
    ('part', 'contact.phone', '2020-01-01', 'Your telephone numbers', 'ID-27'),
    ('part', 'contact.email', '2020-01-01', 'Your e-mail address', 'ID-27'),
    ('part', 'contact.address', '2020-01-01', 'Where exactly you live', 'ID-27'),
    ('part', 'document.plan', '2020-01-01', 'Your support plan', 'ID-16'),
    ('part', 'document.legal', '2020-01-01', 'Advance decisions, powers of attorney and the like', 'ID-26'),
    ('part', 'document.checks', '2020-01-01', 'Papers of your checks and training', 'ID-19'),
    ('part', 'note.visit', '2020-01-01', 'Notes of your visits', 'ID-16'),
    ('part', 'note.medicine', '2020-01-01', 'Records of your medicines', 'ID-16'),
    ('part', 'note.health', '2020-01-01', 'Notes about your health', 'ID-16'),
    ('purpose', 'introduction', '2020-01-01', 'Getting to know one another, before somebody joins a Team', 'ID-09, ID-13, ID-17'),
    ('purpose', 'support', '2020-01-01', 'Giving you support', 'ID-08'),
    ('purpose', 'coordination', '2020-01-01', 'Co-ordinating with others who support you', 'ID-32'),
    ('purpose', 'evaluation', '2020-01-01', 'Learning how well support works', 'ID-34'),
    ('hat', 'giver', '2020-01-01', 'Everybody who gives support here', 'ID-02, ID-04'),
    ('hat', 'owner', '2020-01-01', 'Everybody here who has a Team of their own', 'ID-02, ID-23'),
    ('hat', 'rota_holder', '2020-01-01', 'Rota Holders', 'TEAM-37'),
    ('hat', 'profile_holder', '2020-01-01', 'Profile Holders', 'TEAM-38'),
    ('hat', 'mar_holder', '2020-01-01', 'Holders of the medicines record', 'TEAM-39'),
    ('hat', 'safeguarding_lead', '2020-01-01', 'Safeguarding leads', 'TEAM-42');

create table consent (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    part text not null,
    purpose text not null,
    grantee_kind text not null,
    grantee_id uuid,
    grantee_hat text not null,
    valid_from date not null,
    valid_until date not null,
    state text not null,
    version bigint not null,
    given_at timestamptz not null,
    constraint consent_pk primary key (tenant_id, id),
    constraint consent_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint consent_grantee_known check (grantee_kind in ('person', 'hat', 'team')),
    constraint consent_grantee_whole check ((grantee_kind = 'hat') = (grantee_hat <> '')
        and (grantee_kind = 'hat' or grantee_id is not null)),
    constraint consent_is_a_period check (valid_until > valid_from),
    constraint consent_state_known check (state in ('given', 'withdrawn'))
);
-- One open consent of a part to somebody for a purpose: withdrawing it leaves no other behind that says the same.
create unique index consent_open_once on consent
    (tenant_id, person_id, part, purpose, grantee_kind, grantee_id, grantee_hat) nulls not distinct
    where state = 'given';
create index consent_by_person on consent (tenant_id, person_id, given_at, id);
select platform.protect('consent');
revoke delete on consent from kith_app;

-- Everything that a consent ever was; it only grows.
create table consent_version (
    tenant_id uuid not null,
    consent_id uuid not null,
    version bigint not null,
    state text not null,
    valid_from date not null,
    valid_until date not null,
    changed_by uuid not null,
    changed_at timestamptz not null,
    constraint consent_version_pk primary key (tenant_id, consent_id, version),
    constraint consent_version_of_consent foreign key (tenant_id, consent_id) references consent (tenant_id, id),
    constraint consent_version_state_known check (state in ('given', 'withdrawn'))
);
select platform.protect('consent_version');
revoke update, delete on consent_version from kith_app;
