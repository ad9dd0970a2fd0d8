//! Payers, and how they share a Team's visits.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result, Violation};

use super::settlement;
use super::standing::require_for_team;
use crate::domain::funding::{Funding, Payer, PayerKind};
use crate::domain::share::Shares;
use crate::domain::{FundingId, PayerId, TeamId};
use crate::policy::Action;
use crate::store;
use crate::store::settlement::Arrived;

/// Adds a payer.
#[derive(Clone, Debug)]
pub struct AddPayer {
    pub id: Option<PayerId>,
    pub team_id: TeamId,
    pub kind: PayerKind,
    pub billing_name: String,
    pub billing_address: String,
}

/// Adds a payer of a Team. The same client-made id with the same content answers the payer that exists.
pub async fn add_payer(tx: &mut Tx, command: AddPayer) -> Result<Payer> {
    require_for_team(tx, Action::AddPayer, command.team_id).await?;
    let payer = Payer {
        id: command.id.unwrap_or_else(|| tx.new_id()),
        team_id: command.team_id,
        kind: command.kind,
        billing_name: command.billing_name,
        billing_address: command.billing_address,
    };
    if let Some(existing) = store::funding::payer(tx, payer.id).await? {
        return if existing == payer { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    store::funding::insert_payer(tx, &payer).await?;
    Ok(payer)
}

/// Sets how payers share from a date.
#[derive(Clone, Debug)]
pub struct Set {
    pub id: Option<FundingId>,
    pub team_id: TeamId,
    pub valid_from: NaiveDate,
    pub shares: Shares,
}

/// Sets how payers share a Team's visits from a date, settles the visits that waited for it, and lists those that
/// were shared otherwise. The same client-made id with the same content answers the funding that exists.
pub async fn set(tx: &mut Tx, command: Set) -> Result<Funding> {
    require_for_team(tx, Action::SetFunding, command.team_id).await?;
    let funding = Funding {
        id: command.id.unwrap_or_else(|| tx.new_id()),
        team_id: command.team_id,
        valid_from: command.valid_from,
        shares: command.shares,
    };
    store::ledger::lock_books(tx).await?;
    if let Some(existing) = store::funding::funding(tx, funding.id).await? {
        return if existing == funding { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    let payers = store::funding::payers(tx, funding.team_id).await?;
    let mut unknown = Vec::new();
    for (place, share) in funding.shares.as_slice().iter().enumerate() {
        if !payers.iter().any(|payer| payer.id == share.payer) {
            unknown.push(Violation {
                field: format!("funding.shares[{place}].payer_id"),
                description: "is not a payer of this team".into(),
            });
        }
    }
    if !unknown.is_empty() {
        return Err(Error::Invalid(unknown));
    }
    store::funding::insert_funding(tx, &funding).await?;
    settlement::settle_waiting(tx, Arrived::Funding(funding.team_id)).await?;
    settlement::compare_with_funding(tx, funding.team_id, funding.valid_from).await?;
    Ok(funding)
}

/// Lists the payers and the funding of a Team.
pub async fn list(tx: &mut Tx, team_id: TeamId) -> Result<(Vec<Payer>, Vec<Funding>)> {
    require_for_team(tx, Action::ListFunding, team_id).await?;
    let payers = store::funding::payers(tx, team_id).await?;
    let mut fundings = store::funding::fundings(tx, team_id).await?;
    fundings.sort_by_key(|funding| funding.valid_from);
    Ok((payers, fundings))
}
