//! Settling visits: exactly once per settlement number, corrected by reversal, never guessed.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::PersonId;

use crate::domain::hindsight::{agrees_with_funding, agrees_with_terms};
use crate::domain::ledger::{Code, Leg, Transfer, turned};
use crate::domain::settlement::{Outcome, Unsettled, Visit, next_step, settle};
use crate::domain::{CircleId, TeamId, TransferId, VisitId, coins, rule};
use crate::store;
use crate::store::heard::Heard;
use crate::store::posting::Posting;
use crate::store::settlement::{Arrived, Settled};

/// Takes in visits as they now stand, each once: settles them, takes earlier settlements back, or does nothing. What is
/// needed is loaded together and written together.
pub async fn visits_changed(tx: &mut Tx, visits: &[Visit]) -> Result<()> {
    let heard = store::heard::about(tx, visits).await?;
    let (mut due, mut over) = (Vec::new(), Vec::new());
    for visit in visits {
        let newest = heard.newest(visit.id);
        let step = next_step(visit, newest);
        if step.take_back
            && let Some(newest) = newest
        {
            take_back(tx, visit.id, newest.settlement_no).await?;
        }
        if step.settle {
            due.push(visit);
        } else if visit.minutes_due().is_none() {
            over.push(visit.id);
        }
    }
    settle_all(tx, due, &heard, Posting { noted: visits, over, ..Posting::default() }).await
}

/// Tries again to settle the visits that may have waited for what has arrived. The books are locked.
pub async fn settle_waiting(tx: &mut Tx, arrived: Arrived) -> Result<()> {
    let waiting = store::settlement::waiting(tx, arrived).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let heard = store::heard::about(tx, &waiting).await?;
    settle_all(tx, waiting.iter().collect(), &heard, Posting::default()).await
}

/// Settles visits that are not settled under their numbers and takes them off the list, or lists what is missing; writes what
/// there is to write besides. The books are locked.
async fn settle_all<'visit>(
    tx: &mut Tx,
    visits: Vec<&'visit Visit>,
    heard: &Heard,
    mut posting: Posting<'visit>,
) -> Result<()> {
    let mut missing = Vec::new();
    for visit in visits {
        let outcome = settle(visit, heard.known(visit))?;
        let transfer = match &outcome {
            Outcome::Missing(reason) => {
                missing.push((visit.id, *reason));
                continue;
            }
            Outcome::Nothing | Outcome::Gift(_) => None,
            Outcome::Money(paid) => transfer(tx, Code::Visit, visit.id, paid.legs(visit), None)?,
            Outcome::CareCoins(minutes) => {
                // What the wallet holds by now says what is earned back, so what comes before is written first.
                store::posting::write(tx, &std::mem::take(&mut posting)).await?;
                let holdings = store::ledger::lock_holdings(tx, visit.giver).await?;
                let legs = coins::earned(visit.circle_id, visit.giver, *minutes, holdings);
                transfer(tx, Code::Visit, visit.id, legs, None)?
            }
        };
        posting.over.push(visit.id);
        if outcome != Outcome::Nothing {
            posting.settled.push((visit, outcome, transfer.as_ref().map(Transfer::id)));
        }
        posting.transfers.extend(transfer);
    }
    store::posting::write(tx, &posting).await?;
    for (visit_id, reason) in missing {
        store::unsettled::list(tx, visit_id, reason).await?;
    }
    Ok(())
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
    let transfer = transfer(tx, Code::VisitReversed, visit_id, legs, settled.transfer_id)?;
    let transfer_id = transfer.as_ref().map(Transfer::id);
    let posting = Posting { transfers: transfer.into_iter().collect(), ..Posting::default() };
    store::posting::write(tx, &posting).await?;
    store::settlement::insert_reversal(tx, visit_id, settlement_no, transfer_id).await
}

/// The transfer of a visit's legs, where anything moves at all.
fn transfer(
    tx: &Tx,
    code: Code,
    visit_id: VisitId,
    legs: Vec<Leg>,
    reverses: Option<TransferId>,
) -> Result<Option<Transfer>> {
    if legs.is_empty() {
        return Ok(None);
    }
    let mut transfer = Transfer::new(tx.new_id(), code, legs)?.about(visit_id);
    if let Some(earlier) = reverses {
        transfer = transfer.reversing(earlier);
    }
    Ok(Some(transfer))
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
