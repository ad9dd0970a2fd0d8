//! Series and clocks as the auditor reckons them: day by day from the text of RFC 5545, sharing nothing with the
//! services' own reckoning.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// The instant of a wall-clock time: before a gap's end by the offset before it, at the first of two.
pub fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    if let Some(found) = zone.from_local_datetime(&local).earliest() {
        return found.to_utc();
    }
    let hours_before = zone.from_local_datetime(&(local - Duration::hours(6))).earliest();
    hours_before.expect("six hours before a gap there is none").to_utc() + Duration::hours(6)
}

/// When a visit begins and ends: its wall-clock length, or its elapsed length where the clock would turn it round.
pub fn visit(starts: NaiveDateTime, wall_minutes: i64, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let begins = instant(starts, zone);
    let ends = instant(starts + Duration::minutes(wall_minutes), zone);
    if ends > begins { (begins, ends) } else { (begins, begins + Duration::minutes(wall_minutes)) }
}

/// The wall-clock starts of a series in a month, given by its first day.
pub fn occurrences(starts: NaiveDateTime, rule: &str, month: NaiveDate, zone: Tz) -> Vec<NaiveDateTime> {
    let end = month + chrono::Months::new(1);
    let parts: BTreeMap<&str, &str> = rule.split(';').filter_map(|part| part.split_once('=')).collect();
    let count = parts.get("COUNT").map_or(usize::MAX, |text| text.parse().expect("a count"));
    let until = parts.get("UNTIL").map(|text| until(text, zone));
    let mut found = Vec::new();
    let mut day = starts.date();
    let mut seen = 0;
    while day < end && seen < count {
        let at = day.and_time(starts.time());
        let is_over = until.is_some_and(|until| instant(at, zone) > until);
        if is_over {
            break;
        }
        // The first counts also where the rule would not give it.
        let fits = day == starts.date() || !rule.is_empty() && falls_on(day, starts.date(), &parts);
        if fits {
            seen += 1;
            if day >= month {
                found.push(at);
            }
        }
        day += Duration::days(1);
    }
    found
}

fn until(text: &str, zone: Tz) -> DateTime<Utc> {
    let utc = text.ends_with('Z');
    let local = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y%m%dT%H%M%S").expect("UNTIL");
    if utc { local.and_utc() } else { instant(local, zone) }
}

fn falls_on(day: NaiveDate, first: NaiveDate, parts: &BTreeMap<&str, &str>) -> bool {
    let interval: i64 = parts.get("INTERVAL").map_or(1, |text| text.parse().expect("an interval"));
    let by_day: Vec<&str> = parts.get("BYDAY").map(|text| text.split(',').collect()).unwrap_or_default();
    let months =
        i64::from(day.year() - first.year()) * 12 + i64::from(day.month0()) - i64::from(first.month0());
    match parts["FREQ"] {
        "DAILY" => {
            let on = by_day.is_empty() || by_day.contains(&name(day));
            (day - first).num_days() % interval == 0 && on
        }
        "WEEKLY" => {
            let on = if by_day.is_empty() {
                day.weekday() == first.weekday()
            } else {
                by_day.contains(&name(day))
            };
            let begins = match parts.get("WKST") {
                Some(&"SU") => Weekday::Sun,
                _ => Weekday::Mon,
            };
            let week_of = |date: NaiveDate| date.week(begins).first_day();
            on && (week_of(day) - week_of(first)).num_weeks() % interval == 0
        }
        "MONTHLY" => {
            let by_month_day = parts.get("BYMONTHDAY").map(|text| text.split(',').collect::<Vec<_>>());
            let on = match by_month_day {
                Some(days) => days.iter().any(|text| is_month_day(day, text.parse().expect("a day"))),
                None if by_day.is_empty() => day.day() == first.day(),
                None => by_day.iter().any(|text| is_nth_weekday(day, text)),
            };
            on && months % interval == 0
        }
        "YEARLY" => {
            let same_day = day.day() == first.day() && day.month() == first.month();
            same_day && i64::from(day.year() - first.year()) % interval == 0
        }
        other => panic!("the auditor does not know FREQ={other}"),
    }
}

fn name(day: NaiveDate) -> &'static str {
    WEEKDAYS[day.weekday().num_days_from_monday() as usize]
}

fn days_left(day: NaiveDate) -> i32 {
    let first_of_next = day.with_day(1).expect("a first") + chrono::Months::new(1);
    i32::try_from((first_of_next - day).num_days()).expect("days of a month") - 1
}

fn is_month_day(day: NaiveDate, wanted: i32) -> bool {
    let number = i32::try_from(day.day()).expect("a day");
    if wanted > 0 { number == wanted } else { -days_left(day) - 1 == wanted }
}

/// `1FR`, `-1FR` or `FR`.
fn is_nth_weekday(day: NaiveDate, text: &str) -> bool {
    let (nth, weekday) = text.split_at(text.len() - 2);
    if weekday != name(day) {
        return false;
    }
    match nth.parse::<i32>() {
        Err(_) => true,
        Ok(nth) if nth > 0 => i32::try_from(day.day0() / 7).expect("a week") + 1 == nth,
        Ok(nth) => -(days_left(day) / 7) - 1 == nth,
    }
}
