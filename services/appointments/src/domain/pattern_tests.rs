//! What patterns give: the known answers of `facts/calendar-and-interchange.md`, and properties.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, local::LOCAL_FORMAT).expect("a local time")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn pattern(starts: &str, wall_minutes: i32, rule: &str) -> Result<Pattern, Refused> {
    let rule = if rule.is_empty() { None } else { Some(Rule::parse(rule).map_err(Refused::ImpossibleRule)?) };
    Pattern::new(at(starts), wall_minutes, rule, Tz::Europe__London)
}

fn starts(starts: &str, rule: &str, from: &str, until: &str) -> Vec<String> {
    let window = Window::new(day(from), day(until)).expect("a window");
    pattern(starts, 60, rule)
        .and_then(|pattern| pattern.occurrences(Some(window)))
        .expect("occurrences")
        .iter()
        .map(|occurrence| occurrence.starts_local.format("%d %b %H:%M").to_string())
        .collect()
}

#[test]
fn days_that_do_not_exist_are_skipped_and_do_not_count() {
    assert_eq!(
        starts("2026-01-31T09:00:00", "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4", "2026-01-01", "2026-12-31"),
        ["31 Jan 09:00", "31 Mar 09:00", "31 May 09:00", "31 Jul 09:00"]
    );
    for (year, found) in [("2024", 1), ("2025", 0), ("2026", 0), ("2028", 1), ("2032", 1)] {
        let from = format!("{year}-01-01");
        let until = format!("{year}-12-31");
        assert_eq!(starts("2024-02-29T09:00:00", "FREQ=YEARLY", &from, &until).len(), found, "{year}");
    }
}

#[test]
fn weeks_begin_on_monday_unless_the_rule_says_otherwise() {
    // The example of RFC 5545, moved to a year with the same days: 5 Aug 2003 is a Tuesday as 5 Aug 1997 was.
    let rule = "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU";
    assert_eq!(
        starts("2003-08-05T09:00:00", rule, "2003-08-01", "2003-12-01"),
        ["05 Aug 09:00", "10 Aug 09:00", "19 Aug 09:00", "24 Aug 09:00"]
    );
    assert_eq!(
        starts("2003-08-05T09:00:00", &format!("{rule};WKST=SU"), "2003-08-01", "2003-12-01"),
        ["05 Aug 09:00", "17 Aug 09:00", "19 Aug 09:00", "31 Aug 09:00"]
    );
}

#[test]
fn a_start_in_the_gap_keeps_its_wall_clock_and_takes_the_offset_before() {
    let pattern = pattern("2026-01-25T01:30:00", 50, "FREQ=MONTHLY;BYDAY=-1SU").expect("a pattern");
    let march = Window::new(day("2026-03-01"), day("2026-04-01")).expect("a window");
    let found = pattern.occurrences(Some(march)).expect("occurrences");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].starts_local, at("2026-03-29T01:30:00"));
    assert_eq!(found[0].period.starts_at, at("2026-03-29T01:30:00").and_utc());
    // 02:20 on the wall is 01:20Z, before the start: fifty minutes pass instead.
    assert_eq!(found[0].period.ends_at, at("2026-03-29T02:20:00").and_utc());
}

#[test]
fn a_night_keeps_its_wall_clock_over_a_clock_change() {
    for (night, hours) in
        [("2026-03-28T22:00:00", 8), ("2026-10-24T22:00:00", 10), ("2026-06-06T22:00:00", 9)]
    {
        let period = Period::planned(at(night), 540, Tz::Europe__London);
        assert_eq!((period.ends_at - period.starts_at).num_hours(), hours, "{night}");
    }
    // Through the second 01:30 of the autumn night an hour and a half on the wall is two and a half hours long.
    let autumn = Period::planned(at("2026-10-25T00:45:00"), 90, Tz::Europe__London);
    assert_eq!((autumn.ends_at - autumn.starts_at).num_minutes(), 150);
}

#[test]
fn until_is_inclusive_and_in_utc() {
    // 09:00 in summer is 08:00Z.
    assert_eq!(
        starts("2026-06-01T09:00:00", "FREQ=DAILY;UNTIL=20260603T080000Z", "2026-06-01", "2026-07-01").len(),
        3
    );
    assert_eq!(
        starts("2026-06-01T09:00:00", "FREQ=DAILY;UNTIL=20260603T075959Z", "2026-06-01", "2026-07-01").len(),
        2
    );
}

#[test]
fn the_first_start_always_counts() {
    // 3 March 2026 is a Tuesday: it is the first of the three.
    assert_eq!(
        starts("2026-03-03T09:00:00", "FREQ=WEEKLY;BYDAY=MO;COUNT=3", "2026-03-01", "2026-04-01"),
        ["03 Mar 09:00", "09 Mar 09:00", "16 Mar 09:00"]
    );
}

#[test]
fn the_month_gives_what_is_expected_of_it() {
    let march = ("2026-03-01", "2026-04-01");
    assert_eq!(starts("2026-02-27T11:00:00", "FREQ=MONTHLY;BYDAY=-1FR", march.0, march.1), ["27 Mar 11:00"]);
    assert_eq!(
        starts("2026-03-03T10:15:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU", march.0, march.1),
        ["03 Mar 10:15", "08 Mar 10:15", "17 Mar 10:15", "22 Mar 10:15", "31 Mar 10:15"]
    );
    assert_eq!(starts("2026-03-01T19:00:00", "FREQ=DAILY", march.0, march.1).len(), 31);
    assert_eq!(starts("2026-03-29T01:30:00", "", march.0, march.1), ["29 Mar 01:30"]);
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let endless = pattern("2026-03-01T09:00:00", 60, "FREQ=DAILY").expect("a pattern");
    assert_eq!(endless.occurrences(None), Err(Refused::EndlessWithoutWindow));
    let short = pattern("2026-03-01T09:00:00", 60, "FREQ=DAILY;COUNT=5").expect("a pattern");
    assert_eq!(short.occurrences(None).expect("occurrences").len(), 5);
    let long = pattern("2026-03-01T09:00:00", 60, "FREQ=YEARLY;COUNT=5").expect("a pattern");
    assert_eq!(long.occurrences(None), Err(Refused::WindowOutOfRange));
    let crowded = pattern("2026-03-01T00:00:00", 60, "FREQ=DAILY;BYHOUR=1,5,9,13,17").expect("a pattern");
    let year = Window::new(day("2026-03-01"), day("2027-03-01")).expect("a window");
    assert_eq!(crowded.occurrences(Some(year)), Err(Refused::TooManyOccurrences));

    assert_eq!(
        pattern("2026-03-02T09:00:00", 60, "FREQ=DAILY;UNTIL=20260301T090000Z"),
        Err(Refused::ImpossibleRule(Problem::UntilBeforeStart))
    );
    assert_eq!(
        pattern("2026-03-02T09:00:00", 60, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
        Err(Refused::ImpossibleRule(Problem::NeverHappens))
    );
    assert_eq!(
        pattern("2026-03-02T09:00:00", 60, "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
        Err(Refused::ImpossibleRule(Problem::NeverHappens))
    );
    for minutes in [-1, 0, 1441] {
        assert_eq!(pattern("2026-03-02T09:00:00", minutes, ""), Err(Refused::PatternOutOfRange));
    }
    assert_eq!(pattern("2026-03-02T09:00:30", 60, ""), Err(Refused::PatternOutOfRange));
    assert_eq!(pattern("1999-12-31T09:00:00", 60, ""), Err(Refused::PatternOutOfRange));
    for (from, until) in
        [("2026-03-01", "2026-03-01"), ("2026-03-02", "2026-03-01"), ("2026-03-01", "2027-04-06")]
    {
        assert_eq!(Window::new(day(from), day(until)), Err(Refused::WindowOutOfRange));
    }
    assert!(Window::new(day("2026-03-01"), day("2027-04-05")).is_ok());
}

fn rules() -> impl Strategy<Value = String> {
    let by = prop::sample::select(vec![
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY;BYDAY=MO,WE,SU",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYDAY=-1SU",
        "FREQ=DAILY;BYHOUR=1,13;BYMINUTE=30",
    ]);
    let end = prop::sample::select(vec!["", ";COUNT=7", ";UNTIL=20260915T120000Z"]);
    (by, end).prop_map(|(by, end)| format!("{by}{end}"))
}

proptest! {
    /// However a stretch of time is cut into windows, the same visits come of it, once each and in order.
    #[test]
    fn windows_neither_lose_nor_double_a_visit(
        rule in rules(), start in 0_i64..300, minute in 0_i64..1440, cut in 1_i64..399, wall_minutes in 1_i32..=1440,
    ) {
        let first = day("2026-01-01") + Duration::days(start);
        let starts_local = first.and_hms_opt(0, 0, 0).expect("midnight") + Duration::minutes(minute);
        let rule = Rule::parse(&rule).expect("a rule");
        let Ok(pattern) = Pattern::new(starts_local, wall_minutes, Some(rule), Tz::Europe__London) else {
            return Ok(());
        };
        let whole = Window::new(first, first + Duration::days(400)).expect("a window");
        let before = Window::new(first, first + Duration::days(cut)).expect("a window");
        let after = Window::new(first + Duration::days(cut), first + Duration::days(400)).expect("a window");
        let all = pattern.occurrences(Some(whole)).expect("occurrences");
        let mut parts = pattern.occurrences(Some(before)).expect("occurrences");
        parts.extend(pattern.occurrences(Some(after)).expect("occurrences"));
        prop_assert_eq!(&all, &parts);
        prop_assert_eq!(all[0].starts_local, starts_local);
        for pair in all.windows(2) {
            prop_assert!(pair[0].starts_local < pair[1].starts_local);
        }
    }

    /// A visit always ends after it began, at most an hour more or less than on the wall.
    #[test]
    fn a_visit_ends_after_it_began(start in 0_i64..600_000, wall_minutes in 1_i32..=1440) {
        let starts_local = at("2026-01-01T00:00:00") + Duration::minutes(start);
        let period = Period::planned(starts_local, wall_minutes, Tz::Europe__London);
        let elapsed = (period.ends_at - period.starts_at).num_minutes();
        prop_assert!(elapsed > 0);
        prop_assert!((elapsed - i64::from(wall_minutes)).abs() <= 60);
    }
}
