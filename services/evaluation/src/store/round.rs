//! Survey rounds.

use chrono::{DateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::round::{Round, Scope, State};
use crate::domain::{CircleId, RoundId, TeamId};

struct RoundRow {
    round_id: Uuid,
    instrument: String,
    circle_id: Option<Uuid>,
    team_id: Option<Uuid>,
    state: String,
    reply_codes: i32,
    opened_by: Uuid,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

impl TryFrom<RoundRow> for Round {
    type Error = Error;

    fn try_from(row: RoundRow) -> Result<Self> {
        let inconsistent = |problem: &str| Error::Inconsistent {
            table: "round",
            row: row.round_id.to_string(),
            problem: problem.to_owned(),
        };
        let scope = match (row.circle_id, row.team_id) {
            (Some(circle), None) => Scope::Circle(CircleId(circle)),
            (None, Some(team)) => Scope::Team(TeamId(team)),
            _ => return Err(inconsistent("it is not about exactly one Circle or Team")),
        };
        let state = match (row.state.as_str(), row.closed_at) {
            ("open", None) => State::Open,
            ("closed", Some(at)) => State::Closed { at },
            _ => return Err(inconsistent("its state and closing time do not fit")),
        };
        let reply_codes =
            u32::try_from(row.reply_codes).map_err(|_| inconsistent("it has a negative number of codes"))?;
        Ok(Self {
            id: RoundId(row.round_id),
            instrument: words::instrument(&row.instrument, row.round_id)?,
            scope,
            state,
            reply_codes,
            opened_by: PersonId(row.opened_by),
            opened_at: row.opened_at,
        })
    }
}

/// Reads a round.
pub async fn load(tx: &mut Tx, id: RoundId) -> Result<Option<Round>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        RoundRow,
        "select round_id, instrument, circle_id, team_id, state, reply_codes, opened_by, opened_at, closed_at
         from round where tenant_id = $1 and round_id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Round::try_from).transpose()
}

/// Reads a round and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: RoundId) -> Result<Option<Round>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        RoundRow,
        "select round_id, instrument, circle_id, team_id, state, reply_codes, opened_by, opened_at, closed_at
         from round where tenant_id = $1 and round_id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Round::try_from).transpose()
}

/// Lists rounds about a Circle or a Team, newest first; one more than the page holds.
pub async fn list(tx: &mut Tx, scope: Scope, page: &Page<(DateTime<Utc>, Uuid)>) -> Result<Vec<Round>> {
    let tenant = tx.tenant();
    let (circle, team) = columns(scope);
    let (before_time, before_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        RoundRow,
        "select round_id, instrument, circle_id, team_id, state, reply_codes, opened_by, opened_at, closed_at
         from round
         where tenant_id = $1 and (circle_id = $2 or team_id = $3)
             and ($4::timestamptz is null or (opened_at, round_id) < ($4, $5))
         order by opened_at desc, round_id desc limit $6",
        tenant.0,
        circle,
        team,
        before_time,
        before_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Round::try_from).collect()
}

/// Writes a new round. Where the same id comes in at the same moment the command is tried again and finds it.
pub async fn insert(tx: &mut Tx, round: &Round) -> Result<()> {
    let tenant = tx.tenant();
    let (circle, team) = columns(round.scope);
    let reply_codes = i32::try_from(round.reply_codes).map_err(|_| Error::Inconsistent {
        table: "round",
        row: round.id.to_string(),
        problem: "it has more codes than can be counted".into(),
    })?;
    sqlx::query!(
        "insert into round
             (tenant_id, round_id, instrument, circle_id, team_id, state, reply_codes, opened_by, opened_at)
         values ($1, $2, $3, $4, $5, 'open', $6, $7, $8)",
        tenant.0,
        round.id.0,
        words::instrument_word(round.instrument),
        circle,
        team,
        reply_codes,
        round.opened_by.0,
        round.opened_at,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "round_pk", || Common::Contended))?;
    Ok(())
}

/// Writes that a round was closed; it must be locked and open.
pub async fn save_closed(tx: &mut Tx, round: &Round) -> Result<()> {
    let tenant = tx.tenant();
    let closed_at = match round.state {
        State::Open => None,
        State::Closed { at } => Some(at),
    };
    let changed = sqlx::query!(
        "update round set state = 'closed', closed_at = $3
         where tenant_id = $1 and round_id = $2 and state = 'open'",
        tenant.0,
        round.id.0,
        closed_at,
    )
    .execute(tx.conn())
    .await?;
    changed_one(&changed)
}

fn columns(scope: Scope) -> (Option<Uuid>, Option<Uuid>) {
    match scope {
        Scope::Circle(circle) => (Some(circle.0), None),
        Scope::Team(team) => (None, Some(team.0)),
    }
}
