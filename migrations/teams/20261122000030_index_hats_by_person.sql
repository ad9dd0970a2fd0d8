-- Who somebody is to a consent: the hats that they wear.
create index hat_holding_by_person on hat_holding (tenant_id, person_id) where state = 'held';
