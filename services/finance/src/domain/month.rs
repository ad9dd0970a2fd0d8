//! Calendar months: what documents and the commons accounts are dated by.

use std::fmt;

use chrono::{Datelike as _, Months, NaiveDate};

/// A calendar month. A visit belongs to the month of its planned local day, wherever it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first: NaiveDate,
}

impl Month {
    /// The month of a day.
    pub fn of(day: NaiveDate) -> Self {
        Self { first: day.with_day(1).unwrap_or(day) }
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.first
    }

    /// The first day after it.
    pub fn first_day_after(self) -> NaiveDate {
        self.first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX)
    }
}

/// As the contracts write it, `YYYY-MM`.
impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first.format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_month_goes_from_its_first_day_to_the_day_before_the_next() {
        let month = Month::of(date("2026-12-31"));
        assert_eq!(month, Month::of(date("2026-12-01")));
        assert_eq!((month.first_day(), month.first_day_after()), (date("2026-12-01"), date("2027-01-01")));
        assert_eq!(month.to_string(), "2026-12");
    }
}
