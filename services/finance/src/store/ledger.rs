//! The ledger: the tenant's books, accounts with their kept balances, transfers and entries.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::PersonId;
use kith_platform::money::{Currency, Money};
use kith_platform::page::Page;

use crate::domain::TransferId;
use crate::domain::coins::Holdings;
use crate::domain::ledger::Account;

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
