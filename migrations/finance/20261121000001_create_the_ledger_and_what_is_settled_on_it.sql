-- Finance: projections of what it listens to, rules and funding, the ledger that only grows, settlements, documents.
-- Instants come from the clock of the request; ids from its generator.

-- What finance knows of the others -------------------------------------------------------------------------------

create table person (
    tenant_id uuid not null,
    person_id uuid not null,
    constraint person_pk primary key (tenant_id, person_id)
);

create table administrator (
    tenant_id uuid not null,
    person_id uuid not null,
    constraint administrator_pk primary key (tenant_id, person_id)
);

create table team (
    tenant_id uuid not null,
    team_id uuid not null,
    owner_person_id uuid not null,
    circle_id uuid not null,
    constraint team_pk primary key (tenant_id, team_id)
);
create index team_by_circle on team (tenant_id, circle_id);

create table circle (
    tenant_id uuid not null,
    circle_id uuid not null,
    constraint circle_pk primary key (tenant_id, circle_id)
);

-- The finance hat: who wears the Numbers Person's hat of a Circle, and for how long.
create table finance_hat (
    tenant_id uuid not null,
    holding_id uuid not null,
    circle_id uuid not null,
    person_id uuid not null,
    valid_from date not null,
    valid_until date not null,
    constraint finance_hat_pk primary key (tenant_id, holding_id)
);
create index finance_hat_by_person on finance_hat (tenant_id, person_id, circle_id);
create index finance_hat_by_circle on finance_hat (tenant_id, circle_id);

create table giver_terms (
    tenant_id uuid not null,
    giver_person_id uuid not null,
    place bigint not null,                      -- oldest first
    valid_from date not null,
    kind text not null,
    circle_id uuid,
    rule_name text,
    hourly_rate bigint,                         -- pence
    constraint giver_terms_pk primary key (tenant_id, giver_person_id, place),
    constraint giver_terms_kind_known check (kind in ('paid', 'save', 'gift')),
    constraint giver_terms_paid_name_rate_and_rule
        check ((kind = 'paid') = (circle_id is not null and rule_name is not null and hourly_rate is not null)),
    constraint giver_terms_rate_not_negative check (hourly_rate >= 0)
);

create table visit (
    tenant_id uuid not null,
    visit_id uuid not null,
    team_id uuid not null,
    circle_id uuid not null,
    giver_person_id uuid not null,
    planned_date date not null,
    state text not null,
    way text not null,
    minutes bigint,                             -- elapsed; null where nothing is to be settled
    settlement_no bigint not null,
    constraint visit_pk primary key (tenant_id, visit_id),
    constraint visit_state_known check (state in ('planned', 'agreed', 'cancelled', 'late_cancelled', 'missed')),
    constraint visit_way_known check (way in ('unsaid', 'money', 'care_coins', 'gift'))
);

-- Rules and funding ----------------------------------------------------------------------------------------------

-- A founding rule, or the rule that a Circle's decision made (its id is then the mandate's).
create table contribution_rule (
    tenant_id uuid not null,
    id uuid not null,
    circle_id uuid not null,
    name text not null,
    effective_from date not null,
    revoked_from date,
    mode text not null,
    added_bp bigint,
    deducted_bp bigint,
    share_bp bigint,
    decision_id uuid,
    created_at timestamptz not null,
    constraint contribution_rule_pk primary key (tenant_id, id),
    constraint contribution_rule_name_length check (char_length(name) between 1 and 60),
    constraint contribution_rule_mode_known check (mode in ('on_rate', 'share_of_total')),
    constraint contribution_rule_on_rate_whole check (
        (mode = 'on_rate') = (added_bp is not null and deducted_bp is not null)),
    constraint contribution_rule_share_whole check ((mode = 'share_of_total') = (share_bp is not null)),
    constraint contribution_rule_within_whole check (
        coalesce(added_bp, 0) between 0 and 10000
        and coalesce(deducted_bp, 0) between 0 and 10000
        and coalesce(share_bp, 0) between 0 and 10000),
    constraint contribution_rule_founding_stands check (decision_id is not null or revoked_from is null)
);
create unique index contribution_rule_founding_date_once
    on contribution_rule (tenant_id, circle_id, name, effective_from) where decision_id is null;
create index contribution_rule_by_name on contribution_rule (tenant_id, circle_id, name, effective_from);

create table payer (
    tenant_id uuid not null,
    id uuid not null,
    team_id uuid not null,
    kind text not null,
    billing_name text not null,
    billing_address text not null,
    added bigint generated always as identity,  -- in which order
    created_at timestamptz not null,
    constraint payer_pk primary key (tenant_id, id),
    constraint payer_of_team unique (tenant_id, team_id, id),
    constraint payer_kind_known check (kind in (
        'private', 'local_authority', 'nhs_continuing_healthcare', 'direct_payment', 'family_top_up',
        'personal_health_budget', 'charity')),
    constraint payer_billing_name_length check (char_length(billing_name) between 1 and 200),
    constraint payer_billing_address_length check (char_length(billing_address) <= 1000)
);

create table funding (
    tenant_id uuid not null,
    id uuid not null,
    team_id uuid not null,
    valid_from date not null,
    added bigint generated always as identity,  -- of two from the same day the later added holds
    created_at timestamptz not null,
    constraint funding_pk primary key (tenant_id, id),
    constraint funding_of_team unique (tenant_id, team_id, id)
);

create table funding_share (
    tenant_id uuid not null,
    funding_id uuid not null,
    place bigint not null,                      -- settles ties of a penny
    team_id uuid not null,
    payer_id uuid not null,
    share_bp bigint not null,
    constraint funding_share_pk primary key (tenant_id, funding_id, place),
    constraint funding_share_payer_once unique (tenant_id, funding_id, payer_id),
    constraint funding_share_of_funding foreign key (tenant_id, team_id, funding_id)
        references funding (tenant_id, team_id, id),
    constraint funding_share_of_payer foreign key (tenant_id, team_id, payer_id)
        references payer (tenant_id, team_id, id),
    constraint funding_share_within_whole check (share_bp between 1 and 10000)
);

-- The ledger -----------------------------------------------------------------------------------------------------

-- One row a tenant: locked by whatever settles or issues, so that nothing slips between a look and a posting, and the
-- invoice numbers have no gaps.
create table books (
    tenant_id uuid not null,
    last_invoice_number bigint not null,
    constraint books_pk primary key (tenant_id)
);

create table account (
    tenant_id uuid not null,
    id uuid not null,
    name text not null,
    kind text not null,
    currency text not null,                     -- 'GBP' pence; 'XCC' minutes
    balance bigint not null,                    -- debits less credits, kept with every entry
    constraint account_pk primary key (tenant_id, id),
    constraint account_name_once unique (tenant_id, name),
    constraint account_currency_of_id unique (tenant_id, id, currency),
    constraint account_kind_known check (kind in (
        'payer', 'giver', 'commons', 'coins', 'coins-owed', 'coins-issued')),
    constraint account_name_says_kind check (split_part(name, ':', 1) = kind),
    constraint account_currency_of_kind check (
        currency = case when kind in ('payer', 'giver', 'commons') then 'GBP' else 'XCC' end),
    constraint account_wallet_not_below_zero check (kind <> 'coins' or balance >= 0)
);

create table transfer (
    tenant_id uuid not null,
    id uuid not null,
    input_hash bytea not null,                  -- SHA-256 of its content
    code text not null,
    visit_id uuid,
    reverses uuid,
    created_at timestamptz not null,
    constraint transfer_pk primary key (tenant_id, id),
    constraint transfer_reversed_once unique (tenant_id, reverses),
    constraint transfer_reverses_another foreign key (tenant_id, reverses) references transfer (tenant_id, id),
    constraint transfer_not_of_itself check (reverses <> id),
    constraint transfer_code_known check (code in ('visit', 'visit_reversed', 'coins_given')),
    constraint transfer_code_fits check (
        (code = 'coins_given') = (visit_id is null) and (code = 'visit_reversed') = (reverses is not null))
);

create table entry (
    tenant_id uuid not null,
    transfer_id uuid not null,
    leg smallint not null,
    account_id uuid not null,
    currency text not null,
    amount bigint not null,                     -- a debit; a credit is negative
    constraint entry_pk primary key (tenant_id, transfer_id, leg),
    constraint entry_of_transfer foreign key (tenant_id, transfer_id) references transfer (tenant_id, id),
    constraint entry_of_account foreign key (tenant_id, account_id, currency)
        references account (tenant_id, id, currency),
    constraint entry_moves_something check (amount <> 0)
);
create index entry_by_account on entry (tenant_id, account_id, transfer_id desc);

-- Runs at COMMIT for every transfer and every entry. Where row security hides the rows that it is to judge, it refuses
-- rather than find nothing wrong.
create function transfer_is_balanced() returns trigger
    language plpgsql
as $$
declare
    moved uuid;
    legs bigint;
    currencies bigint;
    total numeric;
begin
    if tg_table_name = 'entry' then
        moved := new.transfer_id;
    else
        moved := new.id;
    end if;
    if not exists (select from transfer t where t.tenant_id = new.tenant_id and t.id = moved) then
        raise exception 'transfer % is hidden from its own check', moved using errcode = 'KF001';
    end if;
    select count(*), count(distinct e.currency), coalesce(sum(e.amount), 0)
        into legs, currencies, total
        from entry e where e.tenant_id = new.tenant_id and e.transfer_id = moved;
    if legs < 2 then
        raise exception 'transfer % has % entries', moved, legs using errcode = 'KF002';
    end if;
    if currencies <> 1 then
        raise exception 'transfer % mixes currencies', moved using errcode = 'KF003';
    end if;
    if total <> 0 then
        raise exception 'transfer % is unbalanced by %', moved, total using errcode = 'KF004';
    end if;
    return null;
end
$$;

create constraint trigger transfer_balanced after insert on transfer
    deferrable initially deferred for each row execute function transfer_is_balanced();
create constraint trigger entry_balanced after insert on entry
    deferrable initially deferred for each row execute function transfer_is_balanced();

create function only_grows() returns trigger
    language plpgsql
as $$
begin
    raise exception '% only grows: % is refused', tg_table_name, lower(tg_op) using errcode = 'KF005';
end
$$;

-- Settlements ----------------------------------------------------------------------------------------------------

-- What a visit came to. A correction is a further row with a higher number; the earlier one is then taken back.
create table settlement (
    tenant_id uuid not null,
    visit_id uuid not null,
    settlement_no bigint not null,
    circle_id uuid not null,
    team_id uuid not null,
    giver_person_id uuid not null,
    planned_date date not null,
    kind text not null,
    minutes bigint not null,
    hourly_rate bigint,                         -- pence; this and all below for kind 'money' only
    rule_id uuid,
    rule_circle_id uuid,
    rule_name text,
    decision_id uuid,
    base bigint,
    payers_total bigint,
    giver_amount bigint,
    contribution bigint,
    transfer_id uuid,                           -- null where nothing moves
    created_at timestamptz not null,
    constraint settlement_pk primary key (tenant_id, visit_id, settlement_no),
    constraint settlement_transfer_once unique (tenant_id, transfer_id),
    constraint settlement_by_transfer foreign key (tenant_id, transfer_id) references transfer (tenant_id, id),
    constraint settlement_by_rule foreign key (tenant_id, rule_id) references contribution_rule (tenant_id, id),
    constraint settlement_no_from_one check (settlement_no > 0),
    constraint settlement_kind_known check (kind in ('money', 'care_coins', 'gift')),
    constraint settlement_minutes_not_negative check (minutes >= 0),
    constraint settlement_money_whole check (
        (kind = 'money') = (hourly_rate is not null and rule_id is not null and rule_circle_id is not null
            and rule_name is not null and base is not null and payers_total is not null
            and giver_amount is not null and contribution is not null)),
    constraint settlement_parts_sum check (payers_total = giver_amount + contribution),
    constraint settlement_nothing_negative check (
        hourly_rate >= 0 and base >= 0 and payers_total >= 0 and giver_amount >= 0 and contribution >= 0)
);
create index settlement_by_month on settlement (tenant_id, circle_id, planned_date);
create index settlement_by_rule_name on settlement (tenant_id, rule_circle_id, rule_name, planned_date);

-- Who pays how much of a settled visit.
create table settlement_share (
    tenant_id uuid not null,
    visit_id uuid not null,
    settlement_no bigint not null,
    place bigint not null,
    payer_id uuid not null,
    share_bp bigint not null,
    amount bigint not null,                     -- pence
    contribution bigint not null,               -- pence; all payers' parts sum to the settlement's
    constraint settlement_share_pk primary key (tenant_id, visit_id, settlement_no, place),
    constraint settlement_share_payer_once unique (tenant_id, visit_id, settlement_no, payer_id),
    constraint settlement_share_of_settlement foreign key (tenant_id, visit_id, settlement_no)
        references settlement (tenant_id, visit_id, settlement_no),
    constraint settlement_share_of_payer foreign key (tenant_id, payer_id) references payer (tenant_id, id),
    constraint settlement_share_not_negative check (amount >= 0 and contribution >= 0),
    constraint settlement_share_within_whole check (share_bp between 1 and 10000)
);

-- A settlement that was taken back.
create table settlement_reversal (
    tenant_id uuid not null,
    visit_id uuid not null,
    settlement_no bigint not null,
    transfer_id uuid,                           -- null where nothing had moved
    created_at timestamptz not null,
    constraint settlement_reversal_pk primary key (tenant_id, visit_id, settlement_no),
    constraint settlement_reversal_of_settlement foreign key (tenant_id, visit_id, settlement_no)
        references settlement (tenant_id, visit_id, settlement_no),
    constraint settlement_reversal_by_transfer foreign key (tenant_id, transfer_id)
        references transfer (tenant_id, id)
);

-- Visits that wait for something, or that a person should look at.
create table unsettled_visit (
    tenant_id uuid not null,
    visit_id uuid not null,
    team_id uuid not null,
    circle_id uuid not null,
    giver_person_id uuid not null,
    planned_date date not null,
    reason text not null,
    constraint unsettled_visit_pk primary key (tenant_id, visit_id),
    constraint unsettled_visit_of_visit foreign key (tenant_id, visit_id) references visit (tenant_id, visit_id),
    constraint unsettled_visit_reason_known check (reason in ('no_funding', 'no_terms', 'no_rule', 'earlier_rule'))
);
create index unsettled_visit_by_team on unsettled_visit (tenant_id, team_id, planned_date, visit_id);
create index unsettled_visit_by_circle on unsettled_visit (tenant_id, circle_id, planned_date, visit_id);
create index unsettled_visit_by_giver on unsettled_visit (tenant_id, giver_person_id);

-- Documents ------------------------------------------------------------------------------------------------------

create table invoice (
    tenant_id uuid not null,
    id uuid not null,
    number bigint not null,
    circle_id uuid not null,
    team_id uuid not null,
    payer_id uuid not null,
    billing_name text not null,                 -- as at issue
    billing_address text not null,              -- as at issue
    month date not null,                        -- its first day
    total bigint not null,                      -- pence; below zero where it takes back more than it charges
    contribution bigint not null,
    created_at timestamptz not null,
    constraint invoice_pk primary key (tenant_id, id),
    constraint invoice_number_once unique (tenant_id, number),
    constraint invoice_to_payer foreign key (tenant_id, team_id, payer_id)
        references payer (tenant_id, team_id, id),
    constraint invoice_number_from_one check (number > 0),
    constraint invoice_month_whole check (extract(day from month) = 1)
);
create index invoice_by_circle on invoice (tenant_id, circle_id, number);
create index invoice_by_team on invoice (tenant_id, team_id, number);

-- A line: the settled share that it charges, or takes back. What it comes to stands with the settlement, which never
-- changes. A settled share is charged once and taken back at most once.
create table invoice_line (
    tenant_id uuid not null,
    invoice_id uuid not null,
    place bigint not null,
    visit_id uuid not null,
    settlement_no bigint not null,
    payer_id uuid not null,
    takes_back boolean not null,
    constraint invoice_line_pk primary key (tenant_id, invoice_id, place),
    constraint invoice_line_once unique (tenant_id, visit_id, settlement_no, payer_id, takes_back),
    constraint invoice_line_of_invoice foreign key (tenant_id, invoice_id) references invoice (tenant_id, id),
    constraint invoice_line_of_share foreign key (tenant_id, visit_id, settlement_no, payer_id)
        references settlement_share (tenant_id, visit_id, settlement_no, payer_id)
);

create table pay_run (
    tenant_id uuid not null,
    id uuid not null,
    circle_id uuid not null,
    month date not null,
    statements integer not null,
    total bigint not null,                      -- pence
    created_at timestamptz not null,
    constraint pay_run_pk primary key (tenant_id, id),
    constraint pay_run_month_whole check (extract(day from month) = 1)
);

create table statement (
    tenant_id uuid not null,
    id uuid not null,
    pay_run_id uuid not null,
    circle_id uuid not null,
    giver_person_id uuid not null,
    month date not null,
    total bigint not null,                      -- pence; below zero where it takes back more than it pays
    minutes bigint not null,
    created_at timestamptz not null,
    constraint statement_pk primary key (tenant_id, id),
    constraint statement_of_pay_run foreign key (tenant_id, pay_run_id) references pay_run (tenant_id, id),
    constraint statement_month_whole check (extract(day from month) = 1)
);
create index statement_by_circle on statement (tenant_id, circle_id, created_at, id);
create index statement_by_giver on statement (tenant_id, giver_person_id, created_at, id);

create table statement_line (
    tenant_id uuid not null,
    statement_id uuid not null,
    place bigint not null,
    visit_id uuid not null,
    settlement_no bigint not null,
    takes_back boolean not null,
    constraint statement_line_pk primary key (tenant_id, statement_id, place),
    constraint statement_line_once unique (tenant_id, visit_id, settlement_no, takes_back),
    constraint statement_line_of_statement foreign key (tenant_id, statement_id)
        references statement (tenant_id, id),
    constraint statement_line_of_settlement foreign key (tenant_id, visit_id, settlement_no)
        references settlement (tenant_id, visit_id, settlement_no)
);

-- A gift of Care Coins; its id is its transfer's.
create table coin_gift (
    tenant_id uuid not null,
    id uuid not null,
    from_person_id uuid not null,
    to_person_id uuid not null,
    amount bigint not null,                     -- minutes
    created_at timestamptz not null,
    constraint coin_gift_pk primary key (tenant_id, id),
    constraint coin_gift_by_transfer foreign key (tenant_id, id) references transfer (tenant_id, id),
    constraint coin_gift_to_another check (from_person_id <> to_person_id),
    constraint coin_gift_of_something check (amount > 0)
);

-- Protection -----------------------------------------------------------------------------------------------------

select platform.protect('person');
select platform.protect('administrator');
select platform.protect('team');
select platform.protect('circle');
select platform.protect('finance_hat');
select platform.protect('giver_terms');
select platform.protect('visit');
select platform.protect('contribution_rule');
select platform.protect('payer');
select platform.protect('funding');
select platform.protect('funding_share');
select platform.protect('books');
select platform.protect('account');
select platform.protect('transfer');
select platform.protect('entry');
select platform.protect('settlement');
select platform.protect('settlement_share');
select platform.protect('settlement_reversal');
select platform.protect('unsettled_visit');
select platform.protect('invoice');
select platform.protect('invoice_line');
select platform.protect('pay_run');
select platform.protect('statement');
select platform.protect('statement_line');
select platform.protect('coin_gift');

-- What is on the books stays on the books: by privilege, and by trigger for whoever has the privilege.
do $$
declare
    grown text;
begin
    foreach grown in array array[
        'transfer', 'entry', 'settlement', 'settlement_share', 'settlement_reversal', 'invoice', 'invoice_line',
        'pay_run', 'statement', 'statement_line', 'coin_gift'
    ] loop
        execute format('revoke update, delete on %I from kith_app', grown);
        execute format(
            'create trigger %I before update or delete or truncate on %I for each statement execute function only_grows()',
            grown || '_only_grows', grown);
    end loop;
end
$$;
