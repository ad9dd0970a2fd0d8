//! The list of visits that wait for something, or that a person should look at.

use chrono::NaiveDate;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};
use sqlx::PgConnection;

use crate::domain::settlement::Unsettled;
use crate::domain::{CircleId, TeamId, VisitId};

/// Lists a visit, or gives another reason for its being listed.
pub async fn list(
    db: &mut PgConnection,
    tenant: TenantId,
    visit_id: VisitId,
    reason: Unsettled,
) -> Result<()> {
    let listed = sqlx::query!(
        "insert into unsettled_visit
             (tenant_id, visit_id, team_id, circle_id, giver_person_id, planned_date, reason)
         select tenant_id, visit_id, team_id, circle_id, giver_person_id, planned_date, $3
         from visit where tenant_id = $1 and visit_id = $2
         on conflict (tenant_id, visit_id) do update set
             team_id = excluded.team_id, circle_id = excluded.circle_id, giver_person_id = excluded.giver_person_id,
             planned_date = excluded.planned_date, reason = excluded.reason",
        tenant.0,
        visit_id.0,
        reason.word()
    )
    .execute(db)
    .await?;
    if listed.rows_affected() == 1 { Ok(()) } else { Err(Error::NotFound("visit")) }
}

/// Takes a visit off the list, whatever it was listed for; where `only` is given, only if that is the reason.
pub async fn unlist(
    db: &mut PgConnection,
    tenant: TenantId,
    visit_id: VisitId,
    only: Option<Unsettled>,
) -> Result<()> {
    sqlx::query!(
        "delete from unsettled_visit where tenant_id = $1 and visit_id = $2 and ($3::text is null or reason = $3)",
        tenant.0,
        visit_id.0,
        only.map(Unsettled::word)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A listed visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub visit_id: VisitId,
    /// Of which Team.
    pub team_id: TeamId,
    /// Whose support.
    pub giver: PersonId,
    /// Planned local day.
    pub planned_date: NaiveDate,
    /// Why.
    pub reason: Unsettled,
}

/// A page of listed visits of a Team or of a Circle by planned day, after the one given.
pub async fn page(
    db: &mut PgConnection,
    tenant: TenantId,
    team_id: Option<TeamId>,
    circle_id: Option<CircleId>,
    after: Option<(NaiveDate, Uuid)>,
    limit: i64,
) -> Result<Vec<Listed>> {
    let (day, visit_id) = after.unzip();
    let rows = sqlx::query!(
        "select visit_id, team_id, giver_person_id, planned_date, reason from unsettled_visit
         where tenant_id = $1 and ($2::uuid is null or team_id = $2) and ($3::uuid is null or circle_id = $3)
           and ($4::date is null or (planned_date, visit_id) > ($4, $5))
         order by planned_date, visit_id limit $6",
        tenant.0,
        team_id.map(Uuid::from),
        circle_id.map(Uuid::from),
        day,
        visit_id,
        limit
    )
    .fetch_all(db)
    .await?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        let reason = Unsettled::from_word(&row.reason).ok_or_else(|| Error::Inconsistent {
            table: "unsettled_visit",
            row: row.visit_id.to_string(),
            problem: format!("reason {} is not known", row.reason),
        })?;
        listed.push(Listed {
            visit_id: VisitId(row.visit_id),
            team_id: TeamId(row.team_id),
            giver: PersonId(row.giver_person_id),
            planned_date: row.planned_date,
            reason,
        });
    }
    Ok(listed)
}
