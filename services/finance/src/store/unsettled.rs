//! The list of visits that wait for something, or that a person should look at.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::settlement::{Listed, Unsettled};
use crate::domain::{CircleId, TeamId, VisitId};

/// Lists a visit that waits for something, for this reason alone.
pub async fn list(tx: &mut Tx, visit_id: VisitId, reason: Unsettled) -> Result<()> {
    let tenant = tx.tenant();
    let listed = sqlx::query!(
        "with others as (
             delete from unsettled_visit where tenant_id = $1 and visit_id = $2 and reason <> $3
         )
         insert into unsettled_visit
             (tenant_id, visit_id, team_id, circle_id, giver_person_id, planned_date, reason)
         select tenant_id, visit_id, team_id, circle_id, giver_person_id, planned_date, $3
         from visit where tenant_id = $1 and visit_id = $2
         on conflict on constraint unsettled_visit_pk do update set
             team_id = excluded.team_id, circle_id = excluded.circle_id, giver_person_id = excluded.giver_person_id,
             planned_date = excluded.planned_date",
        tenant.0,
        visit_id.0,
        words::unsettled_word(reason)
    )
    .execute(tx.conn())
    .await?;
    if listed.rows_affected() == 1 { Ok(()) } else { Err(Error::NotFound("visit")) }
}

/// Lists settled visits for one reason, beside any other that they are listed for.
pub async fn list_all(tx: &mut Tx, visits: &[VisitId], reason: Unsettled) -> Result<()> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.0).collect();
    sqlx::query!(
        "insert into unsettled_visit
             (tenant_id, visit_id, team_id, circle_id, giver_person_id, planned_date, reason)
         select tenant_id, visit_id, team_id, circle_id, giver_person_id, planned_date, $3
         from visit where tenant_id = $1 and visit_id = any($2)
         on conflict on constraint unsettled_visit_pk do nothing",
        tenant.0,
        &ids,
        words::unsettled_word(reason)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes visits off the list that were listed for that reason.
pub async fn unlist_all(tx: &mut Tx, visits: &[VisitId], reason: Unsettled) -> Result<()> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.0).collect();
    sqlx::query!(
        "delete from unsettled_visit where tenant_id = $1 and visit_id = any($2) and reason = $3",
        tenant.0,
        &ids,
        words::unsettled_word(reason)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A reason as it stands in the table, and in the token of a page.
pub fn word(reason: Unsettled) -> &'static str {
    words::unsettled_word(reason)
}

/// A page of listed visits of a Team or of a Circle by planned day, one more than the page holds.
pub async fn page(
    tx: &mut Tx,
    team_id: Option<TeamId>,
    circle_id: Option<CircleId>,
    page: &Page<(NaiveDate, Uuid, String)>,
) -> Result<Vec<Listed>> {
    let tenant = tx.tenant();
    let (day, visit_id, reason) = match &page.after {
        Some((day, visit_id, reason)) => (Some(*day), Some(*visit_id), Some(reason.as_str())),
        None => (None, None, None),
    };
    let rows = sqlx::query!(
        "select visit_id, team_id, giver_person_id, planned_date, reason from unsettled_visit
         where tenant_id = $1 and ($2::uuid is null or team_id = $2) and ($3::uuid is null or circle_id = $3)
           and ($4::date is null or (planned_date, visit_id, reason) > ($4, $5, $6))
         order by planned_date, visit_id, reason limit $7",
        tenant.0,
        team_id.map(Uuid::from),
        circle_id.map(Uuid::from),
        day,
        visit_id,
        reason,
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        listed.push(Listed {
            visit_id: VisitId(row.visit_id),
            team_id: TeamId(row.team_id),
            giver: PersonId(row.giver_person_id),
            planned_date: row.planned_date,
            reason: words::unsettled(&row.reason, row.visit_id)?,
        });
    }
    Ok(listed)
}
