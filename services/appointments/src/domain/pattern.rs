//! Patterns: a first wall-clock start, a wall-clock length and perhaps a rule, and the visits they give.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Timelike, Utc};
use chrono_tz::Tz;
use kith_platform::local;

use super::rule::{End, Problem, Rule};
use super::{MOST_OCCURRENCES, MOST_WINDOW_DAYS, Refused};

/// When visits are, by the clock on the wall.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// First start. It always counts as the first occurrence, also where the rule alone would not give it (RFC 5545
    /// leaves the rest of such a series undefined; here the rule's own starts follow).
    pub starts_local: NaiveDateTime,
    /// How much later on the clock a visit ends, in minutes.
    pub wall_minutes: i32,
    /// What repeats; `None` for a single visit.
    pub rule: Option<Rule>,
    /// Whose clock.
    pub zone: Tz,
}

/// Local days, half open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: NaiveDate,
    until: NaiveDate,
}

/// One visit that a pattern gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Wall-clock start.
    pub starts_local: NaiveDateTime,
    /// Start and end.
    pub period: Period,
}

/// From an instant to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Begin.
    pub starts_at: DateTime<Utc>,
    /// End, after the begin.
    pub ends_at: DateTime<Utc>,
}

/// How many starts are looked at between the first one and the window: hundreds of years of days.
const MOST_STEPS: usize = 200_000;

impl Window {
    /// From a day to a later one that does not belong to it any more.
    pub fn new(from: NaiveDate, until: NaiveDate) -> Result<Self, Refused> {
        let days = (until - from).num_days();
        if !(1..=MOST_WINDOW_DAYS).contains(&days) || from.year() < 2000 || until.year() > 2101 {
            return Err(Refused::WindowOutOfRange);
        }
        Ok(Self { from, until })
    }

    /// First day.
    pub const fn from(self) -> NaiveDate {
        self.from
    }

    /// First day after.
    pub const fn until(self) -> NaiveDate {
        self.until
    }
}

impl Period {
    /// From a wall-clock start to the wall clock `wall_minutes` later. Where a clock change would let it end before it
    /// began, that many minutes pass instead.
    pub fn planned(starts_local: NaiveDateTime, wall_minutes: i32, zone: Tz) -> Self {
        let length = Duration::minutes(i64::from(wall_minutes));
        let starts_at = local::instant(starts_local, zone);
        let ends_at = local::instant(starts_local + length, zone);
        Self { starts_at, ends_at: if ends_at > starts_at { ends_at } else { starts_at + length } }
    }
}

impl Pattern {
    /// The days that occurrences are made for: the window, or without one the longest from the first start on.
    pub fn days(&self, window: Option<Window>) -> Window {
        let from = self.starts_local.date();
        window.unwrap_or(Window { from, until: from + Duration::days(MOST_WINDOW_DAYS) })
    }

    /// A pattern whose parts go together.
    pub fn new(
        starts_local: NaiveDateTime,
        wall_minutes: i32,
        rule: Option<Rule>,
        zone: Tz,
    ) -> Result<Self, Refused> {
        check_start(starts_local)?;
        if !(1..=1440).contains(&wall_minutes) {
            return Err(Refused::PatternOutOfRange);
        }
        if let Some(rule) = &rule {
            if let End::Until(until) = rule.end()
                && until < local::instant(starts_local, zone)
            {
                return Err(Refused::ImpossibleRule(Problem::UntilBeforeStart));
            }
            let starts = rule.wall_clock_starts(starts_local).map_err(Refused::ImpossibleRule)?;
            if starts.iter().next().is_none() {
                return Err(Refused::ImpossibleRule(Problem::NeverHappens));
            }
        }
        Ok(Self { starts_local, wall_minutes, rule, zone })
    }

    /// The visits whose first planned start lies in a window of local days, in order. Without a window a rule that
    /// ends gives all of its visits, as long as they lie within the longest window.
    pub fn occurrences(&self, window: Option<Window>) -> Result<Vec<Occurrence>, Refused> {
        if let Some(window) = window {
            let (found, _) = self.starts_between(window.from, window.until)?;
            return Ok(found);
        }
        if self.rule.as_ref().is_some_and(|rule| rule.end() == End::Never) {
            return Err(Refused::EndlessWithoutWindow);
        }
        let days = self.days(None);
        let (found, more) = self.starts_between(days.from, days.until)?;
        if more { Err(Refused::WindowOutOfRange) } else { Ok(found) }
    }

    /// The visits between two days, and whether there are later ones.
    fn starts_between(&self, from: NaiveDate, until: NaiveDate) -> Result<(Vec<Occurrence>, bool), Refused> {
        let mut found = Vec::new();
        let Some(rule) = &self.rule else {
            self.keep(self.starts_local, from, until, &mut found)?;
            return Ok((found, self.starts_local.date() >= until));
        };
        let rest = rule.wall_clock_starts(self.starts_local).map_err(Refused::ImpossibleRule)?;
        let later = rest.iter().filter(|start| *start != self.starts_local);
        for (step, start) in std::iter::once(self.starts_local).chain(later).enumerate() {
            if step >= MOST_STEPS {
                return Err(Refused::TooManyOccurrences);
            }
            match rule.end() {
                End::Count(count) if step >= usize::try_from(count).unwrap_or(usize::MAX) => break,
                // In a gap of the clock the order of instants is not that of the wall clock, so one day is waited.
                End::Until(last) if start > local::wall_clock(last, self.zone) + Duration::days(1) => break,
                End::Until(last) if local::instant(start, self.zone) > last => continue,
                _ => {}
            }
            if start.date() >= until {
                return Ok((found, true));
            }
            self.keep(start, from, until, &mut found)?;
        }
        Ok((found, false))
    }

    fn keep(
        &self,
        starts_local: NaiveDateTime,
        from: NaiveDate,
        until: NaiveDate,
        found: &mut Vec<Occurrence>,
    ) -> Result<(), Refused> {
        if starts_local.date() < from || starts_local.date() >= until {
            return Ok(());
        }
        if found.len() >= MOST_OCCURRENCES {
            return Err(Refused::TooManyOccurrences);
        }
        let period = Period::planned(starts_local, self.wall_minutes, self.zone);
        found.push(Occurrence { starts_local, period });
        Ok(())
    }
}

/// Whole minutes within a century.
pub fn check_start(starts_local: NaiveDateTime) -> Result<(), Refused> {
    if starts_local.second() != 0
        || starts_local.nanosecond() != 0
        || !(2000..=2100).contains(&starts_local.year())
    {
        return Err(Refused::PatternOutOfRange);
    }
    Ok(())
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
