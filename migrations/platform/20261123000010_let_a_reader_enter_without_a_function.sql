-- A statement that only reads brings its tenant as a parameter of a type of its own, whose check is one expression:
-- calling platform.enter, which is a function in PL/pgSQL, took a quarter of PostgreSQL's work for a short query.
-- The value is the tenant's id. Where the transaction has a tenant already, the check is not met and nothing is done.
-- CASE, since nothing else promises an order. platform.caller goes on for what writes (and, with the letter r, for replicas of
-- the release before).
create domain platform.reader as text constraint reader_enters check (
    case
        when coalesce(current_setting('app.tenant', true), '') <> '' then false
        when set_config('app.tenant', value::uuid::text, true) is null then false
        else set_config('transaction_read_only', 'on', true) is not null
    end);
