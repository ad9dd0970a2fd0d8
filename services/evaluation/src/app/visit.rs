//! What evaluation keeps of visits.

use kith_platform::db::Tx;
use kith_platform::error::Result;

use crate::domain::visit::Visit;
use crate::store;

/// Keeps visits as they are told.
pub async fn project(tx: &mut Tx, visits: &[Visit]) -> Result<()> {
    store::visit::put(tx, visits).await
}
