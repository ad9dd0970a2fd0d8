//! One visit's money as it stands on invoices and statements.

use chrono::NaiveDate;
use kith_platform::id::PersonId;

use super::{DecisionId, Refused, VisitId};

/// A line. One that takes back what an earlier document charged or paid has its minutes and amounts below zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which visit.
    pub visit_id: VisitId,
    /// Which of its settlements.
    pub settlement_no: i64,
    /// Whether it takes back what an earlier document said of that settlement.
    pub takes_back: bool,
    /// Who gave the support.
    pub giver: PersonId,
    /// First planned local day.
    pub planned_date: NaiveDate,
    /// Elapsed minutes that are charged and paid.
    pub minutes: i64,
    /// Price of an hour, in pence.
    pub hourly_rate: i64,
    /// Name of the contribution rule.
    pub rule_name: String,
    /// The decision behind it; none for a founding rule.
    pub decision_id: Option<DecisionId>,
    /// What all payers together pay, in pence.
    pub payers_total: i64,
    /// What the giver's side receives of it, in pence.
    pub giver_amount: i64,
    /// What goes to the commons of it, in pence.
    pub contribution: i64,
}

impl Line {
    /// Turns the signs where the line takes back.
    #[must_use]
    pub fn signed(mut self) -> Self {
        if self.takes_back {
            self.minutes = -self.minutes;
            self.payers_total = -self.payers_total;
            self.giver_amount = -self.giver_amount;
            self.contribution = -self.contribution;
        }
        self
    }
}

/// Adds amounts up, refusing what does not fit.
pub fn sum(amounts: impl IntoIterator<Item = i64>) -> Result<i64, Refused> {
    let mut total = 0i64;
    for amount in amounts {
        total = total.checked_add(amount).ok_or(Refused::TooLarge)?;
    }
    Ok(total)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use kith_platform::id::Uuid;

    /// A line of an hour at £20 with 15 % on top.
    pub fn line(visit: u128, takes_back: bool) -> Line {
        Line {
            visit_id: VisitId(Uuid::from_u128(visit)),
            settlement_no: 1,
            takes_back,
            giver: PersonId(Uuid::from_u128(1)),
            planned_date: "2026-03-10".parse().expect("a day"),
            minutes: 60,
            hourly_rate: 2000,
            rule_name: "independent".into(),
            decision_id: None,
            payers_total: 2300,
            giver_amount: 2000,
            contribution: 300,
        }
        .signed()
    }

    #[test]
    fn a_line_and_its_taking_back_cancel_out() {
        let (line, back) = (line(1, false), line(1, true));
        assert_eq!(line.minutes + back.minutes, 0);
        assert_eq!(line.payers_total + back.payers_total, 0);
        assert_eq!(line.giver_amount + back.giver_amount, 0);
        assert_eq!(line.contribution + back.contribution, 0);
        assert_eq!(line.hourly_rate, back.hourly_rate);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        assert_eq!(sum([i64::MAX, 1]), Err(Refused::TooLarge));
        assert_eq!(sum([5, -2]), Ok(3));
    }
}
