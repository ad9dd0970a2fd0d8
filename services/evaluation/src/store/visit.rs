//! Visits, as told by appointments.

use chrono::NaiveTime;
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use crate::domain::TeamId;
use crate::domain::continuity::{AgreedVisit, Month};
use crate::domain::visit::{State, Visit};

/// Writes a visit as it is now.
pub async fn put(tx: &mut Tx, visit: &Visit) -> Result<()> {
    let tenant = tx.tenant();
    let (state, agreed_on) = match visit.state {
        State::Planned => ("planned", None),
        State::Agreed { on } => ("agreed", Some(on)),
        State::Cancelled => ("cancelled", None),
        State::LateCancelled => ("late_cancelled", None),
        State::Missed => ("missed", None),
    };
    sqlx::query!(
        "insert into visit (tenant_id, visit_id, team_id, giver_person_id, occurrence_local, agreed_on, state)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint visit_pk do update
             set team_id = $3, giver_person_id = $4, occurrence_local = $5, agreed_on = $6, state = $7",
        tenant.0,
        visit.id.0,
        visit.team.0,
        visit.giver.0,
        visit.occurrence_local,
        agreed_on,
        state,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The agreed visits of a Team whose originally planned local day lies in a month.
pub async fn agreed_of_month(tx: &mut Tx, team: TeamId, month: Month) -> Result<Vec<AgreedVisit>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select giver_person_id, agreed_on as "agreed_on!" from visit
           where tenant_id = $1 and team_id = $2 and occurrence_local >= $3 and occurrence_local < $4
               and state = 'agreed'"#,
        tenant.0,
        team.0,
        month.first_day().and_time(NaiveTime::MIN),
        month.next_first_day().and_time(NaiveTime::MIN),
    )
    .fetch_all(tx.conn())
    .await?;
    let visits = rows
        .into_iter()
        .map(|row| AgreedVisit { giver: PersonId(row.giver_person_id), local_day: row.agreed_on });
    Ok(visits.collect())
}
