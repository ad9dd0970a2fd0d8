//! A giver: how someone gives support, whether their checks and training are in order, and on which terms.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::error::Violation;
use kith_platform::money::{Currency, Money};

use super::place::OutwardCode;
use super::{Change, CircleId, PersonId, ReadinessId, Refused, TermsId};

/// How someone gives support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Self-employed.
    Independent,
    /// Employed by the co-op.
    Employed,
    /// Volunteer.
    Volunteer,
    /// Peer supporter.
    PeerSupporter,
    /// Family, friend or neighbour.
    FamilyOrFriend,
}

impl Status {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 5] =
        [Self::Independent, Self::Employed, Self::Volunteer, Self::PeerSupporter, Self::FamilyOrFriend];

    /// Whether the giver is paid for their time.
    pub fn is_paid(self) -> bool {
        matches!(self, Self::Independent | Self::Employed)
    }
}

/// What an unpaid giver wishes to happen with their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnpaidIntent {
    /// Saved as Care Coins.
    Save,
    /// Given; counted as a gift.
    Gift,
}

/// What was found about checks and training, for the half-open period `[valid_from, valid_until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// In order or not.
    pub ready: bool,
    /// First day that it holds for.
    pub valid_from: NaiveDate,
    /// First day that it holds for no more; none where nothing expires.
    pub valid_until: Option<NaiveDate>,
}

impl Readiness {
    /// Checks that the period is one.
    pub fn new(
        ready: bool,
        valid_from: NaiveDate,
        valid_until: Option<NaiveDate>,
    ) -> Result<Self, Violation> {
        match valid_until {
            Some(until) if until <= valid_from => Err(Violation {
                field: "valid_until".to_owned(),
                description: "has to come after valid_from".to_owned(),
            }),
            _ => Ok(Self { ready, valid_from, valid_until }),
        }
    }

    /// Whether checks and training are in order on a day.
    pub fn is_ready_on(&self, day: NaiveDate) -> bool {
        let expired = self.valid_until.is_some_and(|until| until <= day);
        self.ready && self.valid_from <= day && !expired
    }
}

/// A record of readiness: what was found, by whom and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadinessRecord {
    /// Its id.
    pub id: ReadinessId,
    /// What was found.
    pub readiness: Readiness,
    /// Somebody with the checks role, never the giver.
    pub recorded_by: PersonId,
    /// When it was found.
    pub occurred_at: DateTime<Utc>,
}

/// The highest price of an hour, in pence: whoever writes more has slipped, and no visit's price can overflow.
const MOST_HOURLY_PENCE: i64 = 1_000_000;

/// What the terms say about money or time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deal {
    /// Paid.
    Paid {
        /// The Circle whose contribution rule is named.
        circle_id: CircleId,
        /// Name of the Circle's contribution rule.
        contribution_rule: String,
        /// Price of one hour, in pence, above zero and at most [`MOST_HOURLY_PENCE`].
        hourly_rate_pence: i64,
    },
    /// Unpaid.
    Unpaid(UnpaidIntent),
}

impl Deal {
    /// Reads what was sent. Anything about money makes it a paid deal, which then has to be whole; whether it fits the
    /// giver's status is decided with the giver at hand. Field names are relative to the terms.
    pub fn parse(
        circle_id: Option<CircleId>,
        contribution_rule: &str,
        hourly_rate: Option<Money>,
        unpaid_intent: Option<UnpaidIntent>,
    ) -> Result<Self, Vec<Violation>> {
        let about_money = circle_id.is_some() || !contribution_rule.is_empty() || hourly_rate.is_some();
        let mut violations = Vec::new();
        let mut wrong = |field: &str, description: &str| {
            violations.push(Violation { field: field.to_owned(), description: description.to_owned() });
        };
        match (about_money, unpaid_intent) {
            (false, Some(intent)) => return Ok(Self::Unpaid(intent)),
            (false, None) => {
                wrong(
                    "unpaid_intent",
                    "is missing; an unpaid giver says it, a paid one gives circle, rule and rate",
                );
            }
            (true, Some(_)) => {
                wrong("unpaid_intent", "has to be left out where there is a circle, a rule or a rate");
            }
            (true, None) => {}
        }
        if about_money {
            if circle_id.is_none() {
                wrong("circle_id", "is missing");
            }
            if contribution_rule.is_empty() {
                wrong("contribution_rule", "is missing");
            }
            match hourly_rate {
                None => wrong("hourly_rate", "is missing"),
                Some(rate) if rate.currency != Currency::GBP => {
                    wrong("hourly_rate.currency", "has to be GBP");
                }
                Some(rate) if !(1..=MOST_HOURLY_PENCE).contains(&rate.minor_units) => {
                    wrong("hourly_rate.minor_units", "has to be above zero and at most 1000000 pence");
                }
                Some(_) => {}
            }
        }
        match (circle_id, hourly_rate) {
            (Some(circle_id), Some(rate)) if violations.is_empty() => Ok(Self::Paid {
                circle_id,
                contribution_rule: contribution_rule.to_owned(),
                hourly_rate_pence: rate.minor_units,
            }),
            _ => Err(violations),
        }
    }
}

/// Terms from a day on, until later ones begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Their id.
    pub id: TermsId,
    /// First day that they hold for.
    pub valid_from: NaiveDate,
    /// What they say.
    pub deal: Deal,
}

/// Someone who gives support, with everything ever stated about readiness and terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Giver {
    /// The person.
    pub person_id: PersonId,
    /// How they give support.
    pub status: Status,
    /// Where from.
    pub outward_code: OutwardCode,
    /// Since when.
    pub registered_at: DateTime<Utc>,
    /// Oldest finding first.
    pub readiness: Vec<ReadinessRecord>,
    /// Oldest first day first.
    pub terms: Vec<Terms>,
    /// Raised with every change.
    pub version: i64,
}

impl Giver {
    /// Someone becomes a giver, not yet ready and without terms.
    pub fn register(
        person_id: PersonId,
        status: Status,
        outward_code: OutwardCode,
        registered_at: DateTime<Utc>,
    ) -> Self {
        Self {
            person_id,
            status,
            outward_code,
            registered_at,
            readiness: Vec::new(),
            terms: Vec::new(),
            version: 1,
        }
    }

    /// Registering once more is fine where nothing differs.
    pub fn register_again(&self, status: Status, outward_code: OutwardCode) -> Result<Change, Refused> {
        if self.status == status && self.outward_code == outward_code {
            Ok(Change::Unchanged)
        } else {
            Err(Refused::GiverExists)
        }
    }

    /// The latest finding about readiness; absent before the first.
    pub fn latest_readiness(&self) -> Option<&Readiness> {
        self.readiness.last().map(|record| &record.readiness)
    }

    /// Whether checks and training are in order on a day.
    pub fn is_ready_on(&self, day: NaiveDate) -> bool {
        self.latest_readiness().is_some_and(|readiness| readiness.is_ready_on(day))
    }

    /// Records what somebody with the checks role found, in the order in which it was found. The same finding from the
    /// same moment, or one that only repeats the latest, changes nothing.
    pub fn record_readiness(&mut self, record: ReadinessRecord) -> Result<Change, Refused> {
        if record.recorded_by == self.person_id {
            return Err(Refused::OwnReadiness);
        }
        let repeats_the_latest = self.latest_readiness() == Some(&record.readiness);
        let known = self.readiness.iter().any(|earlier| {
            earlier.readiness == record.readiness && earlier.occurred_at == record.occurred_at
        });
        if repeats_the_latest || known {
            return Ok(Change::Unchanged);
        }
        let position = self.readiness.partition_point(|earlier| earlier.occurred_at <= record.occurred_at);
        self.readiness.insert(position, record);
        Ok(Change::Changed)
    }

    /// The terms in force on a day: those with the latest first day up to it.
    pub fn terms_on(&self, day: NaiveDate) -> Option<&Terms> {
        self.terms.iter().rev().find(|terms| terms.valid_from <= day)
    }

    /// States terms, paid or unpaid whatever the status: a family member may be paid, a worker may give an hour. Where the client made their id, that id stands for this very content for ever; otherwise the same
    /// content from the same day is the same terms.
    pub fn set_terms(&mut self, terms: &Terms, id_is_the_clients: bool) -> Result<Change, Refused> {
        if let Some(same_id) = self.terms.iter().find(|earlier| earlier.id == terms.id) {
            return if same_id == terms { Ok(Change::Unchanged) } else { Err(Refused::IdExists) };
        }
        if let Some(same_day) = self.terms.iter().find(|earlier| earlier.valid_from == terms.valid_from) {
            let same_content = !id_is_the_clients && same_day.deal == terms.deal;
            return if same_content { Ok(Change::Unchanged) } else { Err(Refused::TermsFromThatDay) };
        }
        let position = self.terms.partition_point(|earlier| earlier.valid_from < terms.valid_from);
        self.terms.insert(position, terms.clone());
        Ok(Change::Changed)
    }
}

#[cfg(test)]
#[path = "giver_tests.rs"]
mod tests;
