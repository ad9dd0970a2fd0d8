//! Visits.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::local::zone;
use kith_platform::page::Page;

use super::known;
use crate::domain::facts::{Actual, Cancellation, ProposedCover, ProposedMove, Settled};
use crate::domain::pattern::{Period, Window};
use crate::domain::visit::Visit;
use crate::domain::{Actor, SeriesId, Settlement, Side, TeamId, VisitId, VisitKind, VisitState};

/// A visit as it is stored.
pub(super) struct Row {
    pub id: Uuid,
    pub series_id: Uuid,
    pub team_id: Uuid,
    pub giver_person_id: Uuid,
    pub kind: String,
    pub occurrence_local: NaiveDateTime,
    pub starts_local: NaiveDateTime,
    pub time_zone: String,
    pub wall_minutes: i32,
    pub plan_starts_at: DateTime<Utc>,
    pub plan_ends_at: DateTime<Utc>,
    pub state: String,
    pub actual_starts_at: Option<DateTime<Utc>>,
    pub actual_ends_at: Option<DateTime<Utc>>,
    pub actual_by: Option<String>,
    pub actual_accepted: bool,
    pub settled_starts_at: Option<DateTime<Utc>>,
    pub settled_ends_at: Option<DateTime<Utc>>,
    pub settlement: Option<String>,
    pub settlement_no: i64,
    pub cancelled_by: Option<String>,
    pub cancelled_by_person_id: Option<Uuid>,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub cancellation_unconfirmed: bool,
    pub move_starts_local: Option<NaiveDateTime>,
    pub move_by: Option<String>,
    pub cover_person_id: Option<Uuid>,
    pub cover_by: Option<String>,
    pub brought_in: bool,
    pub version: i64,
}

/// Selects visits: the columns once, the rest of the statement where it is needed.
macro_rules! select {
    ($rest:tt $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "select id, series_id, team_id, giver_person_id, kind, occurrence_local, starts_local, time_zone,
                 wall_minutes, plan_starts_at, plan_ends_at, state, actual_starts_at, actual_ends_at, actual_by,
                 actual_accepted, settled_starts_at, settled_ends_at, settlement, settlement_no, cancelled_by,
                 cancelled_by_person_id, cancelled_at, cancellation_unconfirmed, move_starts_local, move_by,
                 cover_person_id, cover_by, brought_in, version
             from visit " + $rest
            $(, $value)*
        )
    };
}

impl TryFrom<Row> for Visit {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let side = |word: &Option<String>, column: &str| match word {
            Some(word) => known(Side::from_word(word), "visit", row.id, column).map(Some),
            None => Ok(None),
        };
        let period = |starts_at: Option<DateTime<Utc>>, ends_at: Option<DateTime<Utc>>| {
            starts_at.zip(ends_at).map(|(starts_at, ends_at)| Period { starts_at, ends_at })
        };
        let actual = period(row.actual_starts_at, row.actual_ends_at).zip(side(&row.actual_by, "actual_by")?);
        let settlement = match &row.settlement {
            Some(word) => Some(known(Settlement::from_word(word), "visit", row.id, "settlement")?),
            None => None,
        };
        let settled = period(row.settled_starts_at, row.settled_ends_at).zip(settlement);
        let cancelled_by = side(&row.cancelled_by, "cancelled_by")?.zip(row.cancelled_by_person_id);
        let proposed_move = row.move_starts_local.zip(side(&row.move_by, "move_by")?);
        let proposed_cover = row.cover_person_id.zip(side(&row.cover_by, "cover_by")?);
        Ok(Self {
            id: VisitId(row.id),
            series_id: SeriesId(row.series_id),
            team_id: TeamId(row.team_id),
            giver: PersonId(row.giver_person_id),
            kind: known(VisitKind::from_word(&row.kind), "visit", row.id, "kind")?,
            occurrence_local: row.occurrence_local,
            starts_local: row.starts_local,
            zone: known(zone(&row.time_zone), "visit", row.id, "time_zone")?,
            wall_minutes: row.wall_minutes,
            plan: Period { starts_at: row.plan_starts_at, ends_at: row.plan_ends_at },
            state: known(VisitState::from_word(&row.state), "visit", row.id, "state")?,
            actual: actual.map(|(period, by)| Actual { period, by, accepted: row.actual_accepted }),
            settled: settled.map(|(period, settlement)| Settled { period, settlement }),
            settlement_no: row.settlement_no,
            cancellation: cancelled_by.zip(row.cancelled_at).map(|((side, person), occurred_at)| {
                Cancellation {
                    by: Actor { person: PersonId(person), side },
                    occurred_at,
                    awaits_confirmation: row.cancellation_unconfirmed,
                }
            }),
            proposed_move: proposed_move.map(|(starts_local, by)| ProposedMove { starts_local, by }),
            proposed_cover: proposed_cover.map(|(giver, by)| ProposedCover { giver: PersonId(giver), by }),
            brought_in: row.brought_in,
            version: row.version,
        })
    }
}

fn midnight(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::MIN)
}

/// A visit.
pub async fn load(tx: &mut Tx, id: VisitId) -> Result<Option<Visit>> {
    let tenant = tx.tenant();
    let row = select!("where tenant_id = $1 and id = $2", tenant.0, id.0).fetch_optional(tx.conn()).await?;
    row.map(Visit::try_from).transpose()
}

/// The visits of a series within a window, by occurrence.
pub async fn of_series(tx: &mut Tx, series: SeriesId, window: Window) -> Result<Vec<Visit>> {
    let tenant = tx.tenant();
    let rows = select!(
        "where tenant_id = $1 and series_id = $2 and occurrence_local >= $3 and occurrence_local < $4
         order by occurrence_local",
        tenant.0,
        series.0,
        midnight(window.from()),
        midnight(window.until())
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Visit::try_from).collect()
}

/// Which visits a list shows: first planned within a window, in one of these states (all where none is named).
#[derive(Clone, Debug)]
pub struct Filter {
    pub window: Window,
    pub states: Vec<VisitState>,
    pub page: Page<(NaiveDateTime, Uuid)>,
}

/// Lists the visits of a Team, by their first planned start; one more than the page holds.
pub async fn list_of_team(tx: &mut Tx, team: TeamId, list: &Filter) -> Result<Vec<Visit>> {
    let tenant = tx.tenant();
    let (after_local, after_id) = list.page.after.unzip();
    let rows = select!(
        "where tenant_id = $1 and team_id = $2 and occurrence_local >= $3 and occurrence_local < $4
             and (cardinality($5::text[]) = 0 or state = any ($5))
             and ($6::timestamp is null or (occurrence_local, id) > ($6, $7::uuid))
         order by occurrence_local, id limit $8",
        tenant.0,
        team.0,
        midnight(list.window.from()),
        midnight(list.window.until()),
        &words(&list.states),
        after_local,
        after_id,
        list.page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Visit::try_from).collect()
}

/// Lists the visits of a giver and those that they are asked to cover, by their first planned start; one more than the page holds.
pub async fn list_of_giver(tx: &mut Tx, giver: PersonId, list: &Filter) -> Result<Vec<Visit>> {
    let tenant = tx.tenant();
    let (after_local, after_id) = list.page.after.unzip();
    let rows = select!(
        "where tenant_id = $1 and (giver_person_id = $2 or cover_person_id = $2) and occurrence_local >= $3 and occurrence_local < $4
             and (cardinality($5::text[]) = 0 or state = any ($5))
             and ($6::timestamp is null or (occurrence_local, id) > ($6, $7::uuid))
         order by occurrence_local, id limit $8",
        tenant.0,
        giver.0,
        midnight(list.window.from()),
        midnight(list.window.until()),
        &words(&list.states),
        after_local,
        after_id,
        list.page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Visit::try_from).collect()
}

/// Visits that somebody is to give from a moment on, and those that they are asked to cover, in the order in which they
/// are locked.
pub async fn ahead_of(tx: &mut Tx, person: PersonId, moment: DateTime<Utc>) -> Result<Vec<VisitId>> {
    let tenant = tx.tenant();
    let visits = sqlx::query_scalar!(
        "select id from visit where tenant_id = $1 and (cover_person_id = $2
             or (giver_person_id = $2 and state = 'planned' and plan_starts_at >= $3)) order by id",
        tenant.0,
        person.0,
        moment
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(visits.into_iter().map(VisitId).collect())
}

fn words(states: &[VisitState]) -> Vec<String> {
    states.iter().map(|state| state.word().to_owned()).collect()
}

/// Writes new visits of one series.
pub async fn insert(tx: &mut Tx, visits: &[Visit]) -> Result<()> {
    let tenant = tx.tenant();
    let Some(first) = visits.first() else {
        return Ok(());
    };
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.id.0).collect();
    let locals: Vec<NaiveDateTime> = visits.iter().map(|visit| visit.occurrence_local).collect();
    let starts: Vec<DateTime<Utc>> = visits.iter().map(|visit| visit.plan.starts_at).collect();
    let ends: Vec<DateTime<Utc>> = visits.iter().map(|visit| visit.plan.ends_at).collect();
    sqlx::query!(
        "insert into visit (tenant_id, id, series_id, team_id, giver_person_id, kind, occurrence_local, starts_local,
             time_zone, wall_minutes, plan_starts_at, plan_ends_at, state, actual_accepted, settlement_no,
             cancellation_unconfirmed, brought_in, version)
         select $1, id, $2, $3, $4, $5, local, local, $6, $7, starts_at, ends_at, $8, false, 0, false, $9, 1
         from unnest($10::uuid[], $11::timestamp[], $12::timestamptz[], $13::timestamptz[])
             as planned (id, local, starts_at, ends_at)",
        tenant.0,
        first.series_id.0,
        first.team_id.0,
        first.giver.0,
        first.kind.word(),
        first.zone.name(),
        first.wall_minutes,
        VisitState::Planned.word(),
        first.brought_in,
        &ids,
        &locals,
        &starts,
        &ends
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes what transitions change.
pub async fn save(tx: &mut Tx, visit: &mut Visit) -> Result<()> {
    let tenant = tx.tenant();
    let actual = visit.actual;
    let settled = visit.settled;
    let cancellation = visit.cancellation;
    let change = sqlx::query!(
        "update visit set version = $3 + 1, giver_person_id = $4, starts_local = $5, plan_starts_at = $6,
             plan_ends_at = $7, state = $8, actual_starts_at = $9, actual_ends_at = $10, actual_by = $11,
             actual_accepted = $12, settled_starts_at = $13, settled_ends_at = $14, settlement = $15,
             settlement_no = $16, cancelled_by = $17, cancelled_by_person_id = $18, cancelled_at = $19,
             cancellation_unconfirmed = $20, move_starts_local = $21, move_by = $22, cover_person_id = $23,
             cover_by = $24, brought_in = $25
         where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        visit.id.0,
        visit.version,
        visit.giver.0,
        visit.starts_local,
        visit.plan.starts_at,
        visit.plan.ends_at,
        visit.state.word(),
        actual.map(|actual| actual.period.starts_at),
        actual.map(|actual| actual.period.ends_at),
        actual.map(|actual| actual.by.word()),
        actual.is_some_and(|actual| actual.accepted),
        settled.map(|settled| settled.period.starts_at),
        settled.map(|settled| settled.period.ends_at),
        settled.map(|settled| settled.settlement.word()),
        visit.settlement_no,
        cancellation.map(|earlier| earlier.by.side.word()),
        cancellation.map(|earlier| earlier.by.person.0),
        cancellation.map(|earlier| earlier.occurred_at),
        cancellation.is_some_and(|earlier| earlier.awaits_confirmation),
        visit.proposed_move.map(|proposal| proposal.starts_local),
        visit.proposed_move.map(|proposal| proposal.by.word()),
        visit.proposed_cover.map(|proposal| proposal.giver.0),
        visit.proposed_cover.map(|proposal| proposal.by.word()),
        visit.brought_in
    );
    tx.change_one(change).await?;
    visit.version += 1;
    Ok(())
}

/// The same for several at once, each of them another.
pub async fn save_all(tx: &mut Tx, visits: Vec<&mut Visit>) -> Result<()> {
    if visits.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.id.0).collect();
    let versions: Vec<i64> = visits.iter().map(|visit| visit.version).collect();
    let givers: Vec<Uuid> = visits.iter().map(|visit| visit.giver.0).collect();
    let starts: Vec<NaiveDateTime> = visits.iter().map(|visit| visit.starts_local).collect();
    let plan_starts: Vec<DateTime<Utc>> = visits.iter().map(|visit| visit.plan.starts_at).collect();
    let plan_ends: Vec<DateTime<Utc>> = visits.iter().map(|visit| visit.plan.ends_at).collect();
    let states: Vec<String> = visits.iter().map(|visit| visit.state.word().to_owned()).collect();
    // Times and words that may be none, each column in the order of the visits.
    let time =
        |of: fn(&Visit) -> Option<DateTime<Utc>>| visits.iter().map(|visit| of(visit)).collect::<Vec<_>>();
    let word = |of: fn(&Visit) -> Option<&'static str>| {
        visits.iter().map(|visit| of(visit).map(str::to_owned)).collect::<Vec<_>>()
    };
    let person = |of: fn(&Visit) -> Option<PersonId>| {
        visits.iter().map(|visit| of(visit).map(Uuid::from)).collect::<Vec<_>>()
    };
    let flag = |of: fn(&Visit) -> bool| visits.iter().map(|visit| of(visit)).collect::<Vec<_>>();
    let moves: Vec<Option<NaiveDateTime>> =
        visits.iter().map(|visit| visit.proposed_move.map(|proposal| proposal.starts_local)).collect();
    let numbers: Vec<i64> = visits.iter().map(|visit| visit.settlement_no).collect();
    let done = sqlx::query!(
        "update visit set version = v.version + 1, giver_person_id = v.giver, starts_local = v.starts_local,
             plan_starts_at = v.plan_starts_at, plan_ends_at = v.plan_ends_at, state = v.state,
             actual_starts_at = v.actual_starts_at, actual_ends_at = v.actual_ends_at, actual_by = v.actual_by,
             actual_accepted = v.actual_accepted, settled_starts_at = v.settled_starts_at,
             settled_ends_at = v.settled_ends_at, settlement = v.settlement, settlement_no = v.settlement_no,
             cancelled_by = v.cancelled_by, cancelled_by_person_id = v.cancelled_by_person,
             cancelled_at = v.cancelled_at, cancellation_unconfirmed = v.unconfirmed,
             move_starts_local = v.move_starts_local, move_by = v.move_by, cover_person_id = v.cover_person,
             cover_by = v.cover_by, brought_in = v.brought_in
         from unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::timestamp[], $6::timestamptz[], $7::timestamptz[],
                 $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::bool[], $13::timestamptz[],
                 $14::timestamptz[], $15::text[], $16::bigint[], $17::text[], $18::uuid[], $19::timestamptz[],
                 $20::bool[], $21::timestamp[], $22::text[], $23::uuid[], $24::text[], $25::bool[])
             as v (id, version, giver, starts_local, plan_starts_at, plan_ends_at, state, actual_starts_at,
                 actual_ends_at, actual_by, actual_accepted, settled_starts_at, settled_ends_at, settlement,
                 settlement_no, cancelled_by, cancelled_by_person, cancelled_at, unconfirmed, move_starts_local,
                 move_by, cover_person, cover_by, brought_in)
         where visit.tenant_id = $1 and visit.id = v.id and visit.version = v.version",
        tenant.0,
        &ids,
        &versions,
        &givers,
        &starts,
        &plan_starts,
        &plan_ends,
        &states,
        &time(|visit| visit.actual.map(|actual| actual.period.starts_at)) as &[Option<DateTime<Utc>>],
        &time(|visit| visit.actual.map(|actual| actual.period.ends_at)) as &[Option<DateTime<Utc>>],
        &word(|visit| visit.actual.map(|actual| actual.by.word())) as &[Option<String>],
        &flag(|visit| visit.actual.is_some_and(|actual| actual.accepted)),
        &time(|visit| visit.settled.map(|settled| settled.period.starts_at)) as &[Option<DateTime<Utc>>],
        &time(|visit| visit.settled.map(|settled| settled.period.ends_at)) as &[Option<DateTime<Utc>>],
        &word(|visit| visit.settled.map(|settled| settled.settlement.word())) as &[Option<String>],
        &numbers,
        &word(|visit| visit.cancellation.map(|earlier| earlier.by.side.word())) as &[Option<String>],
        &person(|visit| visit.cancellation.map(|earlier| earlier.by.person)) as &[Option<Uuid>],
        &time(|visit| visit.cancellation.map(|earlier| earlier.occurred_at)) as &[Option<DateTime<Utc>>],
        &flag(|visit| visit.cancellation.is_some_and(|earlier| earlier.awaits_confirmation)),
        &moves as &[Option<NaiveDateTime>],
        &word(|visit| visit.proposed_move.map(|proposal| proposal.by.word())) as &[Option<String>],
        &person(|visit| visit.proposed_cover.map(|proposal| proposal.giver)) as &[Option<Uuid>],
        &word(|visit| visit.proposed_cover.map(|proposal| proposal.by.word())) as &[Option<String>],
        &flag(|visit| visit.brought_in),
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() != ids.len() as u64 {
        return Err(Common::Contended.into());
    }
    for visit in visits {
        visit.version += 1;
    }
    Ok(())
}
