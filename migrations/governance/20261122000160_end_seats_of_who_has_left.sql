-- Who leaves the tenant leaves the Circles with it: places and hats end on that day. What had not begun, or was not
-- answered, never held: it ends on its first day.
alter table circle_member add column valid_until date;
alter table circle_member
    drop constraint circle_member_state_known,
    add constraint circle_member_state_known check (state in ('proposed', 'held', 'declined', 'ended')),
    add constraint circle_member_ended_has_a_day check ((state = 'ended') = (valid_until is not null)),
    add constraint circle_member_days check (valid_until >= valid_from);

alter table circle_hat
    drop constraint circle_hat_state_known,
    add constraint circle_hat_state_known check (state in ('proposed', 'held', 'declined', 'ended')),
    drop constraint circle_hat_term_within_two_years,
    add constraint circle_hat_term_within_two_years check (
        (valid_until > valid_from or (state = 'ended' and valid_until = valid_from))
        and valid_until <= (valid_from + interval '24 months')::date);

-- In which Circles somebody has a place.
create index circle_member_by_person on circle_member (tenant_id, person_id);

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('basis', 'without_members', '2000-01-01', 'an administrator, since nobody is left in the Circle', '', 'Kith');

-- Who had left before is asked for again, so that their places end too and the others are told.
delete from platform.subscription where aggregate_type = 'identity.person';
