//! Reading requests: every wrong field is named at once.
//!
//! A parser reads all fields first, each as an `Option`, and puts the command together last with `?`; what was wrong
//! is collected on the way.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike as _, Utc};
use prost_types::Timestamp;

use crate::error::{Error, Violation};
use crate::id::Uuid;
use crate::local::LOCAL_FORMAT;
use crate::money::{Currency, Money};

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// Notes that a field is wrong; always `None`, so that it can end an expression.
    pub fn wrong<T>(&mut self, field: impl Into<String>, description: impl Into<String>) -> Option<T> {
        self.violations.push(Violation { field: field.into(), description: description.into() });
        None
    }

    /// The command, or every wrong field.
    pub fn finish<C>(self, command: Option<C>) -> Result<C, Error> {
        match command {
            Some(command) if self.violations.is_empty() => Ok(command),
            _ => Err(Error::Invalid(self.violations)),
        }
    }

    /// A UUID that must be there.
    pub fn id<T: From<Uuid>>(&mut self, field: &str, value: &str) -> Option<T> {
        if value.is_empty() {
            return self.wrong(field, "is missing");
        }
        match Uuid::try_parse(value) {
            Ok(id) if !id.is_nil() => Some(T::from(id)),
            _ => self.wrong(field, "is not a UUID"),
        }
    }

    /// A UUID that may be left out: `Some(None)` where it is.
    pub fn optional_id<T: From<Uuid>>(&mut self, field: &str, value: &str) -> Option<Option<T>> {
        if value.is_empty() { Some(None) } else { self.id(field, value).map(Some) }
    }

    /// Text of `min..=max` characters, without white space around it and without control characters but line breaks.
    pub fn text(&mut self, field: &str, value: &str, min: usize, max: usize) -> Option<String> {
        let trimmed = value.trim();
        let length = trimmed.chars().count();
        if trimmed.is_empty() && min > 0 {
            return self.wrong(field, "is missing");
        }
        if length < min || length > max {
            return self.wrong(field, format!("must have {min} to {max} characters"));
        }
        if trimmed.chars().any(|character| character.is_control() && character != '\n' && character != '\t') {
            return self.wrong(field, "contains control characters");
        }
        Some(trimmed.to_owned())
    }

    /// A day, `YYYY-MM-DD`, that exists.
    pub fn date(&mut self, field: &str, value: &str) -> Option<NaiveDate> {
        if value.is_empty() {
            return self.wrong(field, "is missing");
        }
        match NaiveDate::parse_from_str(value, "%Y-%m-%d") {
            Ok(date) if value.len() == 10 && in_range(date) => Some(date),
            _ => self.wrong(field, "is not a day that exists, as YYYY-MM-DD between 1900 and 2200"),
        }
    }

    /// A day that may be left out: `Some(None)` where it is.
    pub fn optional_date(&mut self, field: &str, value: &str) -> Option<Option<NaiveDate>> {
        if value.is_empty() { Some(None) } else { self.date(field, value).map(Some) }
    }

    /// A month, `YYYY-MM`, as its first day.
    pub fn month(&mut self, field: &str, value: &str) -> Option<NaiveDate> {
        if value.is_empty() {
            return self.wrong(field, "is missing");
        }
        match NaiveDate::parse_from_str(&format!("{value}-01"), "%Y-%m-%d") {
            Ok(date) if value.len() == 7 && in_range(date) => Some(date),
            _ => self.wrong(field, "is not a month that exists, as YYYY-MM"),
        }
    }

    /// A wall-clock time in whole minutes, `YYYY-MM-DDTHH:MM:SS`.
    pub fn local(&mut self, field: &str, value: &str) -> Option<NaiveDateTime> {
        if value.is_empty() {
            return self.wrong(field, "is missing");
        }
        match NaiveDateTime::parse_from_str(value, LOCAL_FORMAT) {
            Ok(local) if value.len() == 19 && in_range(local.date()) => {
                if local.second() == 0 {
                    Some(local)
                } else {
                    self.wrong(field, "must be a whole minute")
                }
            }
            _ => self.wrong(field, "is not a time that exists, as YYYY-MM-DDTHH:MM:SS"),
        }
    }

    /// A moment that must be there.
    pub fn time(&mut self, field: &str, value: Option<&Timestamp>) -> Option<DateTime<Utc>> {
        match self.optional_time(field, value)? {
            Some(time) => Some(time),
            None => self.wrong(field, "is missing"),
        }
    }

    /// A moment in whole minutes that must be there.
    pub fn minute(&mut self, field: &str, value: Option<&Timestamp>) -> Option<DateTime<Utc>> {
        let time = self.time(field, value)?;
        if time.second() == 0 && time.nanosecond() == 0 {
            Some(time)
        } else {
            self.wrong(field, "must be a whole minute")
        }
    }

    /// A moment that may be left out: `Some(None)` where it is.
    pub fn optional_time(&mut self, field: &str, value: Option<&Timestamp>) -> Option<Option<DateTime<Utc>>> {
        let Some(value) = value else {
            return Some(None);
        };
        let time = u32::try_from(value.nanos)
            .ok()
            .and_then(|nanos| DateTime::from_timestamp(value.seconds, nanos))
            .filter(|time| in_range(time.date_naive()));
        match time {
            Some(time) => Some(Some(time)),
            None => self.wrong(field, "is not a moment between 1900 and 2200"),
        }
    }

    /// A whole number within bounds.
    pub fn number<N: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        field: &str,
        value: N,
        min: N,
        max: N,
    ) -> Option<N> {
        if value < min || value > max {
            return self.wrong(field, format!("must be {min} to {max}"));
        }
        Some(value)
    }

    /// An enum value: known, and not the unspecified zero.
    pub fn choice<P: TryFrom<i32>, T>(
        &mut self,
        field: &str,
        value: i32,
        map: impl FnOnce(P) -> Option<T>,
    ) -> Option<T> {
        if value == 0 {
            return self.wrong(field, "is missing");
        }
        match P::try_from(value).ok().and_then(map) {
            Some(chosen) => Some(chosen),
            None => self.wrong(field, "is not a value that is known here"),
        }
    }

    /// An amount of that currency, from zero.
    pub fn money(
        &mut self,
        field: &str,
        value: Option<&kith_proto::common::v1::Money>,
        currency: Currency,
    ) -> Option<Money> {
        let Some(value) = value else {
            return self.wrong(field, "is missing");
        };
        if Currency::from_code(&value.currency) != Some(currency) {
            return self.wrong(format!("{field}.currency"), format!("must be {currency}"));
        }
        if value.minor_units < 0 {
            return self.wrong(format!("{field}.minor_units"), "must not be negative");
        }
        Some(Money { minor_units: value.minor_units, currency })
    }
}

fn in_range(date: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (1900..2200).contains(&date.year())
}

/// A moment as the contracts write it.
pub fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

/// A day as the contracts write it; empty for none.
pub fn date_text(date: Option<NaiveDate>) -> String {
    date.map(|date| date.format("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// A wall-clock time as the contracts write it.
pub fn local_text(local: NaiveDateTime) -> String {
    local.format(LOCAL_FORMAT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named() {
        let mut fields = Fields::default();
        let id = fields.id::<Uuid>("id", "nonsense");
        let day = fields.date("day", "2026-02-30");
        let name = fields.text("name", "  ", 1, 10);
        let start = fields.local("start", "2026-03-02T09:00:30");
        let month = fields.month("month", "2026-13");
        let (nothing, given) =
            (fields.optional_id::<Uuid>("maybe", ""), fields.optional_date("until", "2026-03-01"));
        assert_eq!((id, day, name, start, month, nothing), (None, None, None, None, None, Some(None)));
        assert_eq!(given, Some(NaiveDate::from_ymd_opt(2026, 3, 1)));
        let Err(Error::Invalid(violations)) = fields.finish::<()>(None) else { panic!("it was accepted") };
        let named: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(named, ["id", "day", "name", "start", "month"]);
    }
}
