//! What is kept of introductions.

use std::collections::HashMap;

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;

use super::known;
use crate::domain::introduction::{Introduction, Trial};
use crate::domain::{IntroductionId, IntroductionState, TeamId};

/// The introductions of a giver to a Team, locked: whoever plans sessions of a trial takes turns.
pub async fn between(tx: &mut Tx, team: TeamId, giver: PersonId) -> Result<Vec<Introduction>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select introduction_id, state, trial_sessions, trial_valid_from, trial_valid_until from known_introduction
         where tenant_id = $1 and team_id = $2 and giver_person_id = $3
         order by introduction_id for update",
        tenant.0,
        team.0,
        giver.0
    )
    .fetch_all(tx.conn())
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let id = row.introduction_id;
        let trial = match (row.trial_sessions, row.trial_valid_from, row.trial_valid_until) {
            (Some(sessions), Some(valid_from), Some(valid_until)) => {
                Some(Trial { sessions, valid_from, valid_until })
            }
            _ => None,
        };
        let state = known(IntroductionState::from_word(&row.state), "known_introduction", id, "state")?;
        found.push(Introduction { id: IntroductionId(id), team_id: team, giver, state, trial });
    }
    Ok(found)
}

/// How many sessions are planned or held under each of a giver's trials with a Team; those called off in time or missed
/// do not count.
pub async fn sessions(tx: &mut Tx, team: TeamId, giver: PersonId) -> Result<HashMap<IntroductionId, i64>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select i.introduction_id, count(v.id) as "sessions!"
         from known_introduction i
         join visit v on v.tenant_id = i.tenant_id and v.team_id = i.team_id
             and v.giver_person_id = i.giver_person_id and v.kind = 'trial'
             and v.state in ('planned', 'agreed', 'late_cancelled')
             and v.occurrence_local >= i.trial_valid_from and v.occurrence_local < i.trial_valid_until
         where i.tenant_id = $1 and i.team_id = $2 and i.giver_person_id = $3
         group by i.introduction_id"#,
        tenant.0,
        team.0,
        giver.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (IntroductionId(row.introduction_id), row.sessions)).collect())
}

/// Keeps an introduction as it is now.
pub async fn save(tx: &mut Tx, introduction: &Introduction) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into known_introduction (tenant_id, introduction_id, team_id, giver_person_id, state, trial_sessions,
             trial_valid_from, trial_valid_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint known_introduction_pkey do update set team_id = $3, giver_person_id = $4,
             state = $5, trial_sessions = $6, trial_valid_from = $7, trial_valid_until = $8",
        tenant.0,
        introduction.id.0,
        introduction.team_id.0,
        introduction.giver.0,
        introduction.state.word(),
        introduction.trial.map(|trial| trial.sessions),
        introduction.trial.map(|trial| trial.valid_from),
        introduction.trial.map(|trial| trial.valid_until)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
