//! Reads JSON field by field and notes every mistake with its place, instead of ending at the first.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads JSON in which no name is said twice: which of the two was meant nobody can tell. The mark that some editors write
/// before a text is no mistake.
pub fn json(text: &str) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map(|Once(value)| value).map_err(|error| format!("is no JSON: {error}"))
}

/// A JSON value with every name once.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Self)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(value)) = entries.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Once(value))) = entries.next_entry::<String, Once>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name:?} is said twice")));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// Every mistake found so far: `series[3].giver: there is no giver "g9"`.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, place: &str, problem: impl AsRef<str>) {
        let problem = problem.as_ref();
        self.0.push(if place.is_empty() { problem.to_owned() } else { format!("{place}: {problem}") });
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// An object of the file, with its place in it.
#[derive(Clone)]
pub struct Fields<'a> {
    place: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Opens an object; a field other than the known ones is a mistake.
    pub fn open(value: &'a Value, place: &str, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let Some(map) = value.as_object() else {
            problems.add(place, format!("must be an object, not {}", kind(value)));
            return None;
        };
        let fields = Self { place: place.to_owned(), map };
        for name in map.keys() {
            if !known.contains(&name.as_str()) {
                problems.add(&fields.at(name), "there is no such field here");
            }
        }
        Some(fields)
    }

    /// The place of a field.
    pub fn at(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    pub fn is_list(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(Value::is_array)
    }

    pub fn value(&self, name: &str, problems: &mut Problems) -> Option<&'a Value> {
        let value = self.map.get(name).filter(|value| !value.is_null());
        if value.is_none() {
            problems.add(&self.at(name), "is missing");
        }
        value
    }

    pub fn text(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        let value = self.value(name, problems)?;
        let text = value.as_str();
        if text.is_none() {
            problems.add(&self.at(name), format!("must be a text, not {}", kind(value)));
        }
        text
    }

    /// A text of 1 to `most` characters.
    pub fn name(&self, name: &str, most: usize, problems: &mut Problems) -> Option<&'a str> {
        let text = self.text(name, problems)?;
        if text.trim().is_empty() || text.chars().count() > most || text.trim() != text {
            problems
                .add(&self.at(name), format!("must be 1 to {most} characters without spaces around them"));
            return None;
        }
        Some(text)
    }

    /// A short id: letters, digits, `.`, `_` and `-`, at most 40.
    pub fn id(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        let text = self.text(name, problems)?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let starts = text.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        if !starts || text.len() > 40 || !text.chars().all(fits) {
            problems.add(
                &self.at(name),
                format!("{text:?} is no id: 1 to 40 letters, digits, dots, hyphens and underscores, a letter or digit first"),
            );
            return None;
        }
        Some(text)
    }

    pub fn whole_number(&self, name: &str, least: i64, most: i64, problems: &mut Problems) -> Option<i64> {
        let value = self.value(name, problems)?;
        let number = value.as_i64().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            problems
                .add(&self.at(name), format!("must be a whole number from {least} to {most}, not {value}"));
        }
        number
    }

    /// Basis points.
    pub fn basis_points(&self, name: &str, least: i32, problems: &mut Problems) -> Option<i32> {
        let number = self.whole_number(name, i64::from(least), 10_000, problems)?;
        i32::try_from(number).ok()
    }

    /// A list, each entry with its place; empty where it is missing (which is a mistake) or no list.
    pub fn list(&self, name: &str, problems: &mut Problems) -> Vec<(String, &'a Value)> {
        let Some(value) = self.value(name, problems) else { return Vec::new() };
        entries(value, &self.at(name), problems)
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let text = self.text(name, problems)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            problems.add(&self.at(name), format!("{text:?} is none of {}", words.join(", ")));
        }
        found
    }

    /// Fields that do not belong to what the object says it is.
    pub fn must_not_have(&self, names: &[&str], because: &str, problems: &mut Problems) {
        for name in names {
            if self.has(name) {
                problems.add(&self.at(name), format!("does not go with {because}"));
            }
        }
    }
}

/// The entries of a list, each with its place.
pub fn entries<'a>(value: &'a Value, place: &str, problems: &mut Problems) -> Vec<(String, &'a Value)> {
    let Some(list) = value.as_array() else {
        problems.add(place, format!("must be a list, not {}", kind(value)));
        return Vec::new();
    };
    list.iter().enumerate().map(|(index, entry)| (format!("{place}[{index}]"), entry)).collect()
}

/// What a value is, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
