//! The ledger: the tenant's books, accounts with their kept balances, transfers and entries.

use chrono::{DateTime, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};
use sqlx::PgConnection;

use crate::domain::Refused;
use crate::domain::coins::Holdings;
use crate::domain::ledger::{Account, Transfer};

/// Locks the tenant's books until the transaction ends: whoever settles, posts or issues does this first, so that
/// nothing slips between a look and a posting and nobody waits for one another in a ring.
pub async fn lock_books(db: &mut PgConnection, tenant: TenantId) -> Result<()> {
    sqlx::query!(
        "insert into books (tenant_id, last_invoice_number) values ($1, 0) on conflict do nothing",
        tenant.0
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("select last_invoice_number from books where tenant_id = $1 for update", tenant.0)
        .fetch_one(db)
        .await?;
    Ok(())
}

/// The next invoice number. A transaction that does not commit gives it back.
pub async fn next_invoice_number(db: &mut PgConnection, tenant: TenantId) -> Result<i64> {
    let number = sqlx::query_scalar!(
        "update books set last_invoice_number = last_invoice_number + 1 where tenant_id = $1
         returning last_invoice_number",
        tenant.0
    )
    .fetch_one(db)
    .await?;
    Ok(number)
}

/// Posts a transfer: locks its accounts in the order of their ids, writes its entries and keeps the balances.
/// `new_account_ids` gives one id per leg, used where the account is new.
pub async fn post(
    db: &mut PgConnection,
    tenant: TenantId,
    transfer: &Transfer,
    new_account_ids: &[Uuid],
    created_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into transfer (tenant_id, id, input_hash, code, visit_id, reverses, created_at)
         values ($1, $2, sha256(convert_to($3, 'UTF8')), $4, $5, $6, $7)",
        tenant.0,
        transfer.id().0,
        transfer.content(),
        transfer.code().word(),
        transfer.visit_id().map(Uuid::from),
        transfer.reverses().map(Uuid::from),
        created_at
    )
    .execute(&mut *db)
    .await?;

    let accounts: Vec<Account> = transfer.legs().iter().map(|leg| leg.account).collect();
    let names: Vec<String> = accounts.iter().map(Account::to_string).collect();
    let kinds: Vec<String> = accounts.iter().map(|account| account.kind().to_owned()).collect();
    let currencies: Vec<String> =
        accounts.iter().map(|account| account.currency().code().to_owned()).collect();
    let amounts: Vec<i64> = transfer.legs().iter().map(|leg| leg.amount).collect();
    sqlx::query!(
        "insert into account (tenant_id, id, name, kind, currency, balance)
         select $1, id, name, kind, currency, 0
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) as new (id, name, kind, currency)
         on conflict (tenant_id, name) do nothing",
        tenant.0,
        new_account_ids,
        &names,
        &kinds,
        &currencies
    )
    .execute(&mut *db)
    .await?;

    let locked = sqlx::query!(
        "select id, name, balance from account where tenant_id = $1 and name = any($2) order by id for update",
        tenant.0,
        &names
    )
    .fetch_all(&mut *db)
    .await?;
    for account in &locked {
        let mut balance = account.balance;
        for leg in transfer.legs().iter().filter(|leg| leg.account.to_string() == account.name) {
            balance = balance.checked_add(leg.amount).ok_or(Refused::TooLarge)?;
            if leg.account.is_bounded() && balance < 0 {
                return Err(Refused::TooFewCoins.into());
            }
        }
        let changed = sqlx::query!(
            "update account set balance = $3 where tenant_id = $1 and id = $2",
            tenant.0,
            account.id,
            balance
        )
        .execute(&mut *db)
        .await?;
        if changed.rows_affected() != 1 {
            return Err(inconsistent(&account.name, "is locked and cannot be changed"));
        }
    }

    let written = sqlx::query!(
        "insert into entry (tenant_id, transfer_id, leg, account_id, currency, amount)
         select $1, $2, leg.place::smallint, account.id, account.currency, leg.amount
         from unnest($3::text[], $4::bigint[]) with ordinality as leg (name, amount, place)
         join account on account.tenant_id = $1 and account.name = leg.name",
        tenant.0,
        transfer.id().0,
        &names,
        &amounts
    )
    .execute(&mut *db)
    .await?;
    if written.rows_affected() != transfer.legs().len() as u64 {
        return Err(inconsistent(&transfer.id().to_string(), "has legs without an account"));
    }
    Ok(())
}

fn inconsistent(row: &str, problem: &str) -> Error {
    Error::Inconsistent { table: "account", row: row.to_owned(), problem: problem.to_owned() }
}

/// What a person's coin accounts hold, locked until the transaction ends.
pub async fn lock_holdings(db: &mut PgConnection, tenant: TenantId, person: PersonId) -> Result<Holdings> {
    let (wallet, owed) = (Account::Coins(person).to_string(), Account::CoinsOwed(person).to_string());
    let names = [wallet.clone(), owed.clone()];
    let rows = sqlx::query!(
        "select name, balance from account where tenant_id = $1 and name = any($2) order by id for update",
        tenant.0,
        &names
    )
    .fetch_all(db)
    .await?;
    let balance_of = |name: &str| rows.iter().find(|row| row.name == name).map_or(0, |row| row.balance);
    Ok(Holdings { wallet: balance_of(&wallet), owed: -balance_of(&owed) })
}

/// The balance of an account; zero where nothing was ever posted to it.
pub async fn balance(db: &mut PgConnection, tenant: TenantId, account: Account) -> Result<i64> {
    let balance = sqlx::query_scalar!(
        "select balance from account where tenant_id = $1 and name = $2",
        tenant.0,
        account.to_string()
    )
    .fetch_optional(db)
    .await?;
    Ok(balance.unwrap_or(0))
}

/// An account as it stands in the trial balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Its name.
    pub account: String,
    /// Code of what it is counted in.
    pub currency: String,
    /// Debits less credits.
    pub balance: i64,
}

/// A page of accounts by name, after the one given.
pub async fn balances(
    db: &mut PgConnection,
    tenant: TenantId,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Balance>> {
    let rows = sqlx::query_as!(
        Balance,
        r#"select name as account, currency, balance from account
         where tenant_id = $1 and ($2::text is null or name collate "C" > $2 collate "C")
         order by name collate "C" limit $3"#,
        tenant.0,
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The sum of all entries per currency, by code: zero each.
pub async fn sums(db: &mut PgConnection, tenant: TenantId) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"select currency, sum(amount)::bigint as "sum!" from entry where tenant_id = $1
         group by currency order by currency"#,
        tenant.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.currency, row.sum)).collect())
}

/// Accounts whose kept balance is not the sum of their entries: there should be none.
pub async fn drifted(db: &mut PgConnection, tenant: TenantId) -> Result<Vec<String>> {
    let names = sqlx::query_scalar!(
        "select account.name from account
         left join entry on entry.tenant_id = account.tenant_id and entry.account_id = account.id
         where account.tenant_id = $1
         group by account.name, account.balance having account.balance <> coalesce(sum(entry.amount), 0)
         order by account.name",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    Ok(names)
}
