//! What evaluation keeps of visits.

use kith_platform::db::Tx;
use kith_platform::error::Result;

use crate::domain::visit::Visit;
use crate::store;

/// Keeps a visit as it is told.
pub async fn project(tx: &mut Tx, visit: &Visit) -> Result<()> {
    store::visit::put(tx, visit).await
}
