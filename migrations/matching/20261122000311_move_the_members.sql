-- Who is in a Team is kept with the hats in the platform's schema now, and asked for again.
delete from platform.subject_column where table_name = 'public.team_member';
drop table team_member;
delete from platform.subscription where aggregate_type = 'teams.team';
