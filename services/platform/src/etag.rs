//! Etags by AIP-154: the row's version, quoted.

use crate::error::{Common, Result};
use crate::fields::Fields;

/// The etag of a version.
pub fn of(version: i64) -> String {
    format!("\"{version}\"")
}

/// Reads the field `etag`: `Some(None)` where none is given.
pub fn parse(fields: &mut Fields, value: &str) -> Option<Option<i64>> {
    parse_at(fields, "etag", value)
}

/// The same of another field.
pub fn parse_at(fields: &mut Fields, field: &str, value: &str) -> Option<Option<i64>> {
    if value.is_empty() {
        return Some(None);
    }
    let version = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .and_then(|digits| digits.parse().ok());
    match version {
        Some(version) => Some(Some(version)),
        None => fields.wrong(field, "is not an etag of this service"),
    }
}

/// Refuses a stale etag as ABORTED.
pub fn check(expected: Option<i64>, version: i64) -> Result<()> {
    match expected {
        Some(expected) if expected != version => Err(Common::StaleEtag.into()),
        _ => Ok(()),
    }
}
