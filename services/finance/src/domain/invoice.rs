//! Invoices: one per payer for a Circle's month. Once issued they never change; what is corrected later stands as lines
//! below zero on the next one.

use chrono::{DateTime, Utc};

use super::line::{Line, sum};
use super::month::Month;
use super::{CircleId, InvoiceId, PayerId, Refused, TeamId};

/// An issued invoice, without its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Which.
    pub id: InvoiceId,
    /// Consecutive per tenant, from 1.
    pub number: i64,
    /// Of which Circle.
    pub circle_id: CircleId,
    /// Of which Team.
    pub team_id: TeamId,
    /// Who pays.
    pub payer_id: PayerId,
    /// As at issue.
    pub billing_name: String,
    /// As at issue.
    pub billing_address: String,
    /// Month of its lines.
    pub month: Month,
    /// What the payer owes, in pence; below zero where it takes back more than it charges.
    pub total: i64,
    /// The Commons Contribution within it, in pence.
    pub contribution: i64,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
}

/// A line with the part of it that one payer pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceLine {
    /// The visit's money.
    pub line: Line,
    /// Of which Team.
    pub team_id: TeamId,
    /// Who pays.
    pub payer_id: PayerId,
    /// What they pay of it, in pence; below zero where the line takes back.
    pub payer_amount: i64,
    /// The Commons Contribution within it, in pence; all payers' parts of a line sum to the line's.
    pub payer_contribution: i64,
}

/// An invoice before it has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Of which Team.
    pub team_id: TeamId,
    /// Who pays.
    pub payer_id: PayerId,
    /// What they owe, in pence.
    pub total: i64,
    /// The Commons Contribution within it, in pence.
    pub contribution: i64,
    /// By planned day.
    pub lines: Vec<InvoiceLine>,
}

/// Drafts one invoice per payer of lines that stand in the order of payers.
pub fn drafts(lines: Vec<InvoiceLine>) -> Result<Vec<Draft>, Refused> {
    let mut drafts: Vec<Draft> = Vec::new();
    for line in lines {
        let draft = match drafts.last_mut() {
            Some(draft) if draft.payer_id == line.payer_id => draft,
            _ => drafts.push_mut(Draft {
                team_id: line.team_id,
                payer_id: line.payer_id,
                total: 0,
                contribution: 0,
                lines: Vec::new(),
            }),
        };
        draft.total = sum([draft.total, line.payer_amount])?;
        draft.contribution = sum([draft.contribution, line.payer_contribution])?;
        draft.lines.push(line);
    }
    Ok(drafts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::line::tests::line;
    use kith_platform::id::Uuid;

    fn invoice_line(visit: u128, payer: u128, payer_amount: i64, takes_back: bool) -> InvoiceLine {
        InvoiceLine {
            line: line(visit, takes_back),
            team_id: TeamId(Uuid::from_u128(1)),
            payer_id: PayerId(Uuid::from_u128(payer)),
            payer_amount,
            payer_contribution: payer_amount / 23 * 3,
        }
    }

    #[test]
    fn one_invoice_per_payer_shows_the_contribution_within_their_part() {
        let drafts = drafts(vec![
            invoice_line(1, 1, 1840, false),
            invoice_line(2, 1, 1840, false),
            invoice_line(1, 2, 460, false),
        ])
        .expect("drafts");
        assert_eq!(drafts.len(), 2);
        assert_eq!((drafts[0].total, drafts[0].contribution, drafts[0].lines.len()), (3680, 480, 2));
        assert_eq!((drafts[1].total, drafts[1].contribution, drafts[1].lines.len()), (460, 60, 1));
    }

    #[test]
    fn a_line_that_takes_back_takes_the_contribution_back_too() {
        let drafts =
            drafts(vec![invoice_line(1, 1, -2300, true), invoice_line(2, 1, 2300, false)]).expect("drafts");
        assert_eq!((drafts[0].total, drafts[0].contribution), (0, 0));
    }

    #[test]
    fn a_total_that_does_not_fit_is_refused() {
        let lines = vec![invoice_line(1, 1, i64::MAX, false), invoice_line(2, 1, 1, false)];
        assert_eq!(drafts(lines), Err(Refused::TooLarge));
    }
}
