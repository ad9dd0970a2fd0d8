//! Payers and funding.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::Uuid;
use serde::Deserialize;

use super::words;
use crate::domain::funding::{Funding, Payer};
use crate::domain::share::{Share, Shares};
use crate::domain::{FundingId, PayerId, TeamId};

struct PayerRow {
    id: Uuid,
    team_id: Uuid,
    kind: String,
    billing_name: String,
    billing_address: String,
}

impl TryFrom<PayerRow> for Payer {
    type Error = Error;

    fn try_from(row: PayerRow) -> Result<Self> {
        Ok(Self {
            id: PayerId(row.id),
            team_id: TeamId(row.team_id),
            kind: words::payer_kind(&row.kind, row.id)?,
            billing_name: row.billing_name,
            billing_address: row.billing_address,
        })
    }
}

/// Adds a payer.
pub async fn insert_payer(tx: &mut Tx, payer: &Payer) -> Result<()> {
    let (tenant, created_at) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into payer (tenant_id, id, team_id, kind, billing_name, billing_address, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        payer.id.0,
        payer.team_id.0,
        words::payer_kind_word(payer.kind),
        payer.billing_name,
        payer.billing_address,
        created_at
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "payer_pk", || Common::Contended))?;
    Ok(())
}

/// A payer by id.
pub async fn payer(tx: &mut Tx, id: PayerId) -> Result<Option<Payer>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        PayerRow,
        "select id, team_id, kind, billing_name, billing_address from payer where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Payer::try_from).transpose()
}

/// The payers of a Team in the order in which they were added.
pub async fn payers(tx: &mut Tx, team_id: TeamId) -> Result<Vec<Payer>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        PayerRow,
        "select id, team_id, kind, billing_name, billing_address from payer
         where tenant_id = $1 and team_id = $2 order by added",
        tenant.0,
        team_id.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Payer::try_from).collect()
}

/// Payers by their ids.
pub async fn payers_by_id(tx: &mut Tx, ids: &[PayerId]) -> Result<Vec<Payer>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        PayerRow,
        "select id, team_id, kind, billing_name, billing_address from payer where tenant_id = $1 and id = any($2)",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Payer::try_from).collect()
}

/// Adds a funding with its shares.
pub async fn insert_funding(tx: &mut Tx, funding: &Funding) -> Result<()> {
    let (tenant, created_at) = (tx.tenant(), tx.now());
    let shares = funding.shares.as_slice();
    let payers: Vec<Uuid> = shares.iter().map(|share| share.payer.0).collect();
    let share_bps: Vec<i64> = shares.iter().map(|share| share.share_bp).collect();
    sqlx::query!(
        "with added as (
             insert into funding (tenant_id, id, team_id, valid_from, created_at) values ($1, $2, $3, $4, $5)
         )
         insert into funding_share (tenant_id, funding_id, place, team_id, payer_id, share_bp)
         select $1, $2, place, $3, payer_id, share_bp
         from unnest($6::uuid[], $7::bigint[]) with ordinality as share (payer_id, share_bp, place)",
        tenant.0,
        funding.id.0,
        funding.team_id.0,
        funding.valid_from,
        created_at,
        &payers,
        &share_bps
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "funding_pk", || Common::Contended))?;
    Ok(())
}

#[derive(Debug, Deserialize)]
pub(super) struct ShareRow {
    id: Uuid,
    team_id: Uuid,
    valid_from: NaiveDate,
    payer_id: Uuid,
    share_bp: i64,
}

/// Puts rows that stand in the order of fundings and places together.
pub(super) fn together(rows: Vec<ShareRow>) -> Result<Vec<Funding>> {
    let mut fundings = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while let Some(first) = rows.next() {
        let mut shares = vec![Share { payer: PayerId(first.payer_id), share_bp: first.share_bp }];
        while let Some(row) = rows.next_if(|row| row.id == first.id) {
            shares.push(Share { payer: PayerId(row.payer_id), share_bp: row.share_bp });
        }
        let shares = Shares::new(shares).map_err(|refused| Error::Inconsistent {
            table: "funding",
            row: first.id.to_string(),
            problem: refused.to_string(),
        })?;
        fundings.push(Funding {
            id: FundingId(first.id),
            team_id: TeamId(first.team_id),
            valid_from: first.valid_from,
            shares,
        });
    }
    Ok(fundings)
}

/// A funding by id.
pub async fn funding(tx: &mut Tx, id: FundingId) -> Result<Option<Funding>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ShareRow,
        "select funding.id, funding.team_id, funding.valid_from, share.payer_id, share.share_bp
         from funding
         join funding_share share on share.tenant_id = funding.tenant_id and share.funding_id = funding.id
         where funding.tenant_id = $1 and funding.id = $2 order by share.place",
        tenant.0,
        id.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(together(rows)?.pop())
}

/// The fundings of a Team in the order in which they were added.
pub async fn fundings(tx: &mut Tx, team_id: TeamId) -> Result<Vec<Funding>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ShareRow,
        "select funding.id, funding.team_id, funding.valid_from, share.payer_id, share.share_bp
         from funding
         join funding_share share on share.tenant_id = funding.tenant_id and share.funding_id = funding.id
         where funding.tenant_id = $1 and funding.team_id = $2
         order by funding.added, share.place",
        tenant.0,
        team_id.0
    )
    .fetch_all(tx.conn())
    .await?;
    together(rows)
}
