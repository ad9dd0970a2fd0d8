//! What evaluation keeps of Teams.

use kith_platform::db::Tx;
use kith_platform::error::Result;

use crate::domain::team::Team;
use crate::store;

/// Keeps a Team as it is told.
pub async fn project(tx: &mut Tx, team: &Team) -> Result<()> {
    store::team::put(tx, team).await
}
