-- A visit may be listed for several reasons at once: taking one off must not hide another.
alter table unsettled_visit drop constraint unsettled_visit_pk;
alter table unsettled_visit add constraint unsettled_visit_pk primary key (tenant_id, visit_id, reason);
drop index unsettled_visit_by_team;
drop index unsettled_visit_by_circle;
create index unsettled_visit_by_team on unsettled_visit (tenant_id, team_id, planned_date, visit_id, reason);
create index unsettled_visit_by_circle on unsettled_visit (tenant_id, circle_id, planned_date, visit_id, reason);
