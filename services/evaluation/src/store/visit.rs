//! Visits, as told by appointments.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::TeamId;
use crate::domain::continuity::{AgreedVisit, Month};
use crate::domain::visit::{State, Visit};

/// Writes visits as they are now, each of them once.
pub async fn put(tx: &mut Tx, visits: &[Visit]) -> Result<()> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.id.0).collect();
    let teams: Vec<Uuid> = visits.iter().map(|visit| visit.team.0).collect();
    let givers: Vec<Uuid> = visits.iter().map(|visit| visit.giver.0).collect();
    let planned: Vec<NaiveDateTime> = visits.iter().map(|visit| visit.occurrence_local).collect();
    let (states, agreed): (Vec<String>, Vec<Option<NaiveDate>>) =
        visits.iter().map(|visit| word_and_day(visit.state)).unzip();
    sqlx::query!(
        "insert into visit (tenant_id, visit_id, team_id, giver_person_id, occurrence_local, agreed_on, state)
         select $1, v.id, v.team, v.giver, v.planned, v.agreed_on, v.state
         from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamp[], $6::date[], $7::text[])
             as v (id, team, giver, planned, agreed_on, state)
         order by v.id
         on conflict on constraint visit_pk do update
             set team_id = excluded.team_id, giver_person_id = excluded.giver_person_id,
                 occurrence_local = excluded.occurrence_local, agreed_on = excluded.agreed_on, state = excluded.state",
        tenant.0,
        &ids,
        &teams,
        &givers,
        &planned,
        &agreed as &[Option<NaiveDate>],
        &states,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn word_and_day(state: State) -> (String, Option<NaiveDate>) {
    let (word, agreed_on) = match state {
        State::Planned => ("planned", None),
        State::Agreed { on } => ("agreed", Some(on)),
        State::Cancelled => ("cancelled", None),
        State::LateCancelled => ("late_cancelled", None),
        State::Missed => ("missed", None),
    };
    (word.to_owned(), agreed_on)
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
