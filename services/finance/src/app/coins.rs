//! Care Coins: one's own, and giving them.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use kith_platform::people;

use super::standing::require_for_self;
use crate::domain::TransferId;
use crate::domain::coins::Gift;
use crate::domain::ledger::{Account, Code, Transfer};
use crate::events;
use crate::policy::Action;
use crate::store;
use crate::store::coins::Change;

/// One's own Care Coins.
#[derive(Clone, Debug)]
pub struct Wallet {
    pub minutes: i64,
    pub changes: Vec<Change>,
    pub next: String,
}

/// Answers the caller's own Care Coins and a page of their history.
pub async fn get(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<Wallet> {
    require_for_self(tx, Action::GetCareCoins)?;
    let person = tx.person()?;
    let minutes = store::ledger::balance(tx, Account::Coins(person)).await?;
    let mut changes = store::coins::changes(tx, person, &page).await?;
    let next = page.cut(&mut changes, |change| (change.created_at, change.transfer_id.0));
    Ok(Wallet { minutes, changes, next })
}

/// Gives own Care Coins away.
#[derive(Clone, Debug)]
pub struct Give {
    pub id: Option<TransferId>,
    pub to: PersonId,
    pub minutes: i64,
}

/// Gives own Care Coins to somebody else; answers what is left. The same client-made id with the same content gives
/// nothing a second time.
pub async fn give(tx: &mut Tx, command: Give) -> Result<i64> {
    require_for_self(tx, Action::GiveCareCoins)?;
    let person = tx.person()?;
    let gift = Gift::new(person, command.to, command.minutes)?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    store::ledger::lock_books(tx).await?;
    if store::ledger::has_transfer(tx, id).await? {
        if store::coins::gift(tx, id).await? != Some(gift) {
            return Err(Common::IdExists.into());
        }
        return store::ledger::balance(tx, Account::Coins(person)).await;
    }
    if !people::is_here(tx, gift.to).await? {
        return Err(Error::NotFound("person"));
    }
    let holdings = store::ledger::lock_holdings(tx, person).await?;
    let transfer = Transfer::new(id, Code::CoinsGiven, gift.legs(holdings.wallet)?)?;
    store::posting::write(tx, &transfer.into()).await?;
    store::coins::insert_gift(tx, id, gift).await?;
    events::coins_given(tx, id, gift);
    Ok(holdings.wallet - gift.minutes)
}
