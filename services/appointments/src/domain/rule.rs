//! Recurrence rules of RFC 5545, read strictly: what the library would silently ignore is refused here.

use chrono::{DateTime, Month, NaiveDateTime, Utc, Weekday};
use rrule::{Frequency, NWeekday, RRule, RRuleSet, Unvalidated};

use super::walk::Walk;

/// Why a rule cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not `NAME=value;NAME=value`.
    #[error("it must be parts such as FREQ=WEEKLY;BYDAY=MO, without RRULE:")]
    Malformed,
    /// A part that RFC 5545 does not know.
    #[error("it has a part that is not known")]
    UnknownPart,
    /// The same part twice.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// No FREQ.
    #[error("FREQ is missing")]
    NoFrequency,
    /// Several times a day by the clock is nobody's rota.
    #[error("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY")]
    Frequency,
    /// A value outside of its range.
    #[error("the value of {0} is not right")]
    Value(&'static str),
    /// Both ends at once.
    #[error("COUNT and UNTIL cannot be there together")]
    CountWithUntil,
    /// UNTIL is not an instant in UTC.
    #[error("UNTIL must be in UTC, such as 20260331T220000Z")]
    UntilNotUtc,
    /// UNTIL lies before the start.
    #[error("UNTIL lies before the first start")]
    UntilBeforeStart,
    /// Two parts that RFC 5545 does not allow together.
    #[error("{0} does not go with this FREQ")]
    NotWithFrequency(&'static str),
    /// BYSETPOS alone.
    #[error("BYSETPOS needs another BY part")]
    SetPositionAlone,
    /// Too many a day.
    #[error("it gives more than 24 visits a day")]
    TooManyADay,
    /// No day on the calendar fits.
    #[error("no day fits it")]
    NeverHappens,
}

/// When a rule ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Never.
    Never,
    /// After so many occurrences, the first start included.
    Count(u32),
    /// With the last occurrence at or before this instant.
    Until(DateTime<Utc>),
}

/// A rule that was read and is in itself sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    text: String,
    end: End,
    parts: RRule<Unvalidated>,
    walk: Option<Walk>,
}

/// The names of all parts, so that one can be named in a message without repeating what was sent.
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
/// Far beyond any rota, and small enough that no date arithmetic can overflow.
const MOST_INTERVAL: u16 = 1000;
const MOST_TEXT: usize = 500;
const MOST_A_DAY: usize = 24;

impl Rule {
    /// Reads a rule without its `RRULE:`. Letters may be small or capital.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.to_ascii_uppercase();
        let pairs = pairs(&text)?;
        let value = |name: &'static str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1);

        let frequency = match value("FREQ").ok_or(Problem::NoFrequency)? {
            "DAILY" => Frequency::Daily,
            "WEEKLY" => Frequency::Weekly,
            "MONTHLY" => Frequency::Monthly,
            "YEARLY" => Frequency::Yearly,
            _ => return Err(Problem::Frequency),
        };
        let mut parts = RRule::new(frequency);
        if let Some(interval) = value("INTERVAL") {
            parts = parts.interval(one("INTERVAL", interval, 1, MOST_INTERVAL)?);
        }
        if let Some(day) = value("WKST") {
            parts = parts.week_start(weekday(day).ok_or(Problem::Value("WKST"))?);
        }
        if let Some(months) = value("BYMONTH") {
            let mut chosen = Vec::new();
            for month in list::<u8>("BYMONTH", months, 1, 12)? {
                chosen.push(Month::try_from(month).map_err(|_| Problem::Value("BYMONTH"))?);
            }
            parts = parts.by_month(&chosen);
        }
        if let Some(days) = value("BYMONTHDAY") {
            only_with(frequency != Frequency::Weekly, "BYMONTHDAY")?;
            parts = parts.by_month_day(signed_list("BYMONTHDAY", days, 31)?);
        }
        if let Some(days) = value("BYYEARDAY") {
            only_with(frequency == Frequency::Yearly, "BYYEARDAY")?;
            parts = parts.by_year_day(signed_list("BYYEARDAY", days, 366)?);
        }
        if let Some(weeks) = value("BYWEEKNO") {
            only_with(frequency == Frequency::Yearly, "BYWEEKNO")?;
            parts = parts.by_week_no(signed_list("BYWEEKNO", weeks, 53)?);
        }
        if let Some(days) = value("BYDAY") {
            parts = parts.by_weekday(weekdays(days, frequency, value("BYWEEKNO").is_some())?);
        }
        let mut a_day = 1;
        if let Some(hours) = value("BYHOUR") {
            let hours = list("BYHOUR", hours, 0, 23)?;
            a_day *= hours.len();
            parts = parts.by_hour(hours);
        }
        if let Some(minutes) = value("BYMINUTE") {
            let minutes = list("BYMINUTE", minutes, 0, 59)?;
            a_day *= minutes.len();
            parts = parts.by_minute(minutes);
        }
        if a_day > MOST_A_DAY {
            return Err(Problem::TooManyADay);
        }
        if let Some(seconds) = value("BYSECOND") {
            // Visits begin at whole minutes.
            parts = parts.by_second(list("BYSECOND", seconds, 0, 0)?);
        }
        if let Some(positions) = value("BYSETPOS") {
            if !pairs.iter().any(|pair| pair.0.starts_with("BY") && pair.0 != "BYSETPOS") {
                return Err(Problem::SetPositionAlone);
            }
            let most = match frequency {
                Frequency::Monthly => 31,
                Frequency::Weekly => 53,
                _ => 366,
            };
            parts = parts.by_set_pos(signed_list("BYSETPOS", positions, most)?);
        }
        let end = end(value("COUNT"), value("UNTIL"))?;
        let walk = Walk::of(&parts);
        Ok(Self { text, end, parts, walk })
    }

    /// As written, in capitals.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When it ends.
    pub const fn end(&self) -> End {
        self.end
    }

    /// The rule's own wall-clock starts from `start` on, in order, without its end: the wall clock is taken for UTC, so
    /// that no clock change comes between. The first start is among them only where the rule gives it.
    pub fn wall_clock_starts(&self, start: NaiveDateTime) -> Result<Starts, Problem> {
        if let Some(walk) = self.walk {
            return Ok(Starts::Walked(walk, start));
        }
        let start = start.and_utc().with_timezone(&rrule::Tz::UTC);
        // What is left for the library to refuse are ranges that depend on FREQ.
        let set = self.parts.clone().build(start).map_err(|_| Problem::Value("BYDAY"))?;
        // The library's limit ends the search for a day that never comes.
        Ok(Starts::Library(Box::new(set.limit())))
    }
}

/// A rule together with its first start.
pub enum Starts {
    /// Days or weeks.
    Walked(Walk, NaiveDateTime),
    /// Anything else.
    Library(Box<RRuleSet>),
}

impl Starts {
    /// Goes through the starts.
    pub fn iter(&self) -> Box<dyn Iterator<Item = NaiveDateTime> + '_> {
        match self {
            Self::Walked(walk, start) => Box::new(walk.starts(*start)),
            Self::Library(set) => Box::new((&**set).into_iter().map(|start| start.naive_utc())),
        }
    }
}

fn pairs(text: &str) -> Result<Vec<(&'static str, &str)>, Problem> {
    if text.is_empty() || text.len() > MOST_TEXT || !text.is_ascii() {
        return Err(Problem::Malformed);
    }
    let mut pairs: Vec<(&'static str, &str)> = Vec::new();
    for part in text.split(';') {
        let (name, value) = part.split_once('=').ok_or(Problem::Malformed)?;
        if name.contains(':') || value.is_empty() {
            return Err(Problem::Malformed);
        }
        let name = PARTS.iter().find(|known| **known == name).ok_or(Problem::UnknownPart)?;
        if pairs.iter().any(|pair| pair.0 == *name) {
            return Err(Problem::Twice(name));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn only_with(allowed: bool, part: &'static str) -> Result<(), Problem> {
    if allowed { Ok(()) } else { Err(Problem::NotWithFrequency(part)) }
}

fn one<T: std::str::FromStr + PartialOrd + Copy>(
    part: &'static str,
    value: &str,
    least: T,
    most: T,
) -> Result<T, Problem> {
    // A leading `+` is allowed only where RFC 5545 allows a sign, and there it is taken off first.
    if value.starts_with('+') {
        return Err(Problem::Value(part));
    }
    let number: T = value.parse().map_err(|_| Problem::Value(part))?;
    if number < least || number > most { Err(Problem::Value(part)) } else { Ok(number) }
}

fn list<T: std::str::FromStr + PartialOrd + Copy>(
    part: &'static str,
    values: &str,
    least: T,
    most: T,
) -> Result<Vec<T>, Problem> {
    values.split(',').map(|value| one(part, value, least, most)).collect()
}

/// Numbers from `-most` to `most` without zero.
fn signed_list<T: TryFrom<i16>>(part: &'static str, values: &str, most: i16) -> Result<Vec<T>, Problem> {
    let mut numbers = Vec::new();
    for value in values.split(',') {
        let number = one(part, value.strip_prefix('+').unwrap_or(value), -most, most)?;
        if number == 0 {
            return Err(Problem::Value(part));
        }
        numbers.push(T::try_from(number).map_err(|_| Problem::Value(part))?);
    }
    Ok(numbers)
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

fn weekdays(values: &str, frequency: Frequency, by_week: bool) -> Result<Vec<NWeekday>, Problem> {
    let most: i16 = match frequency {
        Frequency::Monthly => 5,
        Frequency::Yearly => 53,
        _ => 0,
    };
    let mut days = Vec::new();
    for value in values.split(',') {
        // The text is ASCII, so any index is a character's edge.
        let (number, day) = value.split_at(value.len().saturating_sub(2));
        let day = weekday(day).ok_or(Problem::Value("BYDAY"))?;
        if number.is_empty() {
            days.push(NWeekday::Every(day));
            continue;
        }
        only_with(most > 0 && !by_week, "BYDAY with a number")?;
        let number = one("BYDAY", number.strip_prefix('+').unwrap_or(number), -most, most)?;
        if number == 0 {
            return Err(Problem::Value("BYDAY"));
        }
        days.push(NWeekday::Nth(number, day));
    }
    Ok(days)
}

fn end(count: Option<&str>, until: Option<&str>) -> Result<End, Problem> {
    match (count, until) {
        (Some(_), Some(_)) => Err(Problem::CountWithUntil),
        (Some(count), None) => Ok(End::Count(one("COUNT", count, 1, 100_000)?)),
        (None, Some(until)) => {
            let until =
                NaiveDateTime::parse_from_str(until, "%Y%m%dT%H%M%SZ").map_err(|_| Problem::UntilNotUtc)?;
            Ok(End::Until(until.and_utc()))
        }
        (None, None) => Ok(End::Never),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> Problem {
        Rule::parse(text).expect_err(text)
    }

    #[test]
    fn impossible_rules_are_refused_each_with_its_reason() {
        assert_eq!(refused("FREQ=DAILY;COUNT=3;UNTIL=20260401T000000Z"), Problem::CountWithUntil);
        for frequency in ["HOURLY", "MINUTELY", "SECONDLY", "OFTEN"] {
            assert_eq!(refused(&format!("FREQ={frequency}")), Problem::Frequency);
        }
        assert_eq!(refused("BYDAY=MO"), Problem::NoFrequency);
        assert_eq!(refused("every monday"), Problem::Malformed);
        assert_eq!(refused("RRULE:FREQ=DAILY"), Problem::Malformed);
        assert_eq!(refused(""), Problem::Malformed);
        assert_eq!(refused("FREQ=DAILY;"), Problem::Malformed);
        assert_eq!(refused("FREQ=DAILY;BYEASTER=1"), Problem::UnknownPart);
        assert_eq!(refused("FREQ=DAILY;FREQ=WEEKLY"), Problem::Twice("FREQ"));
        assert_eq!(refused("FREQ=DAILY;COUNT=0"), Problem::Value("COUNT"));
        assert_eq!(refused("FREQ=DAILY;COUNT=+3"), Problem::Value("COUNT"));
        assert_eq!(refused("FREQ=DAILY;INTERVAL=0"), Problem::Value("INTERVAL"));
        assert_eq!(refused("FREQ=DAILY;UNTIL=20260401"), Problem::UntilNotUtc);
        assert_eq!(refused("FREQ=DAILY;UNTIL=20260401T000000"), Problem::UntilNotUtc);
        assert_eq!(refused("FREQ=DAILY;UNTIL=20260231T000000Z"), Problem::UntilNotUtc);
        assert_eq!(refused("FREQ=WEEKLY;BYDAY=2MO"), Problem::NotWithFrequency("BYDAY with a number"));
        assert_eq!(refused("FREQ=MONTHLY;BYDAY=6MO"), Problem::Value("BYDAY"));
        assert_eq!(refused("FREQ=MONTHLY;BYDAY=XMO"), Problem::Value("BYDAY"));
        assert_eq!(refused("FREQ=WEEKLY;BYDAY="), Problem::Malformed);
        assert_eq!(refused("FREQ=WEEKLY;BYMONTHDAY=1"), Problem::NotWithFrequency("BYMONTHDAY"));
        assert_eq!(refused("FREQ=MONTHLY;BYMONTHDAY=0"), Problem::Value("BYMONTHDAY"));
        assert_eq!(refused("FREQ=MONTHLY;BYYEARDAY=1"), Problem::NotWithFrequency("BYYEARDAY"));
        assert_eq!(refused("FREQ=MONTHLY;BYWEEKNO=1"), Problem::NotWithFrequency("BYWEEKNO"));
        assert_eq!(refused("FREQ=DAILY;BYSETPOS=1"), Problem::SetPositionAlone);
        assert_eq!(refused("FREQ=DAILY;BYSECOND=30"), Problem::Value("BYSECOND"));
        assert_eq!(refused("FREQ=DAILY;BYHOUR=8,9,10,11,12;BYMINUTE=0,10,20,30,40"), Problem::TooManyADay);
    }

    #[test]
    fn small_letters_are_capitals() {
        let rule = Rule::parse("freq=weekly;byday=mo").expect("a rule");
        assert_eq!(rule.text(), "FREQ=WEEKLY;BYDAY=MO");
        assert_eq!(rule.end(), End::Never);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(text in ".{0,80}") {
            let _ = Rule::parse(&text);
        }

        #[test]
        fn whatever_is_read_can_be_followed_or_is_refused(
            frequency in prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
            part in prop::sample::select(vec![
                "INTERVAL", "WKST", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY", "BYHOUR", "BYSETPOS",
            ]),
            value in "(-?[0-9]{1,3}|-?[0-9]?(MO|SU|FR))(,-?[0-9]?[0-9MOSU]{1,2}){0,2}",
        ) {
            let start = chrono::NaiveDate::from_ymd_opt(2026, 3, 1).and_then(|day| day.and_hms_opt(9, 0, 0));
            if let Ok(rule) = Rule::parse(&format!("FREQ={frequency};{part}={value}"))
                && let Ok(starts) = rule.wall_clock_starts(start.expect("a time"))
            {
                let found: Vec<_> = starts.iter().take(3).collect();
                prop_assert!(found.is_sorted());
            }
        }
    }
}
