//! Rights over one's own data: how an erasure goes, what stops it, and when a name may go too.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::id::PersonId;

use super::{AccessRequestId, Change, ErasureId, HoldId, Refused};

/// The services that must answer before an erasure is over. A test holds it against what identity listens to.
pub const OTHERS: [&str; 6] = ["teams", "matching", "appointments", "finance", "governance", "evaluation"];

/// How long somebody may read a person's data on their request: the month in which the law wants it answered
/// (UK GDPR article 12(3)).
pub const ACCESS_REQUEST_LASTS: chrono::Months = chrono::Months::new(1);

/// Why nothing may be destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldBasis {
    Litigation,
    Inquiry,
    Safeguarding,
}

/// Nothing about a person may be destroyed while it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub person: PersonId,
    pub basis: HoldBasis,
    pub set_at: DateTime<Utc>,
    pub lifted_at: Option<DateTime<Utc>>,
}

impl Hold {
    /// Lifts it; once is enough.
    pub fn lift(&mut self, now: DateTime<Utc>) -> Change {
        if self.lifted_at.is_some() {
            return Change::Unchanged;
        }
        self.lifted_at = Some(now);
        Change::Changed
    }
}

/// Somebody may read a person's data on their request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    pub id: AccessRequestId,
    pub person: PersonId,
    pub handler: PersonId,
    pub valid_until: DateTime<Utc>,
}

/// How long a class of records is kept, from a date on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionClass {
    /// Its word.
    pub class: String,
    pub valid_from: NaiveDate,
    /// None is for ever.
    pub months: Option<i32>,
    pub counts_from: String,
    pub basis: String,
    pub source: String,
}

/// Where an erasure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Asked,
    Ordered,
    /// Nothing is left but ids.
    Completed,
    /// Records that must be kept keep the name with them.
    Restricted,
}

/// The erasure of a person's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub id: ErasureId,
    pub person: PersonId,
    pub phase: Phase,
    pub asked_at: DateTime<Utc>,
    pub ordered_at: Option<DateTime<Utc>>,
    /// Until when the name is kept; none where it is gone, or kept for ever.
    pub restricted_until: Option<NaiveDate>,
}

impl Erasure {
    /// Carries it on where something had to be kept and may go now, on the order that was given; not while something must
    /// not be destroyed.
    pub fn resume(&mut self, held: bool, now: DateTime<Utc>) -> Change {
        if held || !matches!(self.phase, Phase::Restricted | Phase::Completed) {
            return Change::Unchanged;
        }
        self.phase = Phase::Ordered;
        self.ordered_at = Some(now);
        self.restricted_until = None;
        Change::Changed
    }

    /// Orders it, unless something must not be destroyed; again where something had to be kept the first time.
    pub fn order(&mut self, held: bool, now: DateTime<Utc>) -> Result<Change, Refused> {
        if matches!(self.phase, Phase::Ordered | Phase::Completed) {
            return Ok(Change::Unchanged);
        }
        if held {
            return Err(Refused::LegalHold);
        }
        self.phase = Phase::Ordered;
        self.ordered_at = Some(now);
        self.restricted_until = None;
        Ok(Change::Changed)
    }
}

/// What a service did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub service: String,
    pub deleted_rows: i64,
    pub blanked_rows: i64,
    pub id_only_rows: i64,
    pub kept: Vec<Kept>,
}

/// Records of a class that must still be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub class: String,
    pub rows: i64,
    /// None is for ever.
    pub until: Option<NaiveDate>,
}

/// How an erasure ends once everybody has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The name goes too.
    Complete,
    /// A record that is kept is worth nothing without the name: it stays with it, until then or for ever.
    Restrict(Option<NaiveDate>),
}

/// How it ends; none while somebody has not answered. `keep_name` are the classes whose records need the name.
pub fn ending(reports: &[Report], keep_name: &BTreeSet<String>) -> Option<Ending> {
    let answered = |service: &str| reports.iter().any(|report| report.service == service);
    if !OTHERS.iter().all(|service| answered(service)) {
        return None;
    }
    let kept = reports.iter().flat_map(|report| &report.kept);
    let untils: Vec<Option<NaiveDate>> =
        kept.filter(|kept| keep_name.contains(&kept.class)).map(|kept| kept.until).collect();
    if untils.is_empty() {
        return Some(Ending::Complete);
    }
    let for_ever = untils.contains(&None);
    Some(Ending::Restrict(if for_ever { None } else { untils.into_iter().flatten().max() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(service: &str, kept: &[(&str, Option<&str>)]) -> Report {
        let kept = kept.iter().map(|(class, until)| Kept {
            class: (*class).into(),
            rows: 1,
            until: until.map(|until| until.parse().expect("a date")),
        });
        let service = service.into();
        Report { service, deleted_rows: 0, blanked_rows: 0, id_only_rows: 0, kept: kept.collect() }
    }

    fn all(kept: &[(&str, Option<&str>)]) -> Vec<Report> {
        OTHERS.iter().map(|service| report(service, if *service == "teams" { kept } else { &[] })).collect()
    }

    #[test]
    fn it_ends_only_when_everybody_has_answered() {
        let named = BTreeSet::from(["care_record".to_owned()]);
        for missing in OTHERS {
            let mut reports = all(&[]);
            reports.retain(|report| report.service != missing);
            assert_eq!(ending(&reports, &named), None, "{missing} has not answered");
        }
        assert_eq!(ending(&all(&[]), &named), Some(Ending::Complete));
    }

    #[test]
    fn the_name_stays_as_long_as_the_longest_record_that_needs_it() {
        let named = BTreeSet::from(["care_record".to_owned(), "financial".to_owned()]);
        let kept = [("care_record", Some("2034-11-21")), ("financial", Some("2032-11-21"))];
        let until = "2034-11-21".parse().ok();
        assert_eq!(ending(&all(&kept), &named), Some(Ending::Restrict(until)));
        let for_ever = [("care_record", None), ("financial", Some("2032-11-21"))];
        assert_eq!(ending(&all(&for_ever), &named), Some(Ending::Restrict(None)));
        assert_eq!(ending(&all(&[("society_record", None)]), &named), Some(Ending::Complete));
    }

    #[test]
    fn a_legal_hold_refuses_the_order_and_a_second_order_changes_nothing() {
        let now = DateTime::UNIX_EPOCH;
        let (id, person) = (ErasureId::default(), PersonId::default());
        let asked = Erasure {
            id,
            person,
            phase: Phase::Asked,
            asked_at: now,
            ordered_at: None,
            restricted_until: None,
        };
        assert_eq!(asked.clone().order(true, now), Err(Refused::LegalHold));
        let mut ordered = asked;
        assert_eq!(ordered.order(false, now), Ok(Change::Changed));
        assert_eq!(ordered.order(true, now), Ok(Change::Unchanged));
    }
}
