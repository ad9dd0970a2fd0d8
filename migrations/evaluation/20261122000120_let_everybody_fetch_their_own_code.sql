-- A round is answered by those who belonged on the day it was opened: each fetches their own code, and nobody is handed
-- the codes of others.

-- Who was asked. Nothing here says who fetched their code, or answered.
create table respondent (
    tenant_id uuid not null,
    round_id uuid not null,
    person_id uuid not null,
    constraint respondent_pk primary key (tenant_id, round_id, person_id),
    constraint respondent_round foreign key (tenant_id, round_id) references round (tenant_id, round_id)
);
select platform.protect('respondent');

insert into platform.subject_column (table_name, column_name, capacity, on_erasure, through) values
    ('public.respondent', 'person_id', 'asked', 'keep', null);

-- As many codes as people were asked: what was a limit on a number that somebody chose says nothing any more.
alter table round drop constraint round_reply_codes_in_range;
alter table round add constraint round_reply_codes_in_range check (reply_codes >= 1);

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'GetReplyCode', '2000-01-01', 'fetched the reply code that you were given for a survey round', 'fetch the reply code that you were given for a survey round', 'Kith'),
    ('basis', 'asked', '2000-01-01', 'somebody who was asked', '', 'Kith');

-- Codes that were handed to somebody else count no more. A round that is open now can be closed, and another opened.
alter table reply_code no force row level security;
delete from reply_code;
alter table reply_code force row level security;
