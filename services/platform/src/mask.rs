//! Partial updates by AIP-134: only the fields that the mask names change, and a path that is not one of them is refused.

use std::collections::BTreeSet;

use prost_types::FieldMask;

use crate::fields::Fields;

/// Which fields an update is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(BTreeSet<&'static str>);

impl Mask {
    /// Reads `update_mask`: at least one path, each one of `known`.
    pub fn parse(fields: &mut Fields, mask: Option<&FieldMask>, known: &[&'static str]) -> Option<Self> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            return fields.wrong("update_mask", "must name at least one field");
        }
        let (mut named, mut all_known) = (BTreeSet::new(), true);
        for (at, path) in paths.iter().enumerate() {
            if let Some(known) = known.iter().find(|known| **known == path.as_str()) {
                named.insert(*known);
            } else {
                let what = format!("must be one of {}", known.join(", "));
                fields.wrong::<()>(format!("update_mask.paths[{at}]"), what);
                all_known = false;
            }
        }
        all_known.then_some(Self(named))
    }

    /// Whether the update is about this field.
    pub fn names(&self, field: &str) -> bool {
        self.0.contains(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn read(paths: &[&str]) -> Result<Mask, Vec<String>> {
        let mask = FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
        let mut fields = Fields::default();
        let parsed = Mask::parse(&mut fields, Some(&mask), &["name", "sender"]);
        match fields.finish(parsed) {
            Ok(mask) => Ok(mask),
            Err(Error::Invalid(wrong)) => Err(wrong.into_iter().map(|violation| violation.field).collect()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn only_known_fields_are_named_and_at_least_one() {
        assert_eq!(read(&["name", "name"]), read(&["name"]));
        let mask = read(&["sender"]).expect("a mask");
        assert!(mask.names("sender") && !mask.names("name"));
        assert_eq!(read(&[]), Err(vec!["update_mask".to_owned()]));
        let wrong = vec!["update_mask.paths[1]".to_owned(), "update_mask.paths[2]".to_owned()];
        assert_eq!(read(&["name", "id", "*"]), Err(wrong));
    }
}
