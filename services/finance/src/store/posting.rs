//! What settling and giving write: visits as they now stand, transfers with their entries, the accounts they move, and what
//! visits came to. All of it in one statement.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::Uuid;

use super::settlement::inconsistent;
use super::words;
use crate::domain::ledger::{Account, Transfer};
use crate::domain::settlement::{Outcome, Visit};
use crate::domain::{Refused, TransferId, VisitId};

/// What is written together.
#[derive(Debug, Default)]
pub struct Posting<'visit> {
    /// Visits as they now stand, each once.
    pub noted: &'visit [Visit],
    /// What moves.
    pub transfers: Vec<Transfer>,
    /// What visits came to: money, Care Coins or a gift, each with its transfer where anything moved.
    pub settled: Vec<(&'visit Visit, Outcome, Option<TransferId>)>,
    /// Visits that wait for nothing any more: off the list, whatever they were listed for.
    pub over: Vec<VisitId>,
}

impl From<Transfer> for Posting<'_> {
    fn from(transfer: Transfer) -> Self {
        Self { transfers: vec![transfer], ..Self::default() }
    }
}

/// Writes it. The books are locked, so nobody else moves or opens an account meanwhile: each is changed once, by what all of it
/// comes to, and opened where it is not there yet.
pub async fn write(tx: &mut Tx, posting: &Posting<'_>) -> Result<()> {
    let Posting { noted, transfers, settled, over } = posting;
    if noted.is_empty() && transfers.is_empty() && settled.is_empty() && over.is_empty() {
        return Ok(());
    }
    let (tenant, created_at) = (tx.tenant(), tx.now());
    let (mut changes, mut entries) = (BTreeMap::<Account, i64>::new(), Entries::default());
    for transfer in transfers {
        for (leg, place) in transfer.legs().iter().zip(1_i16..) {
            let change = changes.entry(leg.account).or_default();
            *change = change.checked_add(leg.amount).ok_or(Refused::TooLarge)?;
            entries.transfers.push(transfer.id().0);
            entries.places.push(place);
            entries.accounts.push(leg.account.to_string());
            entries.currencies.push(leg.account.currency().code().to_owned());
            entries.amounts.push(leg.amount);
        }
    }
    let mut accounts = Accounts::default();
    for (account, change) in changes {
        accounts.new_ids.push(tx.new_id());
        accounts.names.push(account.to_string());
        accounts.kinds.push(account.kind().to_owned());
        accounts.currencies.push(account.currency().code().to_owned());
        accounts.changes.push(change);
    }
    let ids: Vec<Uuid> = transfers.iter().map(|transfer| transfer.id().0).collect();
    let contents: Vec<String> = transfers.iter().map(Transfer::content).collect();
    let codes: Vec<String> = transfers.iter().map(|transfer| transfer.code().word().to_owned()).collect();
    let visits: Vec<Option<Uuid>> =
        transfers.iter().map(|transfer| transfer.visit_id().map(Uuid::from)).collect();
    let reverses: Vec<Option<Uuid>> =
        transfers.iter().map(|transfer| transfer.reverses().map(Uuid::from)).collect();
    let mut rows = Settlements::default();
    for (visit, outcome, transfer_id) in settled {
        rows.add(visit, outcome, *transfer_id)?;
    }
    let noted = Visits::of(noted);
    let over: Vec<Uuid> = over.iter().map(|visit| visit.0).collect();
    let written = sqlx::query!(
        "with moved as (
             select * from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[])
                 as moved (new_id, name, kind, currency, change)
         ), changed as (
             update account set balance = account.balance + moved.change from moved
             where account.tenant_id = $1 and account.name = any($4) and account.name = moved.name
             returning account.id, account.name
         ), opened as (
             insert into account (tenant_id, id, name, kind, currency, balance)
             select $1, new_id, name, kind, currency, change from moved
             where not exists (select from changed where changed.name = moved.name)
             returning id, name
         ), posted as (
             insert into transfer (tenant_id, id, input_hash, code, visit_id, reverses, created_at)
             select $1, id, sha256(convert_to(content, 'UTF8')), code, visit_id, reverses, $2
             from unnest($8::uuid[], $9::text[], $10::text[], $11::uuid[], $12::uuid[])
                 as posted (id, content, code, visit_id, reverses)
         ), settled as (
             insert into settlement
                 (tenant_id, visit_id, settlement_no, circle_id, team_id, giver_person_id, planned_date, kind, minutes,
                  hourly_rate, rule_id, rule_circle_id, rule_name, decision_id, base, payers_total, giver_amount,
                  contribution, transfer_id, created_at)
             select $1, *, $2 from unnest($18::uuid[], $19::bigint[], $20::uuid[], $21::uuid[], $22::uuid[], $23::date[],
                 $24::text[], $25::bigint[], $26::bigint[], $27::uuid[], $28::uuid[], $29::text[], $30::uuid[],
                 $31::bigint[], $32::bigint[], $33::bigint[], $34::bigint[], $35::uuid[])
         ), shared as (
             insert into settlement_share
                 (tenant_id, visit_id, settlement_no, place, payer_id, share_bp, amount, contribution)
             select $1, * from unnest($36::uuid[], $37::bigint[], $38::bigint[], $39::uuid[], $40::bigint[], $41::bigint[],
                 $42::bigint[])
         ), unlisted as (
             delete from unsettled_visit where tenant_id = $1 and visit_id = any($43)
         ), noted as (
             insert into visit
                 (tenant_id, visit_id, team_id, circle_id, giver_person_id, planned_date, state, way, minutes, settlement_no)
             select $1, * from unnest($44::uuid[], $45::uuid[], $46::uuid[], $47::uuid[], $48::date[], $49::text[],
                 $50::text[], $51::bigint[], $52::bigint[])
             on conflict (tenant_id, visit_id) do update set
                 team_id = excluded.team_id, circle_id = excluded.circle_id, giver_person_id = excluded.giver_person_id,
                 planned_date = excluded.planned_date, state = excluded.state, way = excluded.way,
                 minutes = excluded.minutes, settlement_no = excluded.settlement_no
         )
         insert into entry (tenant_id, transfer_id, leg, account_id, currency, amount)
         select $1, leg.transfer_id, leg.leg, account.id, leg.currency, leg.amount
         from unnest($13::uuid[], $14::smallint[], $15::text[], $16::text[], $17::bigint[])
                 as leg (transfer_id, leg, account, currency, amount)
             join (select id, name from changed union all select id, name from opened) as account
                 on account.name = leg.account",
        tenant.0,
        created_at,
        &accounts.new_ids,
        &accounts.names,
        &accounts.kinds,
        &accounts.currencies,
        &accounts.changes,
        &ids,
        &contents,
        &codes,
        &visits as &[Option<Uuid>],
        &reverses as &[Option<Uuid>],
        &entries.transfers,
        &entries.places,
        &entries.accounts,
        &entries.currencies,
        &entries.amounts,
        &rows.visits,
        &rows.numbers,
        &rows.circles,
        &rows.teams,
        &rows.givers,
        &rows.days,
        &rows.kinds,
        &rows.minutes,
        &rows.rates as &[Option<i64>],
        &rows.rules as &[Option<Uuid>],
        &rows.rule_circles as &[Option<Uuid>],
        &rows.rule_names as &[Option<String>],
        &rows.decisions as &[Option<Uuid>],
        &rows.bases as &[Option<i64>],
        &rows.totals as &[Option<i64>],
        &rows.to_givers as &[Option<i64>],
        &rows.contributions as &[Option<i64>],
        &rows.transfers as &[Option<Uuid>],
        &rows.shares.visits,
        &rows.shares.numbers,
        &rows.shares.places,
        &rows.shares.payers,
        &rows.shares.share_bps,
        &rows.shares.amounts,
        &rows.shares.contributions,
        &over,
        &noted.ids,
        &noted.teams,
        &noted.circles,
        &noted.givers,
        &noted.days,
        &noted.states,
        &noted.ways,
        &noted.minutes as &[Option<i64>],
        &noted.numbers
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "account_wallet_not_below_zero", || Refused::TooFewCoins))?;
    if written.rows_affected() == entries.amounts.len() as u64 {
        return Ok(());
    }
    let row = ids.first().copied().unwrap_or_default();
    Err(inconsistent("transfer", row, "its accounts cannot all be seen"))
}

/// The columns of accounts that are moved.
#[derive(Debug, Default)]
struct Accounts {
    new_ids: Vec<Uuid>,
    names: Vec<String>,
    kinds: Vec<String>,
    currencies: Vec<String>,
    changes: Vec<i64>,
}

/// The columns of entries.
#[derive(Debug, Default)]
struct Entries {
    transfers: Vec<Uuid>,
    places: Vec<i16>,
    accounts: Vec<String>,
    currencies: Vec<String>,
    amounts: Vec<i64>,
}

/// The columns of visits.
#[derive(Debug, Default)]
struct Visits {
    ids: Vec<Uuid>,
    teams: Vec<Uuid>,
    circles: Vec<Uuid>,
    givers: Vec<Uuid>,
    days: Vec<NaiveDate>,
    states: Vec<String>,
    ways: Vec<String>,
    minutes: Vec<Option<i64>>,
    numbers: Vec<i64>,
}

impl Visits {
    fn of(visits: &[Visit]) -> Self {
        Self {
            ids: visits.iter().map(|visit| visit.id.0).collect(),
            teams: visits.iter().map(|visit| visit.team_id.0).collect(),
            circles: visits.iter().map(|visit| visit.circle_id.0).collect(),
            givers: visits.iter().map(|visit| visit.giver.0).collect(),
            days: visits.iter().map(|visit| visit.planned_date).collect(),
            states: visits.iter().map(|visit| words::visit_state_word(visit.state).to_owned()).collect(),
            ways: visits.iter().map(|visit| words::way_word(visit.way).to_owned()).collect(),
            minutes: visits.iter().map(|visit| visit.minutes).collect(),
            numbers: visits.iter().map(|visit| visit.settlement_no).collect(),
        }
    }
}

/// The columns of settlements.
#[derive(Debug, Default)]
struct Settlements {
    visits: Vec<Uuid>,
    numbers: Vec<i64>,
    circles: Vec<Uuid>,
    teams: Vec<Uuid>,
    givers: Vec<Uuid>,
    days: Vec<NaiveDate>,
    kinds: Vec<String>,
    minutes: Vec<i64>,
    rates: Vec<Option<i64>>,
    rules: Vec<Option<Uuid>>,
    rule_circles: Vec<Option<Uuid>>,
    rule_names: Vec<Option<String>>,
    decisions: Vec<Option<Uuid>>,
    bases: Vec<Option<i64>>,
    totals: Vec<Option<i64>>,
    to_givers: Vec<Option<i64>>,
    contributions: Vec<Option<i64>>,
    transfers: Vec<Option<Uuid>>,
    shares: Shares,
}

/// The columns of their shares.
#[derive(Debug, Default)]
struct Shares {
    visits: Vec<Uuid>,
    numbers: Vec<i64>,
    places: Vec<i64>,
    payers: Vec<Uuid>,
    share_bps: Vec<i64>,
    amounts: Vec<i64>,
    contributions: Vec<i64>,
}

impl Settlements {
    fn add(&mut self, visit: &Visit, outcome: &Outcome, transfer_id: Option<TransferId>) -> Result<()> {
        let (kind, minutes, paid) = match outcome {
            Outcome::Money(paid) => ("money", visit.minutes.unwrap_or_default(), Some(paid)),
            Outcome::CareCoins(minutes) => ("care_coins", *minutes, None),
            Outcome::Gift(minutes) => ("gift", *minutes, None),
            Outcome::Nothing | Outcome::Missing(_) => {
                return Err(inconsistent(
                    "settlement",
                    visit.id.0,
                    "came to nothing that could be written down",
                ));
            }
        };
        self.visits.push(visit.id.0);
        self.numbers.push(visit.settlement_no);
        self.circles.push(visit.circle_id.0);
        self.teams.push(visit.team_id.0);
        self.givers.push(visit.giver.0);
        self.days.push(visit.planned_date);
        self.kinds.push(kind.to_owned());
        self.minutes.push(minutes);
        self.rates.push(paid.map(|paid| paid.hourly_rate));
        self.rules.push(paid.map(|paid| paid.rule_id.0));
        self.rule_circles.push(paid.map(|paid| paid.rule_circle_id.0));
        self.rule_names.push(paid.map(|paid| paid.rule_name.clone()));
        self.decisions.push(paid.and_then(|paid| paid.decision_id).map(Uuid::from));
        self.bases.push(paid.map(|paid| paid.price.base));
        self.totals.push(paid.map(|paid| paid.price.payers_total));
        self.to_givers.push(paid.map(|paid| paid.price.giver_amount));
        self.contributions.push(paid.map(|paid| paid.price.contribution));
        self.transfers.push(transfer_id.map(Uuid::from));
        for (part, place) in paid.map_or(&[][..], |paid| paid.parts.as_slice()).iter().zip(1..) {
            self.shares.visits.push(visit.id.0);
            self.shares.numbers.push(visit.settlement_no);
            self.shares.places.push(place);
            self.shares.payers.push(part.share.payer.0);
            self.shares.share_bps.push(part.share.share_bp);
            self.shares.amounts.push(part.amount);
            self.shares.contributions.push(part.contribution);
        }
        Ok(())
    }
}
