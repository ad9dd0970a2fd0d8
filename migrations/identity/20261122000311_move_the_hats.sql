-- Who wears which hat and who gives support is kept in the platform's schema now, and asked for again.
delete from platform.subject_column where table_name in ('public.hat_worn', 'public.known_giver');
delete from platform.text_column where table_name = 'public.hat_worn';
drop table hat_worn;
drop table known_giver;
delete from platform.subscription where aggregate_type in ('teams.team', 'matching.giver');
