//! The ledger: the tenant's books, accounts with their kept balances, transfers and entries.

use std::collections::{BTreeSet, HashMap};

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::money::{Currency, Money};
use kith_platform::page::Page;

use crate::domain::coins::Holdings;
use crate::domain::ledger::{Account, Transfer};
use crate::domain::{Refused, TransferId};

/// Locks the tenant's books until the transaction ends: whoever settles, posts or issues does this first, so that
/// nothing slips between a look and a posting and nobody waits for one another in a ring.
pub async fn lock_books(tx: &mut Tx) -> Result<()> {
    let tenant = tx.tenant();
    let locked = sqlx::query_scalar!(
        "select last_invoice_number from books where tenant_id = $1 for update",
        tenant.0
    )
    .fetch_optional(tx.conn())
    .await?;
    if locked.is_none() {
        // The first one here opens the books; a second one at the same moment waits for it.
        sqlx::query!(
            "insert into books (tenant_id, last_invoice_number) values ($1, 0)
             on conflict on constraint books_pk do update set last_invoice_number = books.last_invoice_number",
            tenant.0
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Takes so many consecutive invoice numbers and answers the first. A transaction that does not commit gives them back.
pub async fn take_invoice_numbers(tx: &mut Tx, count: i64) -> Result<i64> {
    let tenant = tx.tenant();
    let last = sqlx::query_scalar!(
        "update books set last_invoice_number = last_invoice_number + $2 where tenant_id = $1
         returning last_invoice_number",
        tenant.0,
        count
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(last - count + 1)
}

/// Posts transfers: locks their accounts in the order of their ids, writes transfers and entries together, and keeps each
/// balance by one net change.
pub async fn post(tx: &mut Tx, transfers: &[Transfer]) -> Result<()> {
    if transfers.is_empty() {
        return Ok(());
    }
    let (tenant, created_at) = (tx.tenant(), tx.now());
    let mut balances = lock_accounts(tx, transfers).await?;
    let mut entries = Entries::default();
    for transfer in transfers {
        for (leg, place) in transfer.legs().iter().zip(1_i16..) {
            let kept = balances.get_mut(&leg.account);
            let (account, balance) = kept.ok_or_else(|| unseen(transfer))?;
            *balance = balance.checked_add(leg.amount).ok_or(Refused::TooLarge)?;
            entries.transfers.push(transfer.id().0);
            entries.places.push(place);
            entries.accounts.push(*account);
            entries.currencies.push(leg.account.currency().code().to_owned());
            entries.amounts.push(leg.amount);
        }
    }
    let (accounts, sums): (Vec<Uuid>, Vec<i64>) = balances.into_values().unzip();
    let ids: Vec<Uuid> = transfers.iter().map(|transfer| transfer.id().0).collect();
    let contents: Vec<String> = transfers.iter().map(Transfer::content).collect();
    let codes: Vec<String> = transfers.iter().map(|transfer| transfer.code().word().to_owned()).collect();
    let visits: Vec<Option<Uuid>> =
        transfers.iter().map(|transfer| transfer.visit_id().map(Uuid::from)).collect();
    let reverses: Vec<Option<Uuid>> =
        transfers.iter().map(|transfer| transfer.reverses().map(Uuid::from)).collect();
    let changed = sqlx::query!(
        "with posted as (
             insert into transfer (tenant_id, id, input_hash, code, visit_id, reverses, created_at)
             select $1, id, sha256(convert_to(content, 'UTF8')), code, visit_id, reverses, $2
             from unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[])
                 as posted (id, content, code, visit_id, reverses)
         ), written as (
             insert into entry (tenant_id, transfer_id, leg, account_id, currency, amount)
             select $1, transfer_id, leg, account_id, currency, amount
             from unnest($8::uuid[], $9::smallint[], $10::uuid[], $11::text[], $12::bigint[])
                 as leg (transfer_id, leg, account_id, currency, amount)
         )
         update account set balance = changed.balance
         from unnest($13::uuid[], $14::bigint[]) as changed (id, balance)
         where account.tenant_id = $1 and account.id = changed.id",
        tenant.0,
        created_at,
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
        &accounts,
        &sums
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "account_wallet_not_below_zero", || Refused::TooFewCoins))?;
    if changed.rows_affected() == accounts.len() as u64 { Ok(()) } else { Err(unseen(&transfers[0])) }
}

/// The columns of entries.
#[derive(Debug, Default)]
struct Entries {
    transfers: Vec<Uuid>,
    places: Vec<i16>,
    accounts: Vec<Uuid>,
    currencies: Vec<String>,
    amounts: Vec<i64>,
}

fn unseen(transfer: &Transfer) -> Error {
    Error::Inconsistent {
        table: "transfer",
        row: transfer.id().to_string(),
        problem: "its accounts cannot all be seen".into(),
    }
}

/// The ids and balances of all accounts that transfers touch, locked in the order of their ids; those that are not there yet are
/// opened first.
async fn lock_accounts(tx: &mut Tx, transfers: &[Transfer]) -> Result<HashMap<Account, (Uuid, i64)>> {
    let touched: BTreeSet<Account> =
        transfers.iter().flat_map(|transfer| transfer.legs().iter().map(|leg| leg.account)).collect();
    let named: HashMap<String, Account> =
        touched.into_iter().map(|account| (account.to_string(), account)).collect();
    let names: Vec<String> = named.keys().cloned().collect();
    let mut locked = lock_named(tx, &names).await?;
    if locked.len() < names.len() {
        open_accounts(tx, &named).await?;
        locked = lock_named(tx, &names).await?;
    }
    Ok(locked.into_iter().filter_map(|(name, kept)| Some((*named.get(&name)?, kept))).collect())
}

async fn lock_named(tx: &mut Tx, names: &[String]) -> Result<Vec<(String, (Uuid, i64))>> {
    let tenant = tx.tenant();
    let accounts = sqlx::query!(
        "select id, name, balance from account where tenant_id = $1 and name = any($2) order by id for update",
        tenant.0,
        names
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(accounts.into_iter().map(|account| (account.name, (account.id, account.balance))).collect())
}

async fn open_accounts(tx: &mut Tx, named: &HashMap<String, Account>) -> Result<()> {
    let tenant = tx.tenant();
    let new_ids: Vec<Uuid> = named.iter().map(|_| tx.new_id()).collect();
    let names: Vec<String> = named.keys().cloned().collect();
    let kinds: Vec<String> = named.values().map(|account| account.kind().to_owned()).collect();
    let currencies: Vec<String> =
        named.values().map(|account| account.currency().code().to_owned()).collect();
    sqlx::query!(
        "insert into account (tenant_id, id, name, kind, currency, balance)
         select $1, id, name, kind, currency, 0
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) as new (id, name, kind, currency)
         order by name
         on conflict on constraint account_name_once do nothing",
        tenant.0,
        &new_ids,
        &names,
        &kinds,
        &currencies
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a person's coin accounts hold, locked until the transaction ends.
pub async fn lock_holdings(tx: &mut Tx, person: PersonId) -> Result<Holdings> {
    let tenant = tx.tenant();
    let (wallet, owed) = (Account::Coins(person).to_string(), Account::CoinsOwed(person).to_string());
    let names = [wallet.clone(), owed.clone()];
    let rows = sqlx::query!(
        "select name, balance from account where tenant_id = $1 and name = any($2) order by id for update",
        tenant.0,
        &names
    )
    .fetch_all(tx.conn())
    .await?;
    let balance_of = |name: &str| rows.iter().find(|row| row.name == name).map_or(0, |row| row.balance);
    Ok(Holdings { wallet: balance_of(&wallet), owed: -balance_of(&owed) })
}

/// The balance of an account; zero where nothing was ever posted to it.
pub async fn balance(tx: &mut Tx, account: Account) -> Result<i64> {
    let tenant = tx.tenant();
    let balance = sqlx::query_scalar!(
        "select balance from account where tenant_id = $1 and name = $2",
        tenant.0,
        account.to_string()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(balance.unwrap_or(0))
}

/// An account as it stands in the trial balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Its name.
    pub account: String,
    /// Debits less credits.
    pub balance: Money,
}

fn money(minor_units: i64, currency: &str, account: &str) -> Result<Money> {
    match Currency::from_code(currency) {
        Some(currency) => Ok(Money { minor_units, currency }),
        None => Err(Error::Inconsistent {
            table: "account",
            row: account.to_owned(),
            problem: "its currency is not known".into(),
        }),
    }
}

/// A page of accounts by name, one more than the page holds.
pub async fn balances(tx: &mut Tx, page: &Page<String>) -> Result<Vec<Balance>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select name, currency, balance from account
         where tenant_id = $1 and ($2::text is null or name collate "C" > $2 collate "C")
         order by name collate "C" limit $3"#,
        tenant.0,
        page.after.as_deref(),
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    let mut balances = Vec::with_capacity(rows.len());
    for row in rows {
        let balance = money(row.balance, &row.currency, &row.name)?;
        balances.push(Balance { account: row.name, balance });
    }
    Ok(balances)
}

/// Whether any transfer has that id.
pub async fn has_transfer(tx: &mut Tx, id: TransferId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists(select from transfer where tenant_id = $1 and id = $2) as "found!""#,
        tenant.0,
        id.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// The sum of all kept balances per currency: zero each.
pub async fn sums(tx: &mut Tx) -> Result<Vec<Money>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select currency, sum(balance)::bigint as "sum!" from account where tenant_id = $1
         group by currency order by currency"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| money(row.sum, &row.currency, "all")).collect()
}

/// Accounts whose kept balance is not the sum of their entries: there should be none.
pub async fn drifted(tx: &mut Tx) -> Result<Vec<String>> {
    let tenant = tx.tenant();
    let names = sqlx::query_scalar!(
        "select account.name from account
         left join entry on entry.tenant_id = account.tenant_id and entry.account_id = account.id
         where account.tenant_id = $1
         group by account.name, account.balance having account.balance <> coalesce(sum(entry.amount), 0)
         order by account.name",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(names)
}
