//! SQL, and nothing else. Every function takes the tenant.

pub mod around;
pub mod booking;
pub mod giver;
pub mod introduction;
pub mod series;
pub mod team;
pub mod visit;

use kith_platform::error::Error;
use kith_platform::id::Uuid;

/// What a stored word means, or which row has a word that is not known.
fn known<T>(value: Option<T>, table: &'static str, row: Uuid, column: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::Inconsistent {
        table,
        row: row.to_string(),
        problem: format!("{column} is not a value that is known"),
    })
}
