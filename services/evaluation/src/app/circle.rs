//! What evaluation keeps of Circles.

use kith_platform::db::Tx;
use kith_platform::error::Result;

use crate::domain::circle::Circle;
use crate::store;

/// Keeps a Circle as it is told.
pub async fn project(tx: &mut Tx, circle: &Circle) -> Result<()> {
    store::circle::put(tx, circle).await
}
