//! A circle's month as a scenario file tells it, once it has been found free of mistakes.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use kith_proto::appointments::v1::VisitKind;
use kith_proto::finance::v1::PayerKind;
use kith_proto::matching::v1::{GiverStatus, UnpaidIntent};

/// The whole file.
#[derive(Debug)]
pub struct Scenario {
    /// Slug of the tenant.
    pub tenant: String,
    /// What the circle is called.
    pub circle: String,
    /// Of its wall clock.
    pub zone: Tz,
    pub month: Month,
    pub givers: Vec<Giver>,
    pub teams: Vec<Team>,
    pub series: Vec<Series>,
    pub changes: Vec<Change>,
    pub rounds: Vec<Round>,
}

/// A calendar month, by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month(NaiveDate);

impl Month {
    /// Reads `YYYY-MM`.
    pub fn read(text: &str) -> Option<Self> {
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()?;
        let month = Self(first);
        (month.to_string() == text && (1970..=9000).contains(&first.year())).then_some(month)
    }

    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// First day after the month.
    pub fn end(self) -> NaiveDate {
        self.0 + Months::new(1)
    }

    pub fn last_day(self) -> NaiveDate {
        self.end() - Days::new(1)
    }

    pub fn contains(self, day: NaiveDate) -> bool {
        day >= self.first_day() && day < self.end()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.format("%Y-%m"))
    }
}

#[derive(Debug)]
pub struct Giver {
    pub id: String,
    pub name: String,
    pub outward_code: String,
    pub status: GiverStatus,
    pub terms: GiverTerms,
}

impl Giver {
    pub fn is_paid(&self) -> bool {
        matches!(self.terms, GiverTerms::Paid { .. })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum GiverTerms {
    /// Pence for an hour, and what goes to the commons.
    Paid {
        rate_pence: i64,
        contribution: Contribution,
    },
    Unpaid(UnpaidIntent),
}

/// How much of a visit's price goes to the commons, in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contribution {
    OnRate { added_bp: i32, deducted_bp: i32 },
    ShareOfTotal { share_bp: i32 },
}

#[derive(Debug)]
pub struct Team {
    pub id: String,
    /// Name of the Owner.
    pub owner: String,
    pub outward_code: String,
    /// In the order that settles ties of a penny.
    pub payers: Vec<Payer>,
}

#[derive(Debug)]
pub struct Payer {
    pub id: String,
    pub kind: PayerKind,
    pub share_bp: i32,
}

#[derive(Debug)]
pub struct Series {
    pub id: String,
    /// Id of the team.
    pub team: String,
    /// Id of the giver.
    pub giver: String,
    pub kind: VisitKind,
    pub starts: NaiveDateTime,
    pub wall_minutes: i32,
    /// RFC 5545; empty for a single visit.
    pub rrule: String,
    /// Wall-clock starts within the month.
    pub occurrences: Vec<NaiveDateTime>,
}

#[derive(Debug)]
pub struct Change {
    /// Id of the series.
    pub series: String,
    pub occurrence: NaiveDateTime,
    pub action: Action,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    CancelledByOwner {
        at: DateTime<Utc>,
    },
    CancelledByGiver {
        at: DateTime<Utc>,
        /// Id of the giver who came instead.
        covered_by: Option<String>,
    },
    Moved {
        to: NaiveDateTime,
    },
    Actual {
        began: DateTime<Utc>,
        ended: DateTime<Utc>,
    },
    Missed,
}

#[derive(Debug)]
pub struct Round {
    pub scope: Scope,
    /// Seven answers each.
    pub responses: Vec<[Option<i32>; 7]>,
}

/// Whom a round is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Circle,
    /// Id of the team.
    Team(String),
}

impl Scope {
    /// The key in scenario files and figures.
    pub fn key(&self) -> &str {
        match self {
            Self::Circle => CIRCLE,
            Self::Team(id) => id,
        }
    }
}

/// Key of the circle's own round.
pub const CIRCLE: &str = "circle";

impl Scenario {
    pub fn giver(&self, id: &str) -> &Giver {
        self.givers
            .iter()
            .find(|giver| giver.id == id)
            .expect("names of givers were checked when the file was read")
    }

    pub fn team(&self, id: &str) -> &Team {
        self.teams
            .iter()
            .find(|team| team.id == id)
            .expect("names of teams were checked when the file was read")
    }

    pub fn series(&self, id: &str) -> &Series {
        self.series
            .iter()
            .find(|series| series.id == id)
            .expect("names of series were checked when the file was read")
    }

    /// The series of a team, in the order of the file.
    pub fn series_of<'a>(&'a self, team: &'a str) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| series.team == team)
    }

    /// The changes of a team's visits, each with its series, in the order of the file.
    pub fn changes_of<'a>(&'a self, team: &'a str) -> impl Iterator<Item = (&'a Series, &'a Change)> {
        self.changes
            .iter()
            .map(|change| (self.series(&change.series), change))
            .filter(move |(series, _)| series.team == team)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_exactly() {
        let month = Month::read("2026-12").expect("a month");
        assert_eq!(month.to_string(), "2026-12");
        assert_eq!(month.end().to_string(), "2027-01-01");
        assert_eq!(month.last_day().to_string(), "2026-12-31");
        assert!(month.contains(month.last_day()) && !month.contains(month.end()));
        for wrong in ["2026-13", "2026-1", "26-01", "2026-00", "2026-01-01", "", "March", "9999-12"] {
            assert_eq!(Month::read(wrong), None, "{wrong:?}");
        }
    }
}
