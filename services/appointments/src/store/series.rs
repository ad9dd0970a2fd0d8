//! Series.

use chrono::{DateTime, NaiveDateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::local::zone;
use kith_platform::page::Page;

use super::known;
use crate::domain::pattern::Pattern;
use crate::domain::rule::Rule;
use crate::domain::series::Series;
use crate::domain::{SeriesId, SeriesState, Side, TeamId, VisitKind};

struct Row {
    id: Uuid,
    team_id: Uuid,
    giver_person_id: Uuid,
    kind: String,
    starts_local: NaiveDateTime,
    time_zone: String,
    wall_minutes: i32,
    rrule: Option<String>,
    state: String,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    version: i64,
}

/// Selects series: the columns once, the rest of the statement where it is needed.
macro_rules! select {
    ($rest:tt $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "select id, team_id, giver_person_id, kind, starts_local, time_zone, wall_minutes, rrule, state,
                 proposed_by, proposed_at, answered_at, version
             from series " + $rest
            $(, $value)*
        )
    };
}

impl TryFrom<Row> for Series {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let rule = match &row.rrule {
            Some(text) => Some(known(Rule::parse(text).ok(), "series", row.id, "rrule")?),
            None => None,
        };
        Ok(Self {
            id: SeriesId(row.id),
            team_id: TeamId(row.team_id),
            giver: PersonId(row.giver_person_id),
            kind: known(VisitKind::from_word(&row.kind), "series", row.id, "kind")?,
            pattern: Pattern {
                starts_local: row.starts_local,
                wall_minutes: row.wall_minutes,
                rule,
                zone: known(zone(&row.time_zone), "series", row.id, "time_zone")?,
            },
            state: known(SeriesState::from_word(&row.state), "series", row.id, "state")?,
            proposed_by: known(Side::from_word(&row.proposed_by), "series", row.id, "proposed_by")?,
            proposed_at: row.proposed_at,
            answered_at: row.answered_at,
            version: row.version,
        })
    }
}

/// A series.
pub async fn load(tx: &mut Tx, id: SeriesId) -> Result<Option<Series>> {
    let tenant = tx.tenant();
    let row = select!("where tenant_id = $1 and id = $2", tenant.0, id.0).fetch_optional(tx.conn()).await?;
    row.map(Series::try_from).transpose()
}

/// A series, locked until the end of the transaction.
pub async fn load_for_update(tx: &mut Tx, id: SeriesId) -> Result<Option<Series>> {
    let tenant = tx.tenant();
    let row = select!("where tenant_id = $1 and id = $2 for update", tenant.0, id.0)
        .fetch_optional(tx.conn())
        .await?;
    row.map(Series::try_from).transpose()
}

/// Lists the agreed series of a Team, oldest first; one more than the page holds.
pub async fn list_agreed_of_team(
    tx: &mut Tx,
    team: TeamId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Series>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = select!(
        "where tenant_id = $1 and team_id = $2 and state = $6
             and ($3::timestamptz is null or (proposed_at, id) > ($3, $4::uuid))
         order by proposed_at, id limit $5",
        tenant.0,
        team.0,
        after_time,
        after_id,
        page.limit(),
        SeriesState::Agreed.word()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Series::try_from).collect()
}

/// Lists the series of a Team, oldest first; one more than the page holds.
pub async fn list_of_team(
    tx: &mut Tx,
    team: TeamId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Series>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = select!(
        "where tenant_id = $1 and team_id = $2 and ($3::timestamptz is null or (proposed_at, id) > ($3, $4::uuid))
         order by proposed_at, id limit $5",
        tenant.0,
        team.0,
        after_time,
        after_id,
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Series::try_from).collect()
}

/// Lists the series of a giver, oldest first; one more than the page holds.
pub async fn list_of_giver(
    tx: &mut Tx,
    giver: PersonId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Series>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = select!(
        "where tenant_id = $1 and giver_person_id = $2 and ($3::timestamptz is null or (proposed_at, id) > ($3, $4::uuid))
         order by proposed_at, id limit $5",
        tenant.0,
        giver.0,
        after_time,
        after_id,
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Series::try_from).collect()
}

/// Writes a new series.
pub async fn insert(tx: &mut Tx, series: &Series) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into series (tenant_id, id, team_id, giver_person_id, kind, starts_local, time_zone, wall_minutes,
             rrule, state, proposed_by, proposed_at, answered_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant.0,
        series.id.0,
        series.team_id.0,
        series.giver.0,
        series.kind.word(),
        series.pattern.starts_local,
        series.pattern.zone.name(),
        series.pattern.wall_minutes,
        series.pattern.rule.as_ref().map(Rule::text),
        series.state.word(),
        series.proposed_by.word(),
        series.proposed_at,
        series.answered_at,
        series.version
    )
    .execute(tx.conn())
    .await
    // Two who use the same id at once: the second finds it when it tries again.
    .map_err(|error| Error::on_constraint(error, "series_pkey", || Common::Contended))?;
    Ok(())
}

/// Writes what an answer changes.
pub async fn save(tx: &mut Tx, series: &mut Series) -> Result<()> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update series set state = $4, answered_at = $5, version = $3 + 1
         where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        series.id.0,
        series.version,
        series.state.word(),
        series.answered_at
    )
    .execute(tx.conn())
    .await?;
    changed_one(&done)?;
    series.version += 1;
    Ok(())
}
