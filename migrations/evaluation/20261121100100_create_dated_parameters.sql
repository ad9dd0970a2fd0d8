-- What changes with time and has a source: thresholds for small groups, notices that licences ask for. The newest row
-- whose day has come holds. The same for every tenant.

-- Fewest scored respondents whose figure is shown.
create table suppression_threshold (
    audience text not null,
    valid_from date not null,
    fewest_respondents integer not null,
    source text not null,
    constraint suppression_threshold_pk primary key (audience, valid_from),
    constraint suppression_threshold_audience_known check (audience in ('inside_circle', 'outside_circle')),
    constraint suppression_threshold_protects check (fewest_respondents >= 2)
);

insert into suppression_threshold (audience, valid_from, fewest_respondents, source) values
    ('inside_circle', '2000-01-01', 5, 'staff-survey convention for team dashboards'),
    ('outside_circle', '2000-01-01', 10, 'ONS rule of thumb for research outputs; staff-survey convention for reports');

-- The notice that goes with every result of an instrument.
create table copyright_notice (
    instrument text not null,
    valid_from date not null,
    notice text not null,
    source text not null,
    constraint copyright_notice_pk primary key (instrument, valid_from),
    constraint copyright_notice_instrument_known check (instrument in ('swemwbs'))
);

insert into copyright_notice (instrument, valid_from, notice, source) values
    ('swemwbs', '2000-01-01',
     'Short Warwick-Edinburgh Mental Wellbeing Scale (SWEMWBS) (c) NHS Health Scotland, University of Warwick and University of Edinburgh, 2008, all rights reserved.',
     'licence terms of the scale, University of Warwick');

-- Read by every tenant, changed by migrations only.
grant select on suppression_threshold, copyright_notice to kith_app, kith_export;
