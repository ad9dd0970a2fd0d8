//! Days and weeks, walked without the library: the rules that nearly every rota has. They cost a few additions each where
//! the library builds a calendar of every year; `rule` takes the library for the rest.

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, Weekday};
use rrule::{Frequency, NWeekday, RRule, Unvalidated};

/// A rule that gives whole days by their weekday alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    by_week: bool,
    interval: u16,
    /// A bit for each weekday from Monday; none where the rule does not say.
    weekdays: Option<u8>,
    week_start: Weekday,
}

impl Walk {
    /// The rule as a walk; none where it has parts that only the library knows.
    pub fn of(rule: &RRule<Unvalidated>) -> Option<Self> {
        let by_week = match rule.get_freq() {
            Frequency::Daily => false,
            Frequency::Weekly => true,
            _ => return None,
        };
        let only_weekdays = rule.get_by_set_pos().is_empty()
            && rule.get_by_month().is_empty()
            && rule.get_by_month_day().is_empty()
            && rule.get_by_year_day().is_empty()
            && rule.get_by_week_no().is_empty()
            && rule.get_by_hour().is_empty()
            && rule.get_by_minute().is_empty()
            && rule.get_by_second().is_empty();
        if !only_weekdays || rule.get_interval() == 0 {
            return None;
        }
        let mut weekdays = None;
        for day in rule.get_by_weekday() {
            let NWeekday::Every(day) = day else { return None };
            *weekdays.get_or_insert(0) |= bit(*day);
        }
        Some(Self { by_week, interval: rule.get_interval(), weekdays, week_start: rule.get_week_start() })
    }

    /// The starts from `start` on, in order and without end. The first is among them only where the rule gives it.
    pub fn starts(self, start: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let (first, time) = (start.date(), start.time());
        let weekdays = self.weekdays.unwrap_or(if self.by_week { bit(first.weekday()) } else { u8::MAX });
        // A stride of days or weeks; every weekday comes within seven strides, or never.
        let stride = if self.by_week { u64::from(self.interval) * 7 } else { u64::from(self.interval) };
        let begin = if self.by_week { first.week(self.week_start).checked_first_day() } else { Some(first) };
        let comes = self.by_week
            || (0..7).any(|step| fits(first.checked_add_days(Days::new(step * stride)), weekdays));
        let within: u64 = if self.by_week { 7 } else { 1 };
        let strides = std::iter::successors(begin.filter(|_| comes), move |day| {
            day.checked_add_days(Days::new(stride))
        });
        strides
            .flat_map(move |day| (0..within).filter_map(move |later| day.checked_add_days(Days::new(later))))
            .filter(move |day| *day >= first && fits(Some(*day), weekdays))
            .map(move |day| day.and_time(time))
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.num_days_from_monday()
}

fn fits(day: Option<NaiveDate>, weekdays: u8) -> bool {
    day.is_some_and(|day| weekdays & bit(day.weekday()) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

    proptest! {
        #[test]
        fn a_walk_gives_what_the_library_gives(
            weekly in any::<bool>(),
            interval in 1_u16..9,
            days in proptest::sample::subsequence(DAYS.to_vec(), 0..=7),
            week_start in proptest::sample::select(DAYS.to_vec()),
            from in 0_u64..3_000,
        ) {
            let often = if weekly { "WEEKLY" } else { "DAILY" };
            let by_day = if days.is_empty() { String::new() } else { format!(";BYDAY={}", days.join(",")) };
            let text = format!("FREQ={often};INTERVAL={interval};WKST={week_start}{by_day}");
            let rule: RRule<Unvalidated> = text.parse().expect("a rule");
            let walk = Walk::of(&rule).expect("a walk");
            let first = NaiveDate::from_ymd_opt(2024, 1, 1).and_then(|day| day.checked_add_days(Days::new(from)));
            let start = first.and_then(|day| day.and_hms_opt(9, 30, 0)).expect("a time");
            let set = rule.build(start.and_utc().with_timezone(&rrule::Tz::UTC)).expect("a rule").limit();
            let theirs: Vec<NaiveDateTime> = (&set).into_iter().take(60).map(|start| start.naive_utc()).collect();
            let ours: Vec<NaiveDateTime> = walk.starts(start).take(60).collect();
            prop_assert_eq!(ours, theirs, "{} from {}", text, start);
        }
    }

    #[test]
    fn what_only_the_library_knows_is_no_walk() {
        for text in [
            "FREQ=MONTHLY",
            "FREQ=YEARLY",
            "FREQ=DAILY;BYMONTH=3",
            "FREQ=WEEKLY;BYHOUR=9,12",
            "FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1",
        ] {
            let rule: RRule<Unvalidated> = text.parse().expect("a rule");
            assert_eq!(Walk::of(&rule), None, "{text}");
        }
    }
}
