-- What follows somebody who has left, or whose data are being erased.

-- Who recorded a request of somebody who has left and can no longer ask; null where the person asked. It takes another
-- administrator to order it.
alter table erasure add column asked_by uuid;
insert into platform.subject_column (table_name, column_name, capacity, on_erasure, step) values
    ('public.erasure', 'asked_by', 'who recorded it', 'keep', 1);

-- An access request ends early where its handler loses the role.
grant update (valid_until) on access_request to kith_app;
create index access_request_by_handler on access_request (tenant_id, handler_person_id, valid_until);

-- Consents are the person's alone: neither who handles their request reads them, nor who closed their place and so ended
-- them.
insert into platform.withheld_row (table_name, holds, from_self, reason) values
    ('public.consent', 'true', false, 'nobody but the person reads their consents'),
    ('public.consent_version', 'true', false, 'nobody but the person reads their consents'),
    ('public.consent_version',
        'not exists (select from public.consent c where c.tenant_id = t.tenant_id and c.id = t.consent_id and c.person_id = $1)',
        true, 'nobody but the person reads their consents');

-- An erasure in one place that left the account because it led to another: the account goes with its last place.
alter table signin.account add column forget_with_last_place boolean not null default false;

-- Wrong passwords that were tried with a code that is open.
alter table signin.invitation add column wrong_tries int not null default 0;
