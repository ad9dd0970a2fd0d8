//! What an agreed visit comes to, and what is missing where that cannot be said. Nothing is ever guessed.

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::contribution::{self, Price};
use super::funding::{self, Funding};
use super::ledger::{Account, Leg};
use super::month::Month;
use super::rule::{self, Rule};
use super::share::Part;
use super::{CircleId, DecisionId, Refused, RuleId, TeamId, VisitId};

/// Where a visit stands, as appointments says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitState {
    /// In the rota.
    Planned,
    /// The Team agrees what happened.
    Agreed,
    /// Called off, free of charge.
    Cancelled,
    /// Called off too late: charged and paid as planned.
    LateCancelled,
    /// Nobody came.
    Missed,
}

/// How a visit is settled, as appointments says from the giver's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The giver had stated no terms for the day.
    Unsaid,
    /// Paid.
    Money,
    /// Saved as Care Coins.
    CareCoins,
    /// A gift.
    Gift,
}

/// A visit as far as money is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which.
    pub id: VisitId,
    /// Of which Team.
    pub team_id: TeamId,
    /// Of which Circle.
    pub circle_id: CircleId,
    /// Who gave the support.
    pub giver: PersonId,
    /// First planned local day, wherever it was moved.
    pub planned_date: NaiveDate,
    /// Where it stands.
    pub state: VisitState,
    /// How it is settled.
    pub way: Way,
    /// Elapsed minutes that pay and charges follow; none where nothing is to be settled.
    pub minutes: Option<i64>,
    /// Raised whenever what is to be settled changes.
    pub settlement_no: i64,
}

impl Visit {
    /// Elapsed minutes to settle, if any. An unpaid visit that was called off late is not settled: nobody gave time.
    pub fn minutes_due(&self) -> Option<i64> {
        match (self.state, self.way) {
            (VisitState::Agreed, _) | (VisitState::LateCancelled, Way::Money | Way::Unsaid) => self.minutes,
            _ => None,
        }
    }
}

/// On which terms someone gives support from a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// First day that they hold for.
    pub valid_from: NaiveDate,
    /// What they are.
    pub kind: TermsKind,
}

/// Paid or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermsKind {
    /// Paid by the hour, under a Circle's rule.
    Paid {
        /// Whose rule.
        circle_id: CircleId,
        /// Its name.
        rule_name: String,
        /// Price of an hour.
        hourly_rate_pence: i64,
    },
    /// Saved as Care Coins.
    Save,
    /// Given.
    Gift,
}

/// The terms in force on a day: the latest from up to it. `terms` are oldest first.
pub fn terms_in_force(terms: &[Terms], day: NaiveDate) -> Option<&Terms> {
    terms.iter().filter(|terms| terms.valid_from <= day).max_by_key(|terms| terms.valid_from)
}

/// Why a visit is listed for a person to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// The Team has no payers for the day.
    NoFunding,
    /// The giver has no terms for the day.
    NoTerms,
    /// The rule that the terms name is not in force on the day.
    NoRule,
    /// It is settled, but another rule than the one now known governs its day.
    EarlierRule,
    /// It is settled, but the giver has since stated other terms for its day.
    EarlierTerms,
    /// It is settled, but its Team has since set other funding for its day.
    EarlierFunding,
}

/// A listed visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub visit_id: VisitId,
    /// Of which Team.
    pub team_id: TeamId,
    /// Whose support.
    pub giver: PersonId,
    /// Planned local day.
    pub planned_date: NaiveDate,
    /// Why.
    pub reason: Unsettled,
}

/// What a paid visit comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Price of an hour, in pence.
    pub hourly_rate: i64,
    /// The rule that governs the planned day.
    pub rule_id: RuleId,
    /// Whose rule it is.
    pub rule_circle_id: CircleId,
    /// Its name.
    pub rule_name: String,
    /// The decision behind it; none for a founding rule.
    pub decision_id: Option<DecisionId>,
    /// The sums.
    pub price: Price,
    /// Who pays how much, in the funding's order.
    pub parts: Vec<Part>,
}

impl Paid {
    /// The legs of its transfer; none where it comes to nothing at all.
    pub fn legs(&self, visit: &Visit) -> Vec<Leg> {
        let mut legs = Vec::with_capacity(self.parts.len() + 2);
        for part in &self.parts {
            legs.extend(Leg::some(Account::Payer(part.share.payer), part.amount));
        }
        legs.extend(Leg::some(Account::Giver(visit.giver), -self.price.giver_amount));
        let commons = Account::Commons(visit.circle_id, Month::of(visit.planned_date));
        legs.extend(Leg::some(commons, -self.price.contribution));
        legs
    }
}

/// What a visit comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Paid.
    Money(Paid),
    /// This many minutes are saved as Care Coins.
    CareCoins(i64),
    /// This many minutes are a gift.
    Gift(i64),
    /// Nothing is to be settled.
    Nothing,
    /// Something is missing.
    Missing(Unsettled),
}

/// What finance knows that a visit may need.
#[derive(Clone, Copy, Debug)]
pub struct Known<'known> {
    /// The Team's fundings in the order in which they were added.
    pub fundings: &'known [Funding],
    /// The giver's terms, oldest first.
    pub terms: &'known [Terms],
    /// Rules, at least those that the terms name.
    pub rules: &'known [Rule],
}

/// Says what a visit comes to.
pub fn settle(visit: &Visit, known: Known<'_>) -> Result<Outcome, Refused> {
    let Some(minutes) = visit.minutes_due() else { return Ok(Outcome::Nothing) };
    if minutes < 0 {
        return Err(Refused::Negative);
    }
    let day = visit.planned_date;
    let terms = terms_in_force(known.terms, day).map(|terms| &terms.kind);
    let unpaid = match (visit.way, terms) {
        (Way::CareCoins, _) | (Way::Unsaid, Some(TermsKind::Save)) => Some(Outcome::CareCoins(minutes)),
        (Way::Gift, _) | (Way::Unsaid, Some(TermsKind::Gift)) => Some(Outcome::Gift(minutes)),
        (Way::Money | Way::Unsaid, _) => None,
    };
    if let Some(outcome) = unpaid {
        let time_was_given = visit.state == VisitState::Agreed;
        return Ok(if time_was_given { outcome } else { Outcome::Nothing });
    }

    let Some(funding) = funding::in_force(known.fundings, day) else {
        return Ok(Outcome::Missing(Unsettled::NoFunding));
    };
    let Some(TermsKind::Paid { circle_id, rule_name, hourly_rate_pence }) = terms else {
        return Ok(Outcome::Missing(Unsettled::NoTerms));
    };
    let Some(rule) = rule::governing(known.rules, *circle_id, rule_name, day) else {
        return Ok(Outcome::Missing(Unsettled::NoRule));
    };
    let price = contribution::price(*hourly_rate_pence, minutes, rule.mode)?;
    let mut parts = funding.shares.split(price.payers_total)?;
    for (part, within) in parts.iter_mut().zip(funding.shares.split(price.contribution)?) {
        part.contribution = within.amount;
    }
    Ok(Outcome::Money(Paid {
        hourly_rate: *hourly_rate_pence,
        rule_id: rule.id,
        rule_circle_id: rule.circle_id,
        rule_name: rule.name.clone(),
        decision_id: rule.decision_id,
        price,
        parts,
    }))
}

/// The newest settlement of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub settlement_no: i64,
    /// Whether it has not been taken back.
    pub stands: bool,
}

/// What is to be done about a visit, given its newest settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Take the newest settlement back.
    pub take_back: bool,
    /// Settle it as it now stands.
    pub settle: bool,
}

/// Decides the step. Seeing the same visit again asks for nothing.
pub fn next_step(visit: &Visit, newest: Option<Newest>) -> Step {
    let due = visit.minutes_due().is_some();
    match newest {
        None => Step { take_back: false, settle: due },
        Some(newest) if due => {
            let changed = visit.settlement_no > newest.settlement_no;
            Step { take_back: changed && newest.stands, settle: changed }
        }
        Some(newest) => Step { take_back: newest.stands, settle: false },
    }
}

#[cfg(test)]
#[path = "settlement_tests.rs"]
mod tests;
