//! Causality without calls between services: a command's answer says in `kith-caused` which events it wrote; the
//! caller hands the newest per aggregate on in `kith-after`; a service that listens to one waits until it is applied.
//!
//! Each value is `<event type>;<aggregate id>;<event id>`; several are several values, or joined by commas.

use http::HeaderMap;

use crate::error::{Error, Result};
use crate::id::Uuid;

/// Metadata of an answer.
pub const CAUSED: &str = "kith-caused";
/// Metadata of a call.
pub const AFTER: &str = "kith-after";
/// More than these are not looked at.
pub const MOST: usize = 32;

/// An event that the caller has seen the answer of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `<service>.<aggregate>.<past_tense>.v1`.
    pub event_type: String,
    /// Its id.
    pub event_id: Uuid,
}

/// Reads `kith-after`.
pub(crate) fn parse(headers: &HeaderMap) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for value in headers.get_all(AFTER) {
        for one in value.to_str().unwrap_or("?").split(',').filter(|one| !one.is_empty()) {
            let mut parts = one.split(';');
            let event_type = parts.next().unwrap_or_default().to_owned();
            let event_id = parts.nth(1).and_then(|id| Uuid::try_parse(id).ok());
            let Some(event_id) = event_id else {
                return Err(Error::invalid(AFTER, "must be <event type>;<aggregate id>;<event id>"));
            };
            seen.push(Seen { event_type, event_id });
        }
    }
    if seen.len() > MOST {
        return Err(Error::invalid(AFTER, "names more than 32 events; hand on the newest per aggregate"));
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_joined_or_apart_and_nonsense_is_refused() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut headers = HeaderMap::new();
        headers.append(AFTER, format!("a.b.c.v1;{two};{one},a.b.d.v1;{two};{two}").parse().expect("a value"));
        headers.append(AFTER, format!("x.y.z.v1;{one};{one}").parse().expect("a value"));
        let seen = parse(&headers).expect("three events");
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[0], Seen { event_type: "a.b.c.v1".into(), event_id: one });
        headers.append(AFTER, "nonsense".parse().expect("a value"));
        assert!(parse(&headers).is_err());
    }
}
