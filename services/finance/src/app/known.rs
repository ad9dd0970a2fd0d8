//! Taking in what finance hears of the others.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use super::settlement::settle_waiting;
use crate::domain::settlement::Terms;
use crate::store;
use crate::store::settlement::Arrived;

/// Takes in a giver's terms, and settles the visits that waited for them.
pub async fn terms_stated(tx: &mut Tx, giver: PersonId, terms: &[Terms]) -> Result<()> {
    store::ledger::lock_books(tx).await?;
    store::known::note_terms(tx, giver, terms).await?;
    settle_waiting(tx, Arrived::Terms(giver)).await
}
