//! What a Circle's month came to.

use kith_platform::db::Tx;
use kith_platform::error::Result;

use super::standing::{note_owners_of_payers, require_for_circle};
use crate::domain::month::Month;
use crate::domain::{CircleId, PayerId};
use crate::policy::Action;
use crate::store;
use crate::store::month::Giver;

/// A month's sums: what each payer owes in pence, and what each giver's visits came to.
#[derive(Clone, Debug)]
pub struct Sums {
    pub payers: Vec<(PayerId, i64)>,
    pub givers: Vec<Giver>,
}

/// Sums up a Circle's month over the settlements that stand.
pub async fn get(tx: &mut Tx, (circle_id, month): (CircleId, Month)) -> Result<Sums> {
    require_for_circle(tx, Action::GetMonth, circle_id).await?;
    let payers = store::month::payers(tx, circle_id, month).await?;
    let givers = store::month::givers(tx, circle_id, month).await?;
    let shown: Vec<PayerId> = payers.iter().map(|(payer, _)| *payer).collect();
    note_owners_of_payers(tx, &shown).await?;
    Ok(Sums { payers, givers })
}
