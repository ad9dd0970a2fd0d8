-- Terms and funding may be stated for days that are settled already: the visits are listed, the postings stay.
alter table unsettled_visit drop constraint unsettled_visit_reason_known;
alter table unsettled_visit add constraint unsettled_visit_reason_known check
    (reason in ('no_funding', 'no_terms', 'no_rule', 'earlier_rule', 'earlier_terms', 'earlier_funding'));
