//! The trial balance.

use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::money::Money;
use kith_platform::page::Page;

use super::standing::note_owners_of_payers;
use crate::domain::ledger::{Account, Whose};
use crate::policy::Action;
use crate::store;
use crate::store::ledger::Balance;

/// Every account's balance and the sums.
#[derive(Clone, Debug)]
pub struct TrialBalance {
    pub accounts: Vec<Balance>,
    pub sums: Vec<Money>,
    pub next: String,
}

/// Answers a page of kept balances and the sums over all of them, whatever number of entries is behind them. Where it is to
/// be proved, kept balances that are not the sum of their entries make it fail, loudly.
pub async fn trial_balance(tx: &mut Tx, (page, prove): (Page<String>, bool)) -> Result<TrialBalance> {
    let (person, today, tenant) = (tx.person()?, tx.today()?, tx.tenant());
    let wears_hat = store::known::wears_finance_hat(tx, None, person, today).await?;
    let standing = Standing::new().with("anyone", true).with("finance_hat", wears_hat);
    tx.require(Action::GetTrialBalance, Subject::of("ledger", tenant), &standing)?;
    if prove && let Some(account) = store::ledger::drifted(tx).await?.into_iter().next() {
        return Err(Error::Inconsistent {
            table: "account",
            row: account,
            problem: "its balance is not the sum of its entries".into(),
        });
    }
    let sums = store::ledger::sums(tx).await?;
    let mut accounts = store::ledger::balances(tx, &page).await?;
    let next = page.cut(&mut accounts, |balance| balance.account.clone());
    let (mut people, mut payers) = (Vec::new(), Vec::new());
    for balance in &accounts {
        match Account::of_whom(&balance.account) {
            Some(Whose::Person(person)) => people.push(person),
            Some(Whose::Payer(payer)) => payers.push(payer),
            None => {}
        }
    }
    tx.note_people(people)?;
    note_owners_of_payers(tx, &payers).await?;
    Ok(TrialBalance { accounts, sums, next })
}
