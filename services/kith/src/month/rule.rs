//! The occurrences of a series within a month, on the wall clock.

use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDateTime, Utc};
use chrono_tz::Tz;
use kith_platform::local;
use rrule::{Frequency, RRule, RRuleSet, Unvalidated};

use super::scenario::Month;

/// How many starts are looked at between the first one and the month's end.
const MOST_STEPS: usize = 100_000;
/// The parts of RFC 5545.
const PARTS: [&str; 14] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "WKST",
    "BYMONTH",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYDAY",
    "BYHOUR",
    "BYMINUTE",
    "BYSECOND",
    "BYSETPOS",
];
const UNTIL_FORM: &str = "%Y%m%dT%H%M%S";

/// When a series repeats: a rule of RFC 5545, read on the circle's wall clock.
pub struct Rule {
    /// Without its end, for the library, which reckons in one zone only.
    endless: RRule<Unvalidated>,
    end: End,
    /// As the services take it: an end on the wall clock is written in UTC.
    text: String,
}

#[derive(Clone, Copy)]
enum End {
    Never,
    Count(usize),
    Until(DateTime<Utc>),
}

impl Rule {
    /// Reads a rule, or returns what is wrong with it. Weeks begin on Monday where it does not say.
    pub fn read(rule: &str, zone: Tz) -> Result<Self, String> {
        let mut end = End::Never;
        let mut endless = Vec::new();
        let mut written = Vec::new();
        let mut parts: Vec<(String, String)> = Vec::new();
        for part in rule.split(';') {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("{part:?} is no part of a rule"))?;
            let (name, value) = (name.to_ascii_uppercase(), value.to_ascii_uppercase());
            if !PARTS.contains(&name.as_str()) {
                return Err(format!("has a part {name} that rules of visits do not know"));
            }
            if parts.iter().any(|(known, _)| *known == name) {
                return Err(format!("says {name} twice"));
            }
            match name.as_str() {
                "COUNT" => {
                    let count = usize::from_str(&value).ok().filter(|count| *count > 0);
                    end = End::Count(count.ok_or_else(|| format!("COUNT={value} is no number of visits"))?);
                    written.push(part.to_owned());
                }
                "UNTIL" => {
                    let last = until(&value, zone)?;
                    end = End::Until(last);
                    written.push(format!("UNTIL={}Z", last.format(UNTIL_FORM)));
                }
                _ => {
                    endless.push(part.to_owned());
                    written.push(part.to_owned());
                }
            }
            parts.push((name, value));
        }
        check_parts(&parts)?;
        let endless: RRule<Unvalidated> =
            endless.join(";").parse().map_err(|error| format!("is no rule of RFC 5545: {error}"))?;
        if !matches!(
            endless.get_freq(),
            Frequency::Daily | Frequency::Weekly | Frequency::Monthly | Frequency::Yearly
        ) {
            return Err("must be by the day, week, month or year".to_owned());
        }
        Ok(Self { endless, end, text: written.join(";") })
    }

    /// The rule as the services take it.
    pub fn into_text(self) -> String {
        self.text
    }

    /// The wall-clock starts within the month. The first start always counts as the first occurrence.
    pub fn occurrences(
        &self,
        starts: NaiveDateTime,
        zone: Tz,
        month: Month,
    ) -> Result<Vec<NaiveDateTime>, String> {
        // Reckons with wall-clock times as if they were UTC, where no hour is missing or doubled.
        let first = starts.and_utc().with_timezone(&rrule::Tz::UTC);
        let valid =
            self.endless.clone().validate(first).map_err(|error| format!("is no possible rule: {error}"))?;
        let set = RRuleSet::new(first).rrule(valid).limit();
        if set.into_iter().next().is_none() {
            return Err("never happens".to_owned());
        }
        if matches!(self.end, End::Until(last) if last < local::instant(starts, zone)) {
            return Err("ends before it starts".to_owned());
        }
        let later = set.into_iter().map(|start| start.naive_utc()).filter(|start| *start != starts);
        let mut found = Vec::new();
        for (step, start) in std::iter::once(starts).chain(later).enumerate() {
            if step >= MOST_STEPS {
                return Err(format!("has more than {MOST_STEPS} occurrences before the month ends"));
            }
            let is_over = match self.end {
                End::Never => false,
                End::Count(count) => step >= count,
                // In a gap of the clock the order of instants is not that of the wall clock.
                End::Until(last) => start > local::wall_clock(last, zone) + Days::new(1),
            };
            if is_over || start.date() >= month.end() {
                break;
            }
            let comes_too_late = matches!(self.end, End::Until(last) if local::instant(start, zone) > last);
            if month.contains(start.date()) && !comes_too_late {
                found.push(start);
            }
        }
        Ok(found)
    }
}

/// Refuses parts that RFC 5545 does not allow, or not together, and that the library would pass over.
fn check_parts(parts: &[(String, String)]) -> Result<(), String> {
    let value = |name: &str| parts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if value("COUNT").is_some() && value("UNTIL").is_some() {
        return Err("must not have both COUNT and UNTIL".to_owned());
    }
    if value("INTERVAL").is_some_and(|interval| !matches!(interval.parse(), Ok(1_u16..=1000))) {
        return Err("must have an INTERVAL from 1 to 1000".to_owned());
    }
    let by_others = parts.iter().any(|(name, _)| name.starts_with("BY") && name != "BYSETPOS");
    if value("BYSETPOS").is_some() && !by_others {
        return Err("needs another BY part beside BYSETPOS".to_owned());
    }
    let frequency = value("FREQ").ok_or("must say FREQ")?;
    let most = match frequency {
        "MONTHLY" => 5,
        "YEARLY" if value("BYWEEKNO").is_none() => 53,
        _ => 0,
    };
    for day in value("BYDAY").into_iter().flat_map(|days| days.split(',')) {
        let number = day.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let fits =
            number.is_empty() || number.parse().is_ok_and(|number: i16| number != 0 && number.abs() <= most);
        if !fits {
            return Err(format!("has a day {day} that does not go with FREQ={frequency}"));
        }
    }
    for (part, frequencies) in
        [("BYMONTHDAY", "DAILY MONTHLY YEARLY"), ("BYYEARDAY", "YEARLY"), ("BYWEEKNO", "YEARLY")]
    {
        if value(part).is_some() && !frequencies.split(' ').any(|allowed| allowed == frequency) {
            return Err(format!("has {part}, which does not go with FREQ={frequency}"));
        }
    }
    if value("BYSECOND").is_some_and(|seconds| seconds != "0") {
        return Err("must begin at whole minutes".to_owned());
    }
    Ok(())
}

/// The end of a rule: an instant in UTC, or a time on the circle's wall clock.
fn until(value: &str, zone: Tz) -> Result<DateTime<Utc>, String> {
    let (text, is_utc) = value.strip_suffix('Z').map_or((value, false), |utc| (utc, true));
    let read = NaiveDateTime::parse_from_str(text, UNTIL_FORM)
        .map_err(|_| format!("UNTIL={value} is no date and time such as 20260331T225900Z"))?;
    Ok(if is_utc { read.and_utc() } else { local::instant(read, zone) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(starts: &str, rule: &str) -> Result<Vec<String>, String> {
        let starts = NaiveDateTime::parse_from_str(starts, local::LOCAL_FORMAT).expect("a local time");
        let zone = local::zone("Europe/London").expect("a zone");
        let month = Month::read("2026-03").expect("a month");
        let found = Rule::read(rule, zone)?.occurrences(starts, zone, month)?;
        Ok(found.iter().map(|local| local.format("%dT%H:%M").to_string()).collect())
    }

    #[test]
    fn only_the_months_occurrences_count_and_weeks_begin_on_monday() {
        let fortnight = days("2026-03-03T10:15:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU");
        let expected = ["03T10:15", "08T10:15", "17T10:15", "22T10:15", "31T10:15"];
        assert_eq!(fortnight.expect("a rule"), expected);
        assert_eq!(days("2026-02-27T11:00:00", "FREQ=MONTHLY;BYDAY=-1FR").expect("a rule"), ["27T11:00"]);
        assert_eq!(days("2026-03-01T19:00:00", "FREQ=DAILY").expect("a rule").len(), 31);
        assert!(days("2026-04-01T19:00:00", "FREQ=DAILY").expect("a rule").is_empty());
    }

    #[test]
    fn the_end_of_a_rule_counts_on_the_wall_clock_and_in_utc() {
        let utc = days("2026-03-29T09:00:00", "FREQ=DAILY;UNTIL=20260330T080000Z").expect("a rule");
        assert_eq!(utc, ["29T09:00", "30T09:00"], "09:00 in London is 08:00Z by then");
        let wall = days("2026-03-29T09:00:00", "FREQ=DAILY;UNTIL=20260330T085900").expect("a rule");
        assert_eq!(wall, ["29T09:00"]);
        assert_eq!(
            days("2026-02-27T09:00:00", "FREQ=DAILY;COUNT=4").expect("a rule"),
            ["01T09:00", "02T09:00"]
        );
    }

    #[test]
    fn an_end_on_the_wall_clock_is_told_to_the_services_in_utc() {
        let zone = local::zone("Europe/London").expect("a zone");
        let text = |rule: &str| Rule::read(rule, zone).expect("a rule").into_text();
        assert_eq!(text("FREQ=DAILY;UNTIL=20260330T090000"), "FREQ=DAILY;UNTIL=20260330T080000Z");
        assert_eq!(text("FREQ=DAILY;UNTIL=20260330T090000Z"), "FREQ=DAILY;UNTIL=20260330T090000Z");
        assert_eq!(text("FREQ=WEEKLY;COUNT=3;BYDAY=MO"), "FREQ=WEEKLY;COUNT=3;BYDAY=MO");
    }

    #[test]
    fn impossible_rules_are_refused_in_words() {
        let refused = |rule: &str| days("2026-03-01T09:00:00", rule).expect_err("refused");
        assert!(refused("FREQ=DAILY;COUNT=3;UNTIL=20260330T080000Z").contains("both COUNT and UNTIL"));
        assert!(refused("FREQ=HOURLY").contains("by the day"));
        assert!(refused("FREQ=SOMETIMES").contains("no rule of"));
        assert!(refused("every monday").contains("no part of a rule"));
        assert!(refused("FREQ=DAILY;FREQ=DAILY").contains("twice"));
        assert!(refused("FREQ=DAILY;UNTIL=20260330").contains("no date and time"));
        assert!(refused("FREQ=DAILY;COUNT=0").contains("no number of visits"));
        assert!(refused("FREQ=MONTHLY;BYMONTHDAY=32").contains("no "));
        assert!(refused("RRULE:FREQ=DAILY").contains("do not know"));
        assert!(refused("FREQ=YEARLY;BYEASTER=1").contains("do not know"));
        assert!(refused("FREQ=DAILY;INTERVAL=0").contains("INTERVAL"));
        assert!(refused("FREQ=WEEKLY;BYDAY=6MO").contains("a day 6MO"));
        assert!(refused("FREQ=MONTHLY;BYDAY=6MO").contains("a day 6MO"));
        assert!(refused("FREQ=MONTHLY;BYSETPOS=1").contains("BYSETPOS"));
        assert!(refused("FREQ=WEEKLY;BYMONTHDAY=1").contains("BYMONTHDAY"));
        assert!(refused("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30").contains("never happens"));
        assert!(refused("FREQ=DAILY;UNTIL=20200101T000000Z").contains("ends before it starts"));
        assert!(refused("BYDAY=MO").contains("must say FREQ"));
    }
}
