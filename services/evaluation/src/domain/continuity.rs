//! Continuity: how many different givers came in a week, on average. Few known people rather than many.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use kith_platform::id::PersonId;
use kith_platform::local::wall_clock;

/// A calendar month of planned local days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    first_day: NaiveDate,
    next_first_day: NaiveDate,
}

impl Month {
    /// The month that a day lies in.
    pub fn of(day: NaiveDate) -> Option<Self> {
        let first_day = day.with_day(1)?;
        Some(Self { first_day, next_first_day: first_day.checked_add_months(Months::new(1))? })
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.first_day
    }

    /// The first day that is not of it any more.
    pub fn next_first_day(self) -> NaiveDate {
        self.next_first_day
    }
}

/// The local day on which an agreed visit took place: of its agreed start, as moved or as actually begun.
pub fn local_day(agreed_start: DateTime<Utc>, zone: Tz) -> NaiveDate {
    wall_clock(agreed_start, zone).date()
}

/// An agreed visit, as far as continuity looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreedVisit {
    /// Who came; the covering giver where it was covered.
    pub giver: PersonId,
    /// Local day of the agreed start, which may lie outside the month of the plan.
    pub local_day: NaiveDate,
}

/// How continuous support was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuity {
    /// ISO weeks with any agreed visit; part weeks count as weeks.
    pub weeks: u32,
    /// Mean number of different givers a week in hundredths, half up; none where there is no such week.
    pub mean_hundredths: Option<u64>,
}

impl Continuity {
    /// Works it out of the agreed visits of a Team whose originally planned local day lies in one month.
    pub fn of(visits: &[AgreedVisit]) -> Self {
        let mut givers_of_week: BTreeMap<(i32, u32), BTreeSet<PersonId>> = BTreeMap::new();
        for visit in visits {
            let week = visit.local_day.iso_week();
            givers_of_week.entry((week.year(), week.week())).or_default().insert(visit.giver);
        }
        let weeks = givers_of_week.len() as u64;
        let givers: u64 = givers_of_week.values().map(|givers| givers.len() as u64).sum();
        let mean_hundredths = (weeks > 0).then(|| (200 * givers + weeks) / (2 * weeks));
        Self { weeks: u32::try_from(weeks).unwrap_or(u32::MAX), mean_hundredths }
    }

    /// The mean as text with two decimals; empty where there is no week.
    pub fn mean(self) -> String {
        self.mean_hundredths.map_or_else(String::new, |mean| format!("{}.{:02}", mean / 100, mean % 100))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use kith_platform::id::Uuid;
    use proptest::prelude::*;

    use super::*;

    fn visit(giver: u128, day: &str) -> AgreedVisit {
        AgreedVisit { giver: PersonId(Uuid::from_u128(giver)), local_day: day.parse().expect("a day") }
    }

    #[test]
    fn different_givers_count_once_a_week_and_part_weeks_are_weeks() {
        // Sunday 1 March 2026 is the last day of ISO week 9.
        let visits = [
            visit(1, "2026-03-01"),
            visit(1, "2026-03-02"),
            visit(1, "2026-03-08"),
            visit(2, "2026-03-04"),
            visit(2, "2026-03-09"),
            visit(3, "2026-03-09"),
        ];
        let continuity = Continuity::of(&visits);
        assert_eq!((continuity.weeks, continuity.mean().as_str()), (3, "1.67"));
    }

    #[test]
    fn a_half_goes_up_and_no_visit_is_no_figure() {
        let none = Continuity::of(&[]);
        assert_eq!((none.weeks, none.mean().as_str()), (0, ""));
        // 9 givers over 8 weeks: 1.125 goes up to 1.13.
        let mut visits: Vec<AgreedVisit> =
            ["01-05", "01-12", "01-19", "01-26", "02-02", "02-09", "02-16", "02-23"]
                .iter()
                .map(|day| visit(1, &format!("2026-{day}")))
                .collect();
        visits.push(visit(2, "2026-01-06"));
        assert_eq!(Continuity::of(&visits).mean(), "1.13");
    }

    #[test]
    fn weeks_are_iso_weeks_across_a_new_year() {
        // Both in ISO week 1 of 2026; the year of the date differs.
        let continuity = Continuity::of(&[visit(1, "2025-12-29"), visit(1, "2026-01-04")]);
        assert_eq!(continuity.weeks, 1);
        // 2026-12-31 is in week 53 of 2026, 2027-01-04 in week 1 of 2027.
        assert_eq!(Continuity::of(&[visit(1, "2026-12-31"), visit(1, "2027-01-04")]).weeks, 2);
    }

    #[test]
    fn the_day_is_the_local_one() {
        let london: Tz = "Europe/London".parse().expect("a zone");
        let shortly_before_midnight_utc =
            Utc.with_ymd_and_hms(2026, 3, 29, 23, 30, 0).single().expect("a time");
        assert_eq!(local_day(shortly_before_midnight_utc, london).to_string(), "2026-03-30");
    }

    #[test]
    fn a_month_ends_where_the_next_one_begins() {
        let december = Month::of("2026-12-31".parse().expect("a day")).expect("a month");
        assert_eq!(december.first_day().to_string(), "2026-12-01");
        assert_eq!(december.next_first_day().to_string(), "2027-01-01");
    }

    proptest! {
        #[test]
        fn the_order_of_visits_and_repeats_do_not_matter(
            visits in proptest::collection::vec((1_u128..6, 0_u64..60), 1..80),
        ) {
            let start: NaiveDate = "2026-03-01".parse().expect("a day");
            let mut visits: Vec<AgreedVisit> = visits
                .into_iter()
                .map(|(giver, after)| AgreedVisit {
                    giver: PersonId(Uuid::from_u128(giver)),
                    local_day: start + chrono::Days::new(after),
                })
                .collect();
            let continuity = Continuity::of(&visits);
            let mean = continuity.mean_hundredths.expect("a week");
            prop_assert!((100..=500).contains(&mean), "between one giver and all five");
            visits.reverse();
            visits.extend(visits.clone());
            prop_assert_eq!(Continuity::of(&visits), continuity);
        }
    }
}
