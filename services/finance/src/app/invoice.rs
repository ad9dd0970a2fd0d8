//! Issuing, reading and listing invoices.

use kith_platform::authz::Subject;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::page::Page;

use super::standing::{note_owners, require_for_circle, require_for_either, towards};
use crate::domain::invoice::{Invoice, InvoiceLine, drafts};
use crate::domain::month::Month;
use crate::domain::{CircleId, InvoiceId};
use crate::events;
use crate::policy::Action;
use crate::store;
use crate::store::invoice::Filter;

/// Issues one invoice per payer for what of the Circle's month is on none yet; answers all invoices of the month.
pub async fn issue(tx: &mut Tx, (circle_id, month): (CircleId, Month)) -> Result<Vec<Invoice>> {
    require_for_circle(tx, Action::IssueInvoices, circle_id).await?;
    store::ledger::lock_books(tx).await?;
    let drafts = drafts(store::invoice::uninvoiced(tx, circle_id, month).await?)?;
    if !drafts.is_empty() {
        let ids: Vec<_> = drafts.iter().map(|draft| draft.payer_id).collect();
        let payers = store::funding::payers_by_id(tx, &ids).await?;
        let first =
            store::ledger::take_invoice_numbers(tx, i64::try_from(drafts.len()).unwrap_or(i64::MAX)).await?;
        let mut issued = Vec::with_capacity(drafts.len());
        for (number, draft) in (first..).zip(drafts) {
            let payer =
                payers.iter().find(|payer| payer.id == draft.payer_id).ok_or(Error::NotFound("payer"))?;
            let invoice = Invoice {
                id: tx.new_id(),
                number,
                circle_id,
                team_id: draft.team_id,
                payer_id: draft.payer_id,
                billing_name: payer.billing_name.clone(),
                billing_address: payer.billing_address.clone(),
                month,
                total: draft.total,
                contribution: draft.contribution,
                created_at: tx.now(),
            };
            events::invoice_issued(tx, &invoice);
            issued.push((invoice, draft.lines));
        }
        store::invoice::insert(tx, &issued).await?;
    }
    let filter = Filter { circle_id: Some(circle_id), month: Some(month), ..Filter::default() };
    let invoices = store::invoice::list(tx, filter, 0, None).await?;
    note_owners(tx, invoices.iter().map(|invoice| invoice.team_id)).await?;
    Ok(invoices)
}

/// Answers an invoice with its lines.
pub async fn get(tx: &mut Tx, id: InvoiceId) -> Result<(Invoice, Vec<InvoiceLine>)> {
    let invoice = store::invoice::find(tx, id).await?.ok_or(Error::NotFound("invoice"))?;
    let owner = store::known::team(tx, invoice.team_id).await?.map(|team| team.owner);
    let standing = towards(tx, owner, invoice.circle_id).await?;
    let subject = Subject { kind: "invoice", id: id.into(), person: owner };
    tx.require(Action::GetInvoice, subject, &standing)?;
    let lines = store::invoice::lines(tx, id).await?;
    Ok((invoice, lines))
}

/// Lists invoices of a Team or of a Circle by number, with the token of the next page.
pub async fn list(tx: &mut Tx, (filter, page): (Filter, Page<i64>)) -> Result<(Vec<Invoice>, String)> {
    require_for_either(tx, Action::ListInvoices, filter.team_id, filter.circle_id).await?;
    let after = page.after.unwrap_or_default();
    let mut invoices = store::invoice::list(tx, filter, after, Some(page.limit())).await?;
    let next = page.cut(&mut invoices, |invoice| invoice.number);
    note_owners(tx, invoices.iter().map(|invoice| invoice.team_id)).await?;
    Ok((invoices, next))
}
