//! Introductions: what each side said.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::words;
use crate::domain::introduction::{Introduction, Said, Trial};
use crate::domain::{IntroductionId, OpportunityId, TeamId};

struct IntroductionRow {
    id: Uuid,
    opportunity_id: Uuid,
    team_id: Uuid,
    giver_person_id: Uuid,
    team_interested_at: Option<DateTime<Utc>>,
    team_trial_sessions: Option<i16>,
    team_trial_from: Option<NaiveDate>,
    team_trial_until: Option<NaiveDate>,
    team_answer: Option<String>,
    giver_interested_at: Option<DateTime<Utc>>,
    giver_trial_sessions: Option<i16>,
    giver_trial_from: Option<NaiveDate>,
    giver_trial_until: Option<NaiveDate>,
    giver_answer: Option<String>,
    agreed_sessions: Option<i16>,
    agreed_from: Option<NaiveDate>,
    agreed_until: Option<NaiveDate>,
    version: i64,
}

impl TryFrom<IntroductionRow> for Introduction {
    type Error = Error;

    fn try_from(row: IntroductionRow) -> Result<Self> {
        let answer = |word: Option<String>| word.map(|word| words::answer(&word, row.id)).transpose();
        Ok(Self {
            id: IntroductionId(row.id),
            opportunity_id: OpportunityId(row.opportunity_id),
            team_id: TeamId(row.team_id),
            giver_person_id: PersonId(row.giver_person_id),
            team: Said {
                interested: row.team_interested_at.is_some(),
                trial: trial(row.team_trial_sessions, row.team_trial_from, row.team_trial_until),
                answer: answer(row.team_answer)?,
            },
            giver: Said {
                interested: row.giver_interested_at.is_some(),
                trial: trial(row.giver_trial_sessions, row.giver_trial_from, row.giver_trial_until),
                answer: answer(row.giver_answer)?,
            },
            agreed: trial(row.agreed_sessions, row.agreed_from, row.agreed_until),
            version: row.version,
        })
    }
}

/// The database holds that all three are there or none.
fn trial(sessions: Option<i16>, from: Option<NaiveDate>, until: Option<NaiveDate>) -> Option<Trial> {
    Some(Trial { sessions: sessions?, valid_from: from?, valid_until: until? })
}

/// Reads an introduction.
pub async fn load(tx: &mut Tx, id: IntroductionId) -> Result<Option<Introduction>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        IntroductionRow,
        "select id, opportunity_id, team_id, giver_person_id,
             team_interested_at, team_trial_sessions, team_trial_from, team_trial_until, team_answer,
             giver_interested_at, giver_trial_sessions, giver_trial_from, giver_trial_until, giver_answer,
             agreed_sessions, agreed_from, agreed_until, version
         from introduction where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Introduction::try_from).transpose()
}

/// Reads an introduction and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: IntroductionId) -> Result<Option<Introduction>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        IntroductionRow,
        "select id, opportunity_id, team_id, giver_person_id,
             team_interested_at, team_trial_sessions, team_trial_from, team_trial_until, team_answer,
             giver_interested_at, giver_trial_sessions, giver_trial_from, giver_trial_until, giver_answer,
             agreed_sessions, agreed_from, agreed_until, version
         from introduction where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Introduction::try_from).transpose()
}

/// Reads the introduction of a giver through an opportunity, and locks it until the transaction ends.
pub async fn between(
    tx: &mut Tx,
    opportunity: OpportunityId,
    giver: PersonId,
) -> Result<Option<Introduction>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        IntroductionRow,
        "select id, opportunity_id, team_id, giver_person_id,
             team_interested_at, team_trial_sessions, team_trial_from, team_trial_until, team_answer,
             giver_interested_at, giver_trial_sessions, giver_trial_from, giver_trial_until, giver_answer,
             agreed_sessions, agreed_from, agreed_until, version
         from introduction where tenant_id = $1 and opportunity_id = $2 and giver_person_id = $3 for update",
        tenant.0,
        opportunity.0,
        giver.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Introduction::try_from).transpose()
}

/// Reads the introductions of a giver to the Teams that somebody owns.
pub async fn of_owner_with(tx: &mut Tx, owner: PersonId, giver: PersonId) -> Result<Vec<Introduction>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        IntroductionRow,
        "select id, opportunity_id, team_id, giver_person_id,
             team_interested_at, team_trial_sessions, team_trial_from, team_trial_until, team_answer,
             giver_interested_at, giver_trial_sessions, giver_trial_from, giver_trial_until, giver_answer,
             agreed_sessions, agreed_from, agreed_until, version
         from introduction
         where tenant_id = $1 and giver_person_id = $3
             and team_id in (select team_id from team where tenant_id = $1 and owner_person_id = $2)",
        tenant.0,
        owner.0,
        giver.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Introduction::try_from).collect()
}

/// Lists the introductions in which somebody's own side has shown interest, newest first; one more than the page holds.
pub async fn list_of(tx: &mut Tx, person: PersonId, page: &Page<Uuid>) -> Result<Vec<Introduction>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        IntroductionRow,
        "select id, opportunity_id, team_id, giver_person_id,
             team_interested_at, team_trial_sessions, team_trial_from, team_trial_until, team_answer,
             giver_interested_at, giver_trial_sessions, giver_trial_from, giver_trial_until, giver_answer,
             agreed_sessions, agreed_from, agreed_until, version
         from introduction
         where tenant_id = $1
             and ((giver_person_id = $2 and giver_interested_at is not null)
                 or (giver_person_id <> $2 and team_interested_at is not null
                     and team_id in (select team_id from team where tenant_id = $1 and owner_person_id = $2)))
             and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        tenant.0,
        person.0,
        page.after,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Introduction::try_from).collect()
}

/// Writes a new introduction, in which one side has shown interest. Where the other side did so at the same moment, the
/// command is done again and finds it.
pub async fn insert(tx: &mut Tx, introduction: &Introduction, occurred_at: DateTime<Utc>) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into introduction (tenant_id, id, opportunity_id, team_id, giver_person_id,
             team_interested_at, giver_interested_at, recorded_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        introduction.id.0,
        introduction.opportunity_id.0,
        introduction.team_id.0,
        introduction.giver_person_id.0,
        introduction.team.interested.then_some(occurred_at),
        introduction.giver.interested.then_some(occurred_at),
        now,
        introduction.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "introduction_once", || Common::Contended))?;
    Ok(())
}

/// Writes an introduction as it is now; what was not said before was said at that moment. Somebody else's change in
/// between is refused.
pub async fn save(tx: &mut Tx, introduction: &mut Introduction, occurred_at: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    let Introduction { team, giver, agreed, .. } = *introduction;
    let changed = sqlx::query!(
        "update introduction set
             team_interested_at = case when $4 then coalesce(team_interested_at, $16) end,
             team_trial_sessions = $5, team_trial_from = $6, team_trial_until = $7,
             team_answered_at = case when team_answer is distinct from $8 then $16 else team_answered_at end,
             team_answer = $8,
             giver_interested_at = case when $9 then coalesce(giver_interested_at, $16) end,
             giver_trial_sessions = $10, giver_trial_from = $11, giver_trial_until = $12,
             giver_answered_at = case when giver_answer is distinct from $13 then $16 else giver_answered_at end,
             giver_answer = $13,
             agreed_sessions = $14, agreed_from = $15, agreed_until = $17,
             agreed_at = case when $14::smallint is not null then coalesce(agreed_at, $16) end,
             version = version + 1
         where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        introduction.id.0,
        introduction.version,
        team.interested,
        team.trial.map(|trial| trial.sessions),
        team.trial.map(|trial| trial.valid_from),
        team.trial.map(|trial| trial.valid_until),
        team.answer.map(words::answer_word),
        giver.interested,
        giver.trial.map(|trial| trial.sessions),
        giver.trial.map(|trial| trial.valid_from),
        giver.trial.map(|trial| trial.valid_until),
        giver.answer.map(words::answer_word),
        agreed.map(|trial| trial.sessions),
        agreed.map(|trial| trial.valid_from),
        occurred_at,
        agreed.map(|trial| trial.valid_until),
    )
    .execute(tx.conn())
    .await?;
    changed_one(&changed)?;
    introduction.version += 1;
    Ok(())
}
