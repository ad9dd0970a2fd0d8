//! Legal facts about somebody: what there is, from when until when, where the original lies, who wrote it and who has seen
//! it. Never the paper itself. What was recorded is corrected or ended, and stays in its history.

use chrono::{DateTime, Months, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::representative::Basis;
use super::{Change, LegalFactId, Refused};

/// Which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An advance decision to refuse treatment.
    AdvanceDecision,
    /// A recommendation not to attempt cardiopulmonary resuscitation.
    DoNotAttemptCpr,
    /// Lasting power of attorney for health and welfare.
    AttorneyHealthAndWelfare,
    /// Lasting power of attorney for property and financial affairs.
    AttorneyProperty,
    /// An authorisation to deprive somebody of their liberty; it always has an end.
    DeprivationOfLiberty,
    /// Another one, by its name.
    Other,
}

/// What a legal fact says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub kind: Kind,
    /// Empty but for another kind.
    pub name: String,
    /// None where it is not known.
    pub valid_from: Option<NaiveDate>,
    /// First day no longer.
    pub valid_until: Option<NaiveDate>,
    pub review_on: Option<NaiveDate>,
    /// Where the original is kept, in own words.
    pub original_place: String,
}

impl Content {
    /// Whether it is a deprivation of liberty that lasts longer than it may be authorised at a time.
    pub fn lasts_too_long(&self, most_months: u32) -> bool {
        let (Kind::DeprivationOfLiberty, Some(from), Some(until)) =
            (self.kind, self.valid_from, self.valid_until)
        else {
            return false;
        };
        from.checked_add_months(Months::new(most_months)).is_none_or(|latest| until > latest)
    }
}

/// On which basis somebody writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// It is about themselves.
    Oneself,
    /// They act for the person in health and welfare, on that basis.
    Representative(Basis),
    /// They hold the checks role.
    Checks,
}

/// Who wrote, when and on which basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub by: PersonId,
    pub writer: Writer,
    pub at: DateTime<Utc>,
}

/// What became of it with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Recorded,
    Corrected,
    OriginalSeen,
    Ended,
}

/// A legal fact as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalFact {
    pub id: LegalFactId,
    /// Whom it is about.
    pub person: PersonId,
    pub content: Content,
    /// Who recorded it, or last corrected it.
    pub written: Written,
    /// Who saw the original of what is written now, and when.
    pub seen: Option<(PersonId, DateTime<Utc>)>,
    pub ended_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// Raised with every change; each is kept.
    pub version: i64,
}

/// What it said from one change to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: i64,
    pub step: Step,
    pub content: Content,
    pub written: Written,
}

impl LegalFact {
    /// Records a new one.
    pub fn record(id: LegalFactId, person: PersonId, content: Content, written: Written) -> Self {
        let created_at = written.at;
        Self { id, person, content, written, seen: None, ended_at: None, created_at, version: 1 }
    }

    /// Says something else from now on; whoever saw the original saw it of something else.
    pub fn correct(&mut self, content: Content, written: Written) -> Result<Change, Refused> {
        if self.content == content {
            return Ok(Change::Unchanged);
        }
        self.refuse_ended()?;
        self.content = content;
        self.written = written;
        self.seen = None;
        self.version += 1;
        Ok(Change::Changed)
    }

    /// Somebody has seen the original. That it is another than who wrote any of it is the policy's.
    pub fn confirm(&mut self, by: PersonId, now: DateTime<Utc>) -> Result<Change, Refused> {
        self.refuse_ended()?;
        if self.seen.is_some() {
            return Ok(Change::Unchanged);
        }
        self.seen = Some((by, now));
        self.version += 1;
        Ok(Change::Changed)
    }

    /// Ends it from today, or before it began; an earlier end stays.
    pub fn end(&mut self, today: NaiveDate, now: DateTime<Utc>) -> Change {
        if self.ended_at.is_some() {
            return Change::Unchanged;
        }
        let last = self.content.valid_from.map_or(today, |from| today.max(from));
        self.content.valid_until = Some(self.content.valid_until.map_or(last, |until| until.min(last)));
        self.ended_at = Some(now);
        self.version += 1;
        Change::Changed
    }

    fn refuse_ended(&self) -> Result<(), Refused> {
        if self.ended_at.is_some() { Err(Refused::LegalFactEnded) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use kith_platform::id::Uuid;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn content(kind: Kind, from: Option<&str>, until: Option<&str>) -> Content {
        Content {
            kind,
            name: String::new(),
            valid_from: from.map(day),
            valid_until: until.map(day),
            review_on: None,
            original_place: "in the red folder".into(),
        }
    }

    fn written() -> Written {
        Written { by: PersonId(Uuid::from_u128(1)), writer: Writer::Oneself, at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn only_a_deprivation_of_liberty_has_a_longest_time() {
        for (kind, until, too_long) in [
            (Kind::DeprivationOfLiberty, "2027-01-31", false),
            (Kind::DeprivationOfLiberty, "2027-02-01", true),
            (Kind::AttorneyProperty, "2036-01-31", false),
        ] {
            let said = content(kind, Some("2026-01-31"), Some(until));
            assert_eq!(said.lasts_too_long(12), too_long, "{kind:?} {until}");
        }
    }

    #[test]
    fn a_correction_has_to_be_seen_anew_and_nothing_ended_changes() {
        let said = content(Kind::AdvanceDecision, Some("2026-03-01"), None);
        let mut fact = LegalFact::record(LegalFactId::default(), written().by, said.clone(), written());
        let sees = PersonId(Uuid::from_u128(2));
        assert_eq!(fact.confirm(sees, DateTime::UNIX_EPOCH), Ok(Change::Changed));
        assert_eq!(fact.confirm(sees, DateTime::UNIX_EPOCH), Ok(Change::Unchanged));
        assert_eq!(fact.correct(said.clone(), written()), Ok(Change::Unchanged));
        assert!(fact.seen.is_some(), "the same again is no correction");
        let elsewhere = Content { original_place: "with the GP".into(), ..said.clone() };
        assert_eq!(fact.correct(elsewhere.clone(), written()), Ok(Change::Changed));
        assert_eq!((fact.seen, fact.version), (None, 3));

        assert_eq!(fact.end(day("2026-02-01"), DateTime::UNIX_EPOCH), Change::Changed);
        assert_eq!(fact.content.valid_until, Some(day("2026-03-01")), "it never held");
        assert_eq!(fact.end(day("2026-05-01"), DateTime::UNIX_EPOCH), Change::Unchanged);
        assert_eq!(fact.confirm(sees, DateTime::UNIX_EPOCH), Err(Refused::LegalFactEnded));
        assert_eq!(fact.correct(said, written()), Err(Refused::LegalFactEnded));
        assert_eq!(fact.version, 4);
    }
}
