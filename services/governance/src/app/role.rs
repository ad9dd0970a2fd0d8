//! Organisation roles, as identity tells them.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use crate::store;

/// Writes down all organisation roles of a person.
pub async fn remember(tx: &mut Tx, person: PersonId, roles: &[String]) -> Result<()> {
    store::role::put(tx, person, roles).await
}
