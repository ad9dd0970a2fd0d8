//! Local days and months: what rules, funding and documents are dated by.

use std::fmt;

use chrono::{Datelike as _, Days, Months, NaiveDate};

/// Reads `YYYY-MM-DD` exactly; `None` for anything else and for days that do not exist.
pub fn parse(text: &str) -> Option<NaiveDate> {
    if text.len() != 10 {
        return None;
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (render(day) == text).then_some(day)
}

/// Writes `YYYY-MM-DD`.
pub fn render(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

/// A calendar month, `YYYY-MM`. A visit belongs to the month of its planned local day, wherever it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first: NaiveDate,
}

impl Month {
    /// Reads `YYYY-MM` exactly.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 7).then(|| parse(&format!("{text}-01"))).flatten().map(|first| Self { first })
    }

    /// The month of a day.
    pub fn of(day: NaiveDate) -> Self {
        let first = day.checked_sub_days(Days::new(u64::from(day.day0()))).unwrap_or(day);
        Self { first }
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

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first.format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_days_and_months_in_their_exact_form_are_read() {
        assert!(parse("2026-02-28").is_some());
        for wrong in ["2026-02-29", "2026-2-28", "2026-02-28 ", "", "26-02-28", "+026-02-28"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(
            Month::parse("2026-12").expect("a month").first_day_after(),
            parse("2027-01-01").expect("a day")
        );
        for wrong in ["2026-13", "2026-1", "2026", "2026-01-01"] {
            assert_eq!(Month::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_belongs_to_its_month() {
        let day = parse("2026-03-31").expect("a day");
        assert_eq!(Month::of(day), Month::parse("2026-03").expect("a month"));
        assert_eq!(Month::of(day).to_string(), "2026-03");
    }
}
