//! Pages by AIP-158: opaque tokens that carry no authority and refuse changed filters.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::fields::Fields;

/// What a list is asked for: how many, and after which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// How many rows at most; ask the database for one more to see whether there is a next page.
    pub size: i64,
    /// The last key of the page before.
    pub after: Option<K>,
    filter_hash: [u8; 4],
}

/// Sizes of pages where nothing else is said.
pub const DEFAULT_SIZE: i32 = 50;
/// The largest page where nothing else is said.
pub const MAX_SIZE: i32 = 200;

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// Reads `page_size` and `page_token`. `filters` is whatever else the list is filtered by.
    pub fn parse(fields: &mut Fields, size: i32, token: &str, filters: &impl Serialize) -> Option<Self> {
        Self::parse_sized(fields, size, token, filters, DEFAULT_SIZE, MAX_SIZE)
    }

    /// As [`Self::parse`], with sizes of its own.
    pub fn parse_sized(
        fields: &mut Fields,
        size: i32,
        token: &str,
        filters: &impl Serialize,
        default: i32,
        max: i32,
    ) -> Option<Self> {
        let size = match size {
            ..0 => fields.wrong("page_size", "must not be negative"),
            0 => Some(default),
            size => Some(size.min(max)),
        };
        let filter_hash = hash(filters);
        let after = if token.is_empty() {
            Some(None)
        } else {
            match read(token, filter_hash) {
                Some(key) => Some(Some(key)),
                None => fields.wrong("page_token", "does not belong to this list with these filters"),
            }
        };
        Some(Self { size: i64::from(size?), after: after?, filter_hash })
    }

    /// How many rows to ask the database for.
    pub fn limit(&self) -> i64 {
        self.size + 1
    }

    /// Cuts the extra row off and answers the token of the next page, empty at the end.
    pub fn cut<T>(&self, rows: &mut Vec<T>, key: impl Fn(&T) -> K) -> String {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last().map(|last| write(&key(last), self.filter_hash)).unwrap_or_default()
    }
}

fn hash(filters: &impl Serialize) -> [u8; 4] {
    let bytes = serde_json::to_vec(filters).unwrap_or_default();
    let digest = Sha256::digest(&bytes);
    [digest[0], digest[1], digest[2], digest[3]]
}

fn write(key: &impl Serialize, filter_hash: [u8; 4]) -> String {
    let mut bytes = filter_hash.to_vec();
    bytes.extend(serde_json::to_vec(key).unwrap_or_default());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read<K: DeserializeOwned>(token: &str, filter_hash: [u8; 4]) -> Option<K> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (hash, key) = bytes.split_at_checked(4)?;
    (hash == filter_hash).then(|| serde_json::from_slice(key).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_on_where_the_page_ended_and_refuses_other_filters() {
        let mut fields = Fields::default();
        let page: Page<i64> = Page::parse(&mut fields, 2, "", &"team a").expect("a page");
        let mut rows = vec![10, 20, 30];
        let token = page.cut(&mut rows, |row| *row);
        assert_eq!(rows, [10, 20]);
        let next: Page<i64> = Page::parse(&mut fields, 2, &token, &"team a").expect("a page");
        assert_eq!(next.after, Some(20));
        assert_eq!(Page::<i64>::parse(&mut fields, 2, &token, &"team b"), None);
        assert_eq!(Page::<i64>::parse(&mut fields, 2, "garbage!", &"team a"), None);
        assert_eq!(Page::<i64>::parse(&mut fields, -1, "", &"team a"), None);
        assert_eq!(Page::<i64>::parse(&mut fields, 9999, "", &"team a").map(|page| page.size), Some(200));
    }
}
