-- A privacy lead is told of emergency looks and reviews them.
alter table person_role drop constraint person_role_known;
alter table person_role add constraint person_role_known check (role in ('administrator', 'checks', 'privacy_lead'));
