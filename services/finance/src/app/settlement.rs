//! Settling visits: exactly once per settlement number, corrected by reversal, never guessed.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::PersonId;

use crate::domain::hindsight::{agrees_with_funding, agrees_with_terms};
use crate::domain::ledger::{Code, Leg, Transfer, turned};
use crate::domain::settlement::{
    Known, Outcome, TermsKind, Unsettled, Visit, next_step, settle, terms_in_force,
};
use crate::domain::{CircleId, TeamId, TransferId, VisitId, coins, rule};
use crate::store;
use crate::store::settlement::{Arrived, Settled};

/// Takes in a visit as it now stands: settles it, takes an earlier settlement back, or does nothing.
pub async fn visit_changed(tx: &mut Tx, visit: &Visit) -> Result<()> {
    store::ledger::lock_books(tx).await?;
    store::settlement::note_visit(tx, visit).await?;
    let newest = store::settlement::newest(tx, visit.id).await?;
    let step = next_step(visit, newest);
    if step.take_back
        && let Some(newest) = newest
    {
        take_back(tx, visit.id, newest.settlement_no).await?;
    }
    if step.settle {
        settle_visit(tx, visit).await?;
    } else if visit.minutes_due().is_none() {
        store::unsettled::unlist(tx, visit.id).await?;
    }
    Ok(())
}

/// Tries again to settle the visits that may have waited for what has arrived. The books are locked.
pub async fn settle_waiting(tx: &mut Tx, arrived: Arrived) -> Result<()> {
    for visit in store::settlement::waiting(tx, arrived).await? {
        settle_visit(tx, &visit).await?;
    }
    Ok(())
}

/// Settles a visit that is not settled under its number, or lists what is missing. The books are locked.
async fn settle_visit(tx: &mut Tx, visit: &Visit) -> Result<()> {
    let fundings = store::funding::fundings(tx, visit.team_id).await?;
    let terms = store::known::terms(tx, visit.giver).await?;
    let rules = match terms_in_force(&terms, visit.planned_date).map(|terms| &terms.kind) {
        Some(TermsKind::Paid { circle_id, rule_name, .. }) => {
            store::rule::named(tx, *circle_id, rule_name).await?
        }
        _ => Vec::new(),
    };
    let outcome = settle(visit, Known { fundings: &fundings, terms: &terms, rules: &rules })?;
    let legs = match &outcome {
        Outcome::Missing(reason) => return store::unsettled::list(tx, visit.id, *reason).await,
        Outcome::Nothing => return store::unsettled::unlist(tx, visit.id).await,
        Outcome::Money(paid) => paid.legs(visit),
        Outcome::CareCoins(minutes) => {
            let holdings = store::ledger::lock_holdings(tx, visit.giver).await?;
            coins::earned(visit.circle_id, visit.giver, *minutes, holdings)
        }
        Outcome::Gift(_) => Vec::new(),
    };
    let transfer_id = post(tx, Code::Visit, visit.id, legs, None).await?;
    store::settlement::insert(tx, visit, &outcome, transfer_id).await?;
    store::unsettled::unlist(tx, visit.id).await
}

/// Takes a settlement back by a transfer that names the one it reverses. The books are locked.
async fn take_back(tx: &mut Tx, visit_id: VisitId, settlement_no: i64) -> Result<()> {
    let settled =
        store::settlement::find(tx, visit_id, settlement_no).await?.ok_or_else(|| Error::Inconsistent {
            table: "settlement",
            row: visit_id.to_string(),
            problem: "the settlement to take back is gone".into(),
        })?;
    let legs = match (&settled.outcome, settled.transfer_id) {
        (Outcome::Money(paid), Some(_)) => turned(&paid.legs(&settled.visit))?,
        (Outcome::CareCoins(minutes), Some(_)) => {
            let holdings = store::ledger::lock_holdings(tx, settled.visit.giver).await?;
            coins::taken_back(settled.visit.circle_id, settled.visit.giver, *minutes, holdings)
        }
        _ => Vec::new(),
    };
    let transfer_id = post(tx, Code::VisitReversed, visit_id, legs, settled.transfer_id).await?;
    store::settlement::insert_reversal(tx, visit_id, settlement_no, transfer_id).await
}

/// Posts a visit's legs, where anything moves at all.
async fn post(
    tx: &mut Tx,
    code: Code,
    visit_id: VisitId,
    legs: Vec<Leg>,
    reverses: Option<TransferId>,
) -> Result<Option<TransferId>> {
    if legs.is_empty() {
        return Ok(None);
    }
    let mut transfer = Transfer::new(tx.new_id(), code, legs)?.about(visit_id);
    if let Some(earlier) = reverses {
        transfer = transfer.reversing(earlier);
    }
    store::ledger::post(tx, &transfer).await?;
    Ok(Some(transfer.id()))
}

/// Lists the settled visits from a day that were settled under another rule than the one that now governs their day,
/// for a person to correct; takes those off the list that agree again. Nothing posted is changed. The books are locked.
pub async fn compare_with_rules(tx: &mut Tx, circle_id: CircleId, name: &str, from: NaiveDate) -> Result<()> {
    let rules = store::rule::named(tx, circle_id, name).await?;
    let (mut differ, mut agree) = (Vec::new(), Vec::new());
    for settled in store::settlement::under_rule(tx, circle_id, name, from).await? {
        let governing = rule::governing(&rules, circle_id, name, settled.planned_date).map(|rule| rule.id);
        if governing == Some(settled.rule_id) {
            agree.push(settled.visit_id);
        } else {
            differ.push(settled.visit_id);
        }
    }
    store::unsettled::list_all(tx, &differ, Unsettled::EarlierRule).await?;
    store::unsettled::unlist_all(tx, &agree, Unsettled::EarlierRule).await
}

/// Lists a giver's settled visits from a day that rest on other terms than are now known, and takes those off the list
/// that agree again. Nothing posted is changed. The books are locked.
pub async fn compare_with_terms(tx: &mut Tx, giver: PersonId, from: NaiveDate) -> Result<()> {
    let terms = store::known::terms(tx, giver).await?;
    let standing = store::settlement::standing(tx, None, Some(giver), from).await?;
    list_differing(tx, &standing, Unsettled::EarlierTerms, |settled| {
        agrees_with_terms(&settled.outcome, &terms, settled.visit.planned_date)
    })
    .await
}

/// Lists a Team's settled visits from a day that are shared otherwise than is now known, and takes those off the list that
/// agree again. Nothing posted is changed. The books are locked.
pub async fn compare_with_funding(tx: &mut Tx, team_id: TeamId, from: NaiveDate) -> Result<()> {
    let fundings = store::funding::fundings(tx, team_id).await?;
    let standing = store::settlement::standing(tx, Some(team_id), None, from).await?;
    list_differing(tx, &standing, Unsettled::EarlierFunding, |settled| {
        agrees_with_funding(&settled.outcome, &fundings, settled.visit.planned_date)
    })
    .await
}

async fn list_differing(
    tx: &mut Tx,
    standing: &[Settled],
    reason: Unsettled,
    agrees: impl Fn(&Settled) -> bool,
) -> Result<()> {
    let (agree, differ): (Vec<&Settled>, Vec<&Settled>) =
        standing.iter().partition(|settled| agrees(settled));
    let ids =
        |settled: Vec<&Settled>| settled.into_iter().map(|settled| settled.visit.id).collect::<Vec<_>>();
    store::unsettled::list_all(tx, &ids(differ), reason).await?;
    store::unsettled::unlist_all(tx, &ids(agree), reason).await
}
