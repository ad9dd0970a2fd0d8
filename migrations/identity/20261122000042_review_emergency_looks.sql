-- What follows an emergency look in any service: who is told, and a review that the one who looked cannot close.

-- Whom somebody chose to be told.
create table chosen_contact (
    tenant_id uuid not null,
    person_id uuid not null,
    contact_id uuid not null,
    chosen_at timestamptz not null,
    constraint chosen_contact_pk primary key (tenant_id, person_id),
    constraint chosen_contact_of_person foreign key (tenant_id, person_id) references person (tenant_id, id),
    constraint chosen_contact_is_person foreign key (tenant_id, contact_id) references person (tenant_id, id),
    constraint chosen_contact_is_another check (contact_id <> person_id)
);
select platform.protect('chosen_contact');

-- Ids come from the service that holds the record; nobody is asked whether they are known here.
create table break_glass_review (
    tenant_id uuid not null,
    break_glass_id uuid not null,
    service text not null,
    person_id uuid not null,
    opened_by uuid not null,
    opened_at timestamptz not null,
    finding text,
    closed_by uuid,
    closed_at timestamptz,
    constraint break_glass_review_pk primary key (tenant_id, break_glass_id),
    constraint break_glass_review_by_another check (closed_by <> opened_by),
    constraint break_glass_review_closed_whole
        check ((finding is null) = (closed_by is null) and (finding is null) = (closed_at is null)),
    constraint break_glass_review_finding_known check (finding in ('justified', 'not_justified'))
);
create index break_glass_review_open_first
    on break_glass_review (tenant_id, (closed_at is not null), opened_at desc, break_glass_id desc);
select platform.protect('break_glass_review');
revoke delete on break_glass_review from kith_app;

create table break_glass_notice (
    tenant_id uuid not null,
    told_person_id uuid not null,
    break_glass_id uuid not null,
    told_as text not null,
    service text not null,
    person_id uuid not null,
    opened_at timestamptz not null,
    told_at timestamptz not null,
    constraint break_glass_notice_pk primary key (tenant_id, told_person_id, break_glass_id, told_as),
    constraint break_glass_notice_as_known check (told_as in ('person', 'contact', 'privacy_lead', 'administrator'))
);
select platform.protect('break_glass_notice');
revoke update, delete on break_glass_notice from kith_app;

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'ChooseContact', '2000-01-01', 'chose who is told of emergency looks', 'choose who is told of emergency looks', 'Kith'),
    ('action', 'ListBreakGlassNotices', '2000-01-01', 'saw that they were told of an emergency look at your record', 'see what they were told', 'Kith'),
    ('action', 'ListBreakGlassReviews', '2000-01-01', 'saw the review of an emergency look that concerns you in a list', 'see reviews of emergency looks', 'Kith'),
    ('action', 'CloseBreakGlassReview', '2000-01-01', 'closed the review of an emergency look that concerns you', 'close the review of an emergency look that concerns you', 'Kith');
