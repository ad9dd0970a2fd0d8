//! Running pay, and listing statements.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::standing::{require_for_circle, require_for_person};
use crate::domain::line::sum;
use crate::domain::month::Month;
use crate::domain::statement::{PayRun, Statement, drafts};
use crate::domain::{CircleId, Refused};
use crate::events;
use crate::policy::Action;
use crate::store;
use crate::store::statement::Filter;

/// Makes one statement per giver for what of the Circle's month is on none yet; answers all statements of the month.
pub async fn run_pay(tx: &mut Tx, (circle_id, month): (CircleId, Month)) -> Result<Vec<Statement>> {
    require_for_circle(tx, Action::RunPay, circle_id).await?;
    store::ledger::lock_books(tx).await?;
    let drafts = drafts(store::statement::unpaid(tx, circle_id, month).await?)?;
    if !drafts.is_empty() {
        let run = PayRun {
            id: tx.new_id(),
            circle_id,
            month,
            statements: i32::try_from(drafts.len()).map_err(|_| Refused::TooLarge)?,
            total: sum(drafts.iter().map(|draft| draft.total))?,
        };
        let mut statements = Vec::with_capacity(drafts.len());
        for draft in drafts {
            statements.push(Statement {
                id: tx.new_id(),
                giver: draft.giver,
                month,
                total: draft.total,
                minutes: draft.minutes,
                created_at: tx.now(),
                lines: draft.lines,
            });
        }
        store::statement::insert(tx, &run, &statements).await?;
        events::pay_run_made(tx, &run);
    }
    let filter = Filter { circle_id: Some(circle_id), month: Some(month), ..Filter::default() };
    store::statement::list(tx, filter, None, None).await
}

/// Asks for a Circle's statements, or for one giver's.
#[derive(Clone, Debug)]
pub struct List {
    pub circle_id: Option<CircleId>,
    /// Whose; the caller's own where neither they nor a Circle is named.
    pub giver: Option<PersonId>,
    pub month: Option<Month>,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists statements with their lines, oldest first, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Statement>, String)> {
    let giver = if let Some(circle_id) = query.circle_id {
        require_for_circle(tx, Action::ListStatements, circle_id).await?;
        query.giver
    } else {
        let giver = query.giver.unwrap_or(tx.person()?);
        require_for_person(tx, Action::ListStatements, giver).await?;
        Some(giver)
    };
    let filter = Filter { circle_id: query.circle_id, giver, month: query.month };
    let mut statements =
        store::statement::list(tx, filter, query.page.after, Some(query.page.limit())).await?;
    let next = query.page.cut(&mut statements, |statement| (statement.created_at, statement.id.0));
    Ok((statements, next))
}
