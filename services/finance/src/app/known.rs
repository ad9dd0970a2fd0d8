//! Taking in what finance hears of the others.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use super::settlement::{compare_with_terms, settle_waiting};
use crate::domain::hindsight::first_difference;
use crate::domain::settlement::Terms;
use crate::store;
use crate::store::settlement::Arrived;

/// Takes in a giver's terms: settles the visits that waited for them, and lists those settled under other ones.
pub async fn terms_stated(tx: &mut Tx, giver: PersonId, terms: &[Terms]) -> Result<()> {
    store::ledger::lock_books(tx).await?;
    let before = store::known::terms(tx, giver).await?;
    store::known::note_terms(tx, giver, terms).await?;
    settle_waiting(tx, Arrived::Terms(giver)).await?;
    match first_difference(&before, terms) {
        Some(day) => compare_with_terms(tx, giver, day).await,
        None => Ok(()),
    }
}
