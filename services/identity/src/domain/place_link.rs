//! That somebody is in two places of one host: said by themselves in both, shown to whom they say.

use chrono::{DateTime, Utc};
use kith_platform::id::PersonId;

/// A link that stands, as it is seen from one of its two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Short name of the other place.
    pub place: String,
    /// What the other place calls itself.
    pub display_name: String,
    /// Since when it was said in both.
    pub since: DateTime<Utc>,
    /// Who of this place may see it.
    pub readers: Vec<PersonId>,
}

impl Link {
    /// The link as one of those sees it to whom it is shown: who the others are is not told. None for everybody else.
    pub fn shown_to(self, reader: PersonId) -> Option<Self> {
        self.readers.contains(&reader).then(|| Self { readers: Vec::new(), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_platform::id::Uuid;

    #[test]
    fn a_link_is_for_those_it_is_shown_to_and_they_do_not_see_each_other() {
        let [one, other] = [PersonId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(2))];
        let link = Link {
            place: "calder".into(),
            display_name: "Calder".into(),
            since: DateTime::UNIX_EPOCH,
            readers: vec![one],
        };
        let seen = link.clone().shown_to(one).expect("shown");
        assert_eq!((seen.place.as_str(), seen.readers.len()), ("calder", 0));
        assert_eq!(link.shown_to(other), None);
    }
}
