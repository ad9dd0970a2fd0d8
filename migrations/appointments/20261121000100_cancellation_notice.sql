-- What changes with time and has a source. The newest row whose day has come holds; the same for every tenant.

-- Notice below which a cancellation by the Team's side is charged, in elapsed hours; exactly that much is still free.
-- The day is the visit's first planned local day.
create table cancellation_notice (
    valid_from   date    not null,
    notice_hours integer not null,
    source       text    not null,
    constraint cancellation_notice_pkey primary key (valid_from),
    constraint cancellation_notice_in_range check (notice_hours between 0 and 720)
);

insert into cancellation_notice (valid_from, notice_hours, source) values
    ('2000-01-01', 24, 'playbook, Getting Support Profile: cancelled within 24 hours is still charged (S1:L1534)');
