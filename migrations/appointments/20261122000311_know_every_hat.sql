-- Who wears which hat and who gives support is kept in the platform's schema too, for consents: asked for again.
delete from platform.subscription where aggregate_type in ('teams.team', 'matching.giver');
