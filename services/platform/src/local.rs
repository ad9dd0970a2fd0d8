//! Wall-clock time: what people plan in. A local date-time and an IANA zone become an instant by RFC 5545's rules.

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The wall-clock form on the wire: `2026-03-02T09:00:00`.
pub const LOCAL_FORMAT: &str = "%Y-%m-%dT%H:%M:%S";

/// Reads an IANA zone name.
pub fn zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// The instant of a wall-clock time. One that does not exist takes the offset before the gap, one that occurs twice
/// takes the first (RFC 5545 §3.3.5).
pub fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) => instant.to_utc(),
        LocalResult::Ambiguous(first, second) => first.min(second).to_utc(),
        LocalResult::None => {
            // Gaps are far shorter than a day, and so are the distances between clock changes and one another.
            let before = zone.offset_from_utc_datetime(&(local - Duration::days(1))).fix();
            (local - before).and_utc()
        }
    }
}

/// The wall-clock time of an instant.
pub fn wall_clock(instant: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    instant.with_timezone(&zone).naive_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str) -> DateTime<Utc> {
        let local = NaiveDateTime::parse_from_str(local, LOCAL_FORMAT).expect("a local time");
        instant(local, zone("Europe/London").expect("a zone"))
    }

    #[test]
    fn gap_takes_the_offset_before_and_fold_takes_the_first() {
        assert_eq!(at("2026-03-29T01:30:00").to_rfc3339(), "2026-03-29T01:30:00+00:00");
        assert_eq!(at("2026-10-25T01:30:00").to_rfc3339(), "2026-10-25T00:30:00+00:00");
        assert_eq!(at("2026-07-01T12:00:00").to_rfc3339(), "2026-07-01T11:00:00+00:00");
    }

    #[test]
    fn a_night_over_a_clock_change_is_eight_or_ten_hours() {
        assert_eq!((at("2026-03-29T07:00:00") - at("2026-03-28T22:00:00")).num_hours(), 8);
        assert_eq!((at("2026-10-25T07:00:00") - at("2026-10-24T22:00:00")).num_hours(), 10);
    }
}
