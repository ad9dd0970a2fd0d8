//! What rules give: occurrences a second of processor time, beside the `rrule` crate with the same instants.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone as _, Utc};
use kith_appointments::{Pattern, Rule, Window};
use rrule::RRuleSet;

use super::report::Row;
use super::slots::Pace;

const STARTS: &str = "2026-01-05T09:30:00";
/// A year of visits, which is the longest window.
const WINDOW: (&str, &str) = ("2026-06-01", "2027-05-31");
/// Rotas as they are: most repeat by the week.
const RULES: [&str; 10] = [
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=WEEKLY",
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SA",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;BYDAY=SA,SU;COUNT=200",
    "FREQ=WEEKLY;BYDAY=TU;UNTIL=20270201T000000Z",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=-1SU",
];
const MOST: u16 = 1_000;

/// Reads each rule and asks it for its window.
pub fn recurrence(pace: Pace) -> Row {
    let mut row = Row::rates("recurrence", "occurrences/CPU s", 1.0, 20.0);
    for rule in RULES {
        assert_eq!(ours(rule), theirs(rule), "{rule}");
    }
    for _ in 0..pace.rounds {
        let our_rate = rate(pace, ours);
        row.round(our_rate, rate(pace, theirs));
    }
    row.note(format!(
        "{} rules on London's clock, starts and ends by us, starts by the crate; by processor time",
        RULES.len()
    ));
    row
}

fn rate(pace: Pace, expand: impl Fn(&str) -> Vec<DateTime<Utc>>) -> f64 {
    // Processor time does not mind who else is there, so that half a slot is enough.
    let (begin, mut found) = (processor_seconds(), 0.0);
    loop {
        for rule in RULES {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let more = std::hint::black_box(expand(std::hint::black_box(rule))).len() as f64;
            found += more;
        }
        let took = processor_seconds() - begin;
        if took > pace.slot.as_secs_f64() / 2.0 {
            return found / took;
        }
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn start() -> NaiveDateTime {
    STARTS.parse().expect("a time")
}

fn ours(rule: &str) -> Vec<DateTime<Utc>> {
    let rule = Rule::parse(rule).expect("a rule");
    let pattern = Pattern::new(start(), 60, Some(rule), chrono_tz::Tz::Europe__London).expect("a pattern");
    let window = Window::new(day(WINDOW.0), day(WINDOW.1)).expect("a window");
    let found = pattern.occurrences(Some(window)).expect("occurrences");
    found.iter().map(|occurrence| occurrence.period.starts_at).collect()
}

fn theirs(rule: &str) -> Vec<DateTime<Utc>> {
    let zone = rrule::Tz::Europe__London;
    let start = start().format("%Y%m%dT%H%M%S");
    let set: RRuleSet =
        format!("DTSTART;TZID=Europe/London:{start}\nRRULE:{rule}").parse().expect("a rule of the crate");
    let midnight = |text: &str| {
        let local = day(text).and_hms_opt(0, 0, 0).expect("midnight");
        zone.from_local_datetime(&local).single().expect("no clock changes at midnight")
    };
    let found = set.after(midnight(WINDOW.0)).before(midnight(WINDOW.1)).all(MOST).dates;
    found.into_iter().map(|start| start.to_utc()).collect()
}

/// Seconds that this thread has spent on a processor.
fn processor_seconds() -> f64 {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel counts processor time");
    let nanoseconds: f64 = text.split(' ').next().and_then(|text| text.parse().ok()).expect("a number");
    nanoseconds / 1e9
}
