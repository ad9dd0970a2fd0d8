//! A visit with what is known around it, read at once.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use sqlx::types::Json;

use super::visit::Row;
use crate::domain::facts::OnTheDay;
use crate::domain::giver::{Giver, Readiness, Terms};
use crate::domain::team::{Held, Team};
use crate::domain::visit::Visit;
use crate::domain::{CircleId, VisitId};

/// A visit, its Team, its giver, and the notice of its first planned local day.
#[derive(Clone, Debug)]
pub struct Around {
    pub visit: Visit,
    pub team: Option<Team>,
    pub giver: Giver,
    /// In elapsed hours.
    pub notice_hours: i64,
}

impl Around {
    /// The visit with its Team and what holds on its first planned local day; none where the Team is not known.
    pub fn whole(self) -> Option<(Visit, Team, OnTheDay)> {
        let Self { visit, team, giver, notice_hours } = self;
        let team = team?;
        let on_the_day = OnTheDay {
            settlement: giver.settlement_on(visit.day()),
            promise_holds: team.promise_holds_on(visit.day()),
            notice_hours,
        };
        Some((visit, team, on_the_day))
    }
}

/// Selects visits with their Teams: the columns once, further ones and the rest of the statement where they are needed.
macro_rules! select {
    ($tx:expr, $which:expr, $more:tt, $($rest:tt)+) => {{
        let tenant = $tx.tenant();
        sqlx::query!(
            r#"select id, series_id, visit.team_id, giver_person_id, kind, occurrence_local, starts_local, time_zone,
                 wall_minutes, plan_starts_at, plan_ends_at, state, actual_starts_at, actual_ends_at, actual_by,
                 actual_accepted, settled_starts_at, settled_ends_at, settlement, settlement_no, cancelled_by,
                 cancelled_by_person_id, cancelled_at, cancellation_unconfirmed, move_starts_local, move_by,
                 cover_person_id, cover_by, brought_in, version,
                 t.owner_person_id as "owner_person_id?", t.circle_id as "circle_id?",
                 t.members as "members?: Json<Vec<Held>>", t.rota_holders as "rota_holders?: Json<Vec<Held>>",
                 t.promise_from"# + $more + "
             from visit
                 left join known_team t on t.tenant_id = visit.tenant_id and t.team_id = visit.team_id" + $($rest)+,
            tenant.0,
            $which
        )
        .fetch_all($tx.conn())
        .await?
    }};
}

/// The Team that came with a visit; none where it is not known.
macro_rules! team {
    ($row:ident) => {
        match ($row.owner_person_id, $row.circle_id, $row.members, $row.rota_holders) {
            (Some(owner), Some(circle_id), Some(members), Some(rota_holders)) => Some(Team {
                id: $row.team_id.into(),
                owner: PersonId(owner),
                circle_id: CircleId(circle_id),
                members: members.0,
                rota_holders: rota_holders.0,
                promise_from: $row.promise_from,
            }),
            _ => None,
        }
    };
}

/// The visit itself.
macro_rules! visit {
    ($row:ident) => {
        Visit::try_from(Row {
            id: $row.id,
            series_id: $row.series_id,
            team_id: $row.team_id,
            giver_person_id: $row.giver_person_id,
            kind: $row.kind,
            occurrence_local: $row.occurrence_local,
            starts_local: $row.starts_local,
            time_zone: $row.time_zone,
            wall_minutes: $row.wall_minutes,
            plan_starts_at: $row.plan_starts_at,
            plan_ends_at: $row.plan_ends_at,
            state: $row.state,
            actual_starts_at: $row.actual_starts_at,
            actual_ends_at: $row.actual_ends_at,
            actual_by: $row.actual_by,
            actual_accepted: $row.actual_accepted,
            settled_starts_at: $row.settled_starts_at,
            settled_ends_at: $row.settled_ends_at,
            settlement: $row.settlement,
            settlement_no: $row.settlement_no,
            cancelled_by: $row.cancelled_by,
            cancelled_by_person_id: $row.cancelled_by_person_id,
            cancelled_at: $row.cancelled_at,
            cancellation_unconfirmed: $row.cancellation_unconfirmed,
            move_starts_local: $row.move_starts_local,
            move_by: $row.move_by,
            cover_person_id: $row.cover_person_id,
            cover_by: $row.cover_by,
            brought_in: $row.brought_in,
            version: $row.version,
        })
    };
}

/// Selects visits with all that is known around them.
macro_rules! select_around {
    ($tx:expr, $which:expr, $rest:tt) => {{
        let rows = select!(
            $tx,
            $which,
            r#", g.readiness as "readiness: Json<Readiness>", g.terms as "terms?: Json<Vec<Terms>>",
                 (select value from platform.setting
                     where name = 'cancellation_notice_hours' and valid_from <= occurrence_local::date
                     order by valid_from desc limit 1) as notice_hours"#,
            " left join known_giver g on g.tenant_id = visit.tenant_id and g.person_id = visit.giver_person_id
             where visit.tenant_id = $1 and " + $rest
        );
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let team = team!(row);
            let giver = Giver {
                person: PersonId(row.giver_person_id),
                readiness: row.readiness.map(|readiness| readiness.0),
                terms: row.terms.map_or_else(Vec::new, |terms| terms.0),
            };
            let notice_hours = row.notice_hours.ok_or_else(|| Error::Inconsistent {
                table: "platform.setting",
                row: "cancellation_notice_hours".into(),
                problem: format!("nothing holds on {}", row.occurrence_local.date()),
            })?;
            found.push(Around { visit: visit!(row)?, team, giver, notice_hours });
        }
        found
    }};
}

/// A visit with its Team alone: what looking at one takes.
pub async fn with_team(tx: &mut Tx, id: VisitId) -> Result<Option<(Visit, Team)>> {
    let mut rows = select!(tx, id.0, "", " where visit.tenant_id = $1 and id = $2");
    let Some(row) = rows.pop() else { return Ok(None) };
    let team = team!(row);
    let visit = visit!(row)?;
    Ok(team.map(|team| (visit, team)))
}

/// Reads a visit with all of it in one round trip.
pub async fn load(tx: &mut Tx, id: VisitId) -> Result<Option<Around>> {
    Ok(select_around!(tx, id.0, "id = $2").pop())
}

/// The same with the visit locked until the end of the transaction, where the command has one.
pub async fn load_for_update(tx: &mut Tx, id: VisitId) -> Result<Option<Around>> {
    if !tx.locks() {
        return load(tx, id).await;
    }
    Ok(select_around!(tx, id.0, "id = $2 for update of visit").pop())
}

/// The same for several, locked in the order of their ids.
pub async fn load_all_for_update(tx: &mut Tx, ids: &[VisitId]) -> Result<Vec<Around>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Ok(select_around!(tx, &ids, "id = any($2) order by id for update of visit"))
}
