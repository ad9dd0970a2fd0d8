//! How a tenant presents itself: its name, the address its mail comes from, its own words from a day on.

use chrono::NaiveDate;

use super::Change;
use super::account::Email;

/// A thing that co-ops have their own words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Team,
    Owner,
    Giver,
    Circle,
    Hat,
}

/// The tenant's own word for a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    pub thing: Thing,
    pub singular: String,
    pub plural: String,
    pub valid_from: NaiveDate,
}

/// An address, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub Option<Email>);

/// How a tenant presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub display_name: String,
    pub mail_sender: Option<Email>,
    /// By thing and day.
    pub wording: Vec<Wording>,
    /// Raised with every change.
    pub version: i64,
}

/// What an update says: only what is there changes.
#[derive(Clone, Debug)]
pub struct Update {
    pub display_name: Option<String>,
    pub mail_sender: Option<Address>,
    pub wording: Vec<Wording>,
}

impl Profile {
    /// Takes the update in. A word for the same thing and day is replaced; none is removed.
    pub fn update(&mut self, update: Update) -> Change {
        let before = self.clone();
        if let Some(display_name) = update.display_name {
            self.display_name = display_name;
        }
        if let Some(Address(mail_sender)) = update.mail_sender {
            self.mail_sender = mail_sender;
        }
        for new in update.wording {
            let same = |old: &Wording| old.thing == new.thing && old.valid_from == new.valid_from;
            self.wording.retain(|old| !same(old));
            self.wording.push(new);
        }
        self.wording.sort_by_key(|wording| (wording.thing, wording.valid_from));
        if *self == before { Change::Unchanged } else { Change::Changed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(singular: &str, day: &str) -> Wording {
        let (singular, plural) = (singular.to_owned(), format!("{singular}s"));
        Wording { thing: Thing::Team, singular, plural, valid_from: day.parse().expect("a day") }
    }

    #[test]
    fn only_what_is_said_changes_and_what_was_said_on_another_day_stays() {
        let mut profile = Profile {
            display_name: "Clapton".into(),
            mail_sender: Email::parse("hello@clapton.example"),
            wording: vec![word("Team", "2026-01-01")],
            version: 1,
        };
        let nothing = || Update { display_name: None, mail_sender: None, wording: Vec::new() };
        assert_eq!(profile.update(nothing()), Change::Unchanged);
        let words =
            Update { wording: vec![word("Nest", "2026-06-01"), word("Crew", "2026-01-01")], ..nothing() };
        assert_eq!(profile.update(words.clone()), Change::Changed);
        assert_eq!(profile.wording, [word("Crew", "2026-01-01"), word("Nest", "2026-06-01")]);
        assert_eq!(profile.update(words), Change::Unchanged);
        let no_sender = Update { mail_sender: Some(Address(None)), ..nothing() };
        assert_eq!(profile.update(no_sender), Change::Changed);
        assert_eq!((profile.mail_sender, profile.display_name.as_str()), (None, "Clapton"));
    }
}
