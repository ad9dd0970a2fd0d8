-- What came beside the rights over one's own data, declared: ids and words of dated lists stay, what somebody stated in
-- their own words about a person goes with the person's care record.
insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by) values
    ('platform.break_glass', 'person_id', 'whose record was looked at', 'blank', 'care_record', 't.opened_at::date'),
    ('platform.break_glass', 'opened_by', 'who looked', 'keep', null, null),
    ('platform.consent', 'person_id', 'whose consent', 'keep', null, null),
    ('platform.organisation_role', 'person_id', 'role holder', 'delete', null, null);

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('platform.break_glass', 'stated_reason', true, '(erased)', 'why somebody had to look, in their words');

grant update (stated_reason) on platform.break_glass to kith_app;
