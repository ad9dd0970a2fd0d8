//! When a series repeats within a month, on the wall clock: read as appointments reads it.

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use kith_appointments::{Pattern, Rule, Window};
use kith_platform::local;

use super::scenario::Month;

const UNTIL_FORM: &str = "%Y%m%dT%H%M%S";
/// How long a visit lasts says nothing about when it begins.
const ANY_MINUTES: i32 = 1;

/// A rule as the services take it, and its wall-clock starts within the month; without a rule there is one start.
pub fn repetition(
    starts: NaiveDateTime,
    rule: &str,
    zone: Tz,
    month: Month,
) -> Result<(String, Vec<NaiveDateTime>), String> {
    if rule.is_empty() {
        let within = month.contains(starts.date());
        return Ok((String::new(), if within { vec![starts] } else { Vec::new() }));
    }
    let text = end_in_utc(rule, zone);
    let read = Rule::parse(&text).map_err(|problem| problem.to_string())?;
    let window = Window::new(month.first_day(), month.end());
    let found = Pattern::new(starts, ANY_MINUTES, Some(read), zone)
        .and_then(|pattern| pattern.occurrences(Some(window?)))
        .map_err(|refused| refused.to_string())?;
    Ok((text, found.into_iter().map(|occurrence| occurrence.starts_local).collect()))
}

/// A rule whose end may be a time on the circle's wall clock, with its end in UTC. Whatever is no such end stays as it is,
/// to be refused by the reader.
fn end_in_utc(rule: &str, zone: Tz) -> String {
    let mut parts = Vec::new();
    for part in rule.split(';') {
        let until = part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("UNTIL"));
        let local = until.and_then(|(_, value)| NaiveDateTime::parse_from_str(value, UNTIL_FORM).ok());
        parts.push(match local {
            Some(last) => format!("UNTIL={}Z", local::instant(last, zone).format(UNTIL_FORM)),
            None => part.to_owned(),
        });
    }
    parts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(starts: &str, rule: &str) -> Result<Vec<String>, String> {
        let starts = NaiveDateTime::parse_from_str(starts, local::LOCAL_FORMAT).expect("a local time");
        let zone = local::zone("Europe/London").expect("a zone");
        let month = Month::read("2026-03").expect("a month");
        let (_, found) = repetition(starts, rule, zone, month)?;
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
        let text = |rule: &str| end_in_utc(rule, zone);
        assert_eq!(text("FREQ=DAILY;UNTIL=20260330T090000"), "FREQ=DAILY;UNTIL=20260330T080000Z");
        assert_eq!(text("FREQ=DAILY;UNTIL=20260330T090000Z"), "FREQ=DAILY;UNTIL=20260330T090000Z");
        assert_eq!(text("FREQ=WEEKLY;COUNT=3;BYDAY=MO"), "FREQ=WEEKLY;COUNT=3;BYDAY=MO");
    }

    #[test]
    fn impossible_rules_are_refused_in_words() {
        let refused = |rule: &str| days("2026-03-01T09:00:00", rule).expect_err("refused");
        assert!(
            refused("FREQ=DAILY;COUNT=3;UNTIL=20260330T080000Z")
                .contains("COUNT and UNTIL cannot be there together")
        );
        assert!(refused("FREQ=HOURLY").contains("must be DAILY"));
        assert!(refused("FREQ=SOMETIMES").contains("must be DAILY"));
        assert!(refused("every monday").contains("it must be parts such as"));
        assert!(refused("FREQ=DAILY;FREQ=DAILY").contains("FREQ is there twice"));
        assert!(refused("FREQ=DAILY;UNTIL=20260330").contains("UNTIL must be in UTC"));
        assert!(refused("FREQ=DAILY;COUNT=0").contains("the value of COUNT"));
        assert!(refused("FREQ=MONTHLY;BYMONTHDAY=32").contains("the value of BYMONTHDAY"));
        assert!(refused("RRULE:FREQ=DAILY").contains("without RRULE:"));
        assert!(refused("FREQ=YEARLY;BYEASTER=1").contains("a part that is not known"));
        assert!(refused("FREQ=DAILY;INTERVAL=0").contains("INTERVAL"));
        assert!(refused("FREQ=WEEKLY;BYDAY=6MO").contains("BYDAY with a number"));
        assert!(refused("FREQ=MONTHLY;BYDAY=6MO").contains("the value of BYDAY"));
        assert!(refused("FREQ=MONTHLY;BYSETPOS=1").contains("BYSETPOS"));
        assert!(refused("FREQ=WEEKLY;BYMONTHDAY=1").contains("BYMONTHDAY"));
        assert!(refused("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30").contains("no day fits it"));
        assert!(refused("FREQ=DAILY;UNTIL=20200101T000000Z").contains("UNTIL lies before the first start"));
        assert!(refused("BYDAY=MO").contains("FREQ is missing"));
    }
}
