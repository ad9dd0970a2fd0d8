//! People and organisation roles, as identity tells them.

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use crate::store;

/// Notes whether a person is in the tenant.
pub async fn remember_person(tx: &mut Tx, person: PersonId, is_here: bool) -> Result<()> {
    store::role::note_person(tx, person, is_here).await
}

/// Writes down all organisation roles of a person.
pub async fn remember(tx: &mut Tx, person: PersonId, roles: &[String]) -> Result<()> {
    store::role::put(tx, person, roles).await
}
