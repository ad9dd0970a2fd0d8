//! Pay statements: one per giver for a Circle's month. What is corrected later stands as lines below zero on the next.

use chrono::{DateTime, Utc};
use kith_platform::id::PersonId;

use super::line::{Line, sum};
use super::month::Month;
use super::{CircleId, PayRunId, Refused, StatementId};

/// One run of pay for a Circle's month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayRun {
    /// Which.
    pub id: PayRunId,
    /// Of which Circle.
    pub circle_id: CircleId,
    /// Month of the lines.
    pub month: Month,
    /// Statements made in it.
    pub statements: i32,
    /// What the givers' sides receive, in pence.
    pub total: i64,
}

/// A made statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which.
    pub id: StatementId,
    /// Who is paid.
    pub giver: PersonId,
    /// Month of its lines.
    pub month: Month,
    /// What their side receives, in pence; below zero where it takes back more than it pays.
    pub total: i64,
    /// Paid minutes.
    pub minutes: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By planned day.
    pub lines: Vec<Line>,
}

/// A statement before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who is paid.
    pub giver: PersonId,
    /// What their side receives, in pence.
    pub total: i64,
    /// Paid minutes.
    pub minutes: i64,
    /// By planned day.
    pub lines: Vec<Line>,
}

/// Drafts one statement per giver of lines that stand in the order of givers.
pub fn drafts(lines: Vec<Line>) -> Result<Vec<Draft>, Refused> {
    let mut drafts: Vec<Draft> = Vec::new();
    for line in lines {
        let draft = match drafts.last_mut() {
            Some(draft) if draft.giver == line.giver => draft,
            _ => drafts.push_mut(Draft { giver: line.giver, total: 0, minutes: 0, lines: Vec::new() }),
        };
        draft.total = sum([draft.total, line.giver_amount])?;
        draft.minutes = sum([draft.minutes, line.minutes])?;
        draft.lines.push(line);
    }
    Ok(drafts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::line::tests::line;
    use kith_platform::id::Uuid;

    #[test]
    fn one_statement_per_giver_sums_pay_and_minutes() {
        let other = Line { giver: PersonId(Uuid::from_u128(2)), ..line(3, false) };
        let drafts = drafts(vec![line(1, false), line(2, false), line(1, true), other]).expect("drafts");
        assert_eq!(drafts.len(), 2);
        assert_eq!((drafts[0].total, drafts[0].minutes, drafts[0].lines.len()), (2000, 60, 3));
        assert_eq!((drafts[1].total, drafts[1].minutes), (2000, 60));
    }
}
