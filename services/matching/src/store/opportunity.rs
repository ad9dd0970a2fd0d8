//! Opportunities.

use chrono::{DateTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::Uuid;

use super::{outward_code, texts};
use crate::domain::opportunity::{Opportunity, RadiusKm};
use crate::domain::place::OutwardCode;
use crate::domain::{OpportunityId, TeamId};

struct OpportunityRow {
    id: Uuid,
    team_id: Uuid,
    outward_code: String,
    radius_km: i32,
    paid: bool,
    open: bool,
    opened_at: DateTime<Utc>,
}

impl TryFrom<OpportunityRow> for Opportunity {
    type Error = Error;

    fn try_from(row: OpportunityRow) -> Result<Self> {
        let radius = RadiusKm::parse(row.radius_km).map_err(|problem| Error::Inconsistent {
            table: "opportunity",
            row: row.id.to_string(),
            problem: format!("its radius {problem}"),
        })?;
        Ok(Self {
            id: OpportunityId(row.id),
            team_id: TeamId(row.team_id),
            outward_code: outward_code(&row.outward_code, "opportunity", row.id)?,
            radius,
            paid: row.paid,
            opened_at: row.opened_at,
            open: row.open,
        })
    }
}

/// Reads an opportunity.
pub async fn load(tx: &mut Tx, id: OpportunityId) -> Result<Option<Opportunity>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        OpportunityRow,
        "select id, team_id, outward_code, radius_km, paid, open, opened_at
         from opportunity where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Opportunity::try_from).transpose()
}

/// Reads the open opportunities in these places.
pub async fn open_in(tx: &mut Tx, places: &[OutwardCode]) -> Result<Vec<Opportunity>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        OpportunityRow,
        "select id, team_id, outward_code, radius_km, paid, open, opened_at
         from opportunity where tenant_id = $1 and open and outward_code = any($2)",
        tenant.0,
        &texts(places)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Opportunity::try_from).collect()
}

/// Writes a new opportunity. An id that another one took at the same moment is refused.
pub async fn insert(tx: &mut Tx, opportunity: &Opportunity) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into opportunity
             (tenant_id, id, team_id, outward_code, radius_km, paid, open, opened_at, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        opportunity.id.0,
        opportunity.team_id.0,
        opportunity.outward_code.as_str(),
        i32::try_from(opportunity.radius.kilometres()).map_err(Error::internal)?,
        opportunity.paid,
        opportunity.open,
        opportunity.opened_at,
        now,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "opportunity_pk", || Common::IdExists))?;
    Ok(())
}

/// Closes an opportunity; whether it was open.
pub async fn close(tx: &mut Tx, id: OpportunityId) -> Result<bool> {
    let tenant = tx.tenant();
    let closed = sqlx::query!(
        "update opportunity set open = false where tenant_id = $1 and id = $2 and open",
        tenant.0,
        id.0
    )
    .execute(tx.conn())
    .await?;
    Ok(closed.rows_affected() == 1)
}
