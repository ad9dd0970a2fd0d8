//! Proposals with their versions and answers.

use chrono::{DateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use sqlx::types::Json;

use super::words;
use crate::domain::content::{Content, Effect};
use crate::domain::proposal::{Answer, Proposal, Version};
use crate::domain::{CircleId, DecisionId, ProposalId};

struct ProposalRow {
    id: Uuid,
    circle_id: Uuid,
    proposer_person_id: Uuid,
    title: String,
    state: String,
    decision_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    version: i64,
}

/// Reads a proposal.
pub async fn load(tx: &mut Tx, id: ProposalId) -> Result<Option<Proposal>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ProposalRow,
        "select id, circle_id, proposer_person_id, title, state, decision_id, created_at, version
         from proposal where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Reads a proposal and locks it until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, id: ProposalId) -> Result<Option<Proposal>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ProposalRow,
        "select id, circle_id, proposer_person_id, title, state, decision_id, created_at, version
         from proposal where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Which Circle a proposal belongs to.
pub async fn circle_of(tx: &mut Tx, id: ProposalId) -> Result<Option<CircleId>> {
    let tenant = tx.tenant();
    let circle = sqlx::query_scalar!(
        "select circle_id from proposal where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(circle.map(CircleId))
}

/// Lists the proposals of a Circle, newest first; one more than the page holds.
pub async fn list(
    tx: &mut Tx,
    circle: CircleId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Proposal>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        ProposalRow,
        "select id, circle_id, proposer_person_id, title, state, decision_id, created_at, version
         from proposal
         where tenant_id = $1 and circle_id = $2 and ($3::timestamptz is null or (created_at, id) < ($3, $4))
         order by created_at desc, id desc limit $5",
        tenant.0,
        circle.0,
        after_time,
        after_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    complete(tx, rows).await
}

/// Adds versions and answers to rows of `proposal`, with one query each however many proposals there are.
async fn complete(tx: &mut Tx, rows: Vec<ProposalRow>) -> Result<Vec<Proposal>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let versions = sqlx::query!(
        r#"select proposal_id, number, text, effect as "effect: Json<Effect>", term_months, measure, review_date,
             content_hash
         from proposal_version where tenant_id = $1 and proposal_id = any($2) order by number"#,
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let mut versions: Vec<(Uuid, Version)> = versions
        .into_iter()
        .map(|row| {
            let content = Content {
                text: row.text,
                effect: row.effect.map(|effect| effect.0),
                term_months: row.term_months,
                measure: row.measure,
                review_date: row.review_date,
            };
            (row.proposal_id, Version { number: row.number, content, content_hash: row.content_hash })
        })
        .collect();
    let answers = sqlx::query!(
        "select proposal_id, number, person_id, consent, argument from proposal_answer
         where tenant_id = $1 and proposal_id = any($2) order by number, person_id",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let mut proposals = Vec::with_capacity(rows.len());
    for row in rows {
        let of_this = |version: &mut (Uuid, Version)| version.0 == row.id;
        let mut earlier: Vec<Version> =
            versions.extract_if(.., of_this).map(|(_, version)| version).collect();
        let in_force = earlier.pop().ok_or_else(|| Error::Inconsistent {
            table: "proposal",
            row: row.id.to_string(),
            problem: "it has no version".into(),
        })?;
        let answers = answers.iter().filter(|answer| answer.proposal_id == row.id);
        proposals.push(Proposal {
            id: ProposalId(row.id),
            circle: CircleId(row.circle_id),
            proposer: PersonId(row.proposer_person_id),
            title: row.title,
            state: words::state(&row.state, row.id)?,
            in_force,
            earlier,
            answers: answers
                .map(|answer| Answer {
                    person: PersonId(answer.person_id),
                    version: answer.number,
                    consent: answer.consent,
                    argument: answer.argument.clone(),
                })
                .collect(),
            decision: row.decision_id.map(DecisionId),
            created_at: row.created_at,
            version: row.version,
        });
    }
    Ok(proposals)
}

/// Writes a new proposal with its first version. An id that another took at the same moment is refused.
pub async fn insert(tx: &mut Tx, proposal: &Proposal) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into proposal (tenant_id, id, circle_id, proposer_person_id, title, state, created_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        proposal.id.0,
        proposal.circle.0,
        proposal.proposer.0,
        proposal.title,
        words::state_word(proposal.state),
        proposal.created_at,
        proposal.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "proposal_pk", || Common::IdExists))?;
    insert_version(tx, proposal, proposal.proposer).await
}

/// Writes the version in force, which is new.
pub async fn insert_version(tx: &mut Tx, proposal: &Proposal, written_by: PersonId) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let Version { number, content, content_hash } = &proposal.in_force;
    sqlx::query!(
        "insert into proposal_version (tenant_id, proposal_id, number, text, effect, term_months, measure,
             review_date, content_hash, written_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant.0,
        proposal.id.0,
        number,
        content.text,
        content.effect.as_ref().map(Json) as Option<Json<&Effect>>,
        content.term_months,
        content.measure,
        content.review_date,
        content_hash,
        written_by.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes a member's answer, in place of their earlier one to the same version.
pub async fn put_answer(tx: &mut Tx, proposal: ProposalId, answer: &Answer) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into proposal_answer (tenant_id, proposal_id, number, person_id, consent, argument, answered_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint proposal_answer_pk do update
             set consent = $5, argument = $6, answered_at = $7",
        tenant.0,
        proposal.0,
        answer.version,
        answer.person.0,
        answer.consent,
        answer.argument,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes where a proposal stands; somebody else's change in between is refused.
pub async fn save_state(tx: &mut Tx, proposal: &mut Proposal) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "update proposal set state = $4, decision_id = $5, version = version + 1
         where tenant_id = $1 and id = $2 and version = $3",
        tenant.0,
        proposal.id.0,
        proposal.version,
        words::state_word(proposal.state),
        proposal.decision.map(Uuid::from),
    )
    .execute(tx.conn())
    .await?;
    changed_one(&changed)?;
    proposal.version += 1;
    Ok(())
}
