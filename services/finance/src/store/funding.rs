//! Payers and funding.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::id::{TenantId, Uuid};
use sqlx::PgConnection;

use crate::domain::funding::{Funding, Payer, PayerKind};
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
        let kind = PayerKind::from_word(&row.kind).ok_or_else(|| Error::Inconsistent {
            table: "payer",
            row: row.id.to_string(),
            problem: format!("kind {} is not known", row.kind),
        })?;
        Ok(Self {
            id: PayerId(row.id),
            team_id: TeamId(row.team_id),
            kind,
            billing_name: row.billing_name,
            billing_address: row.billing_address,
        })
    }
}

/// Adds a payer.
pub async fn insert_payer(
    db: &mut PgConnection,
    tenant: TenantId,
    payer: &Payer,
    created_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into payer (tenant_id, id, team_id, kind, billing_name, billing_address, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        payer.id.0,
        payer.team_id.0,
        payer.kind.word(),
        payer.billing_name,
        payer.billing_address,
        created_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A payer by id.
pub async fn payer(db: &mut PgConnection, tenant: TenantId, id: PayerId) -> Result<Option<Payer>> {
    let row = sqlx::query_as!(
        PayerRow,
        "select id, team_id, kind, billing_name, billing_address from payer where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    row.map(Payer::try_from).transpose()
}

/// The payers of a Team in the order in which they were added.
pub async fn payers(db: &mut PgConnection, tenant: TenantId, team_id: TeamId) -> Result<Vec<Payer>> {
    let rows = sqlx::query_as!(
        PayerRow,
        "select id, team_id, kind, billing_name, billing_address from payer
         where tenant_id = $1 and team_id = $2 order by created_at, id",
        tenant.0,
        team_id.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Payer::try_from).collect()
}

/// Adds a funding with its shares.
pub async fn insert_funding(
    db: &mut PgConnection,
    tenant: TenantId,
    funding: &Funding,
    created_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into funding (tenant_id, id, team_id, valid_from, created_at) values ($1, $2, $3, $4, $5)",
        tenant.0,
        funding.id.0,
        funding.team_id.0,
        funding.valid_from,
        created_at
    )
    .execute(&mut *db)
    .await?;
    for (place, share) in (0..).zip(funding.shares.as_slice()) {
        sqlx::query!(
            "insert into funding_share (tenant_id, funding_id, place, team_id, payer_id, share_bp)
             values ($1, $2, $3, $4, $5, $6)",
            tenant.0,
            funding.id.0,
            place,
            funding.team_id.0,
            share.payer.0,
            share.share_bp
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

struct ShareRow {
    id: Uuid,
    team_id: Uuid,
    valid_from: NaiveDate,
    payer_id: Uuid,
    share_bp: i64,
}

/// Puts rows that stand in the order of fundings and places together.
fn together(rows: Vec<ShareRow>) -> Result<Vec<Funding>> {
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
pub async fn funding(db: &mut PgConnection, tenant: TenantId, id: FundingId) -> Result<Option<Funding>> {
    let rows = sqlx::query_as!(
        ShareRow,
        "select funding.id, funding.team_id, funding.valid_from, share.payer_id, share.share_bp
         from funding
         join funding_share share on share.tenant_id = funding.tenant_id and share.funding_id = funding.id
         where funding.tenant_id = $1 and funding.id = $2 order by share.place",
        tenant.0,
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(together(rows)?.pop())
}

/// The fundings of a Team in the order in which they were added.
pub async fn fundings(db: &mut PgConnection, tenant: TenantId, team_id: TeamId) -> Result<Vec<Funding>> {
    let rows = sqlx::query_as!(
        ShareRow,
        "select funding.id, funding.team_id, funding.valid_from, share.payer_id, share.share_bp
         from funding
         join funding_share share on share.tenant_id = funding.tenant_id and share.funding_id = funding.id
         where funding.tenant_id = $1 and funding.team_id = $2
         order by funding.created_at, funding.id, share.place",
        tenant.0,
        team_id.0
    )
    .fetch_all(db)
    .await?;
    together(rows)
}
