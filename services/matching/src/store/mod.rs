//! SQL, and nothing but SQL. Every query names the tenant; row security is the second fence.

pub mod giver;
pub mod introduction;
pub mod opportunity;
pub mod standing;
mod words;

use kith_platform::error::{Error, Result};
use kith_platform::id::Uuid;

use crate::domain::place::OutwardCode;

/// Reads an outward code as it was written.
fn outward_code(text: &str, table: &'static str, row: Uuid) -> Result<OutwardCode> {
    OutwardCode::kept(text).map_err(|problem| Error::Inconsistent {
        table,
        row: row.to_string(),
        problem: format!("its outward code {problem}"),
    })
}

/// The codes as SQL takes them.
fn texts(codes: &[OutwardCode]) -> Vec<String> {
    codes.iter().map(|code| code.as_str().to_owned()).collect()
}
