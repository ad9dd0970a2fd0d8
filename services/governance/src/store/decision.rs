//! Decisions with their consents and mandates.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use sqlx::types::Json;

use crate::domain::content::{Content, Effect, Mode, RuleChange};
use crate::domain::decision::{Decision, Mandate};
use crate::domain::proposal::Version;
use crate::domain::{CircleId, DecisionId, MandateId, ProposalId};

struct DecisionRow {
    id: Uuid,
    circle_id: Uuid,
    proposal_id: Uuid,
    number: i32,
    content_hash: String,
    decided_at: DateTime<Utc>,
    revoked_from: Option<NaiveDate>,
    text: String,
    effect: Option<Json<Effect>>,
    term_months: i32,
    measure: String,
    review_date: NaiveDate,
}

/// Reads a decision.
pub async fn load(tx: &mut Tx, id: DecisionId) -> Result<Option<Decision>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        DecisionRow,
        r#"select d.id, d.circle_id, d.proposal_id, d.number, d.content_hash, d.decided_at, d.revoked_from,
             v.text, v.effect as "effect: Json<Effect>", v.term_months, v.measure, v.review_date
         from decision d join proposal_version v using (tenant_id, proposal_id, number)
         where d.tenant_id = $1 and d.id = $2"#,
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Locks a decision until the transaction ends, so that it is revoked only once, and reads it.
pub async fn load_for_update(tx: &mut Tx, id: DecisionId) -> Result<Option<Decision>> {
    let tenant = tx.tenant();
    sqlx::query!("select id from decision where tenant_id = $1 and id = $2 for update", tenant.0, id.0)
        .fetch_optional(tx.conn())
        .await?;
    load(tx, id).await
}

/// Lists the decisions of a Circle, newest first; one more than the page holds.
pub async fn list(
    tx: &mut Tx,
    circle: CircleId,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<Decision>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        DecisionRow,
        r#"select d.id, d.circle_id, d.proposal_id, d.number, d.content_hash, d.decided_at, d.revoked_from,
             v.text, v.effect as "effect: Json<Effect>", v.term_months, v.measure, v.review_date
         from decision d join proposal_version v using (tenant_id, proposal_id, number)
         where d.tenant_id = $1 and d.circle_id = $2
             and ($3::timestamptz is null or (d.decided_at, d.id) < ($3, $4))
         order by d.decided_at desc, d.id desc limit $5"#,
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

/// Adds consents and mandates to decisions, with one query each however many there are.
async fn complete(tx: &mut Tx, rows: Vec<DecisionRow>) -> Result<Vec<Decision>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let consents = sqlx::query!(
        "select decision_id, person_id from decision_consent
         where tenant_id = $1 and decision_id = any($2) order by person_id",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let mandates = sqlx::query!(
        "select decision_id, id, rule_name, effective_from, added_bp, deducted_bp, share_bp from mandate
         where tenant_id = $1 and decision_id = any($2)",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let mut decisions = Vec::with_capacity(rows.len());
    for row in rows {
        let mut mandate = None;
        if let Some(found) = mandates.iter().find(|mandate| mandate.decision_id == row.id) {
            let mode = match (found.added_bp, found.deducted_bp, found.share_bp) {
                (Some(added_bp), Some(deducted_bp), None) => Mode::OnRate { added_bp, deducted_bp },
                (None, None, Some(share_bp)) => Mode::ShareOfTotal { share_bp },
                _ => {
                    return Err(Error::Inconsistent {
                        table: "mandate",
                        row: found.id.to_string(),
                        problem: "its shares are not complete".into(),
                    });
                }
            };
            let (rule_name, effective_from) = (found.rule_name.clone(), found.effective_from);
            mandate = Some(Mandate {
                id: MandateId(found.id),
                rule: RuleChange { rule_name, effective_from, mode },
            });
        }
        let content = Content {
            text: row.text,
            effect: row.effect.map(|effect| effect.0),
            term_months: row.term_months,
            measure: row.measure,
            review_date: row.review_date,
        };
        let of_this = consents.iter().filter(|consent| consent.decision_id == row.id);
        decisions.push(Decision {
            id: DecisionId(row.id),
            circle: CircleId(row.circle_id),
            proposal: ProposalId(row.proposal_id),
            version: Version { number: row.number, content, content_hash: row.content_hash },
            consented: of_this.map(|consent| PersonId(consent.person_id)).collect(),
            decided_at: row.decided_at,
            revoked_from: row.revoked_from,
            mandate,
        });
    }
    Ok(decisions)
}

/// Writes a new decision with its consents and its mandate. The database holds once more that each of these people
/// consented to exactly this version.
pub async fn insert(tx: &mut Tx, decision: &Decision) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into decision (tenant_id, id, circle_id, proposal_id, number, content_hash, decided_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        decision.id.0,
        decision.circle.0,
        decision.proposal.0,
        decision.version.number,
        decision.version.content_hash,
        decision.decided_at,
    )
    .execute(tx.conn())
    .await?;
    let people: Vec<Uuid> = decision.consented.iter().map(|person| person.0).collect();
    sqlx::query!(
        "insert into decision_consent (tenant_id, decision_id, person_id, proposal_id, number, consent)
         select $1, $2, person_id, $4, $5, true from unnest($3::uuid[]) as person_id",
        tenant.0,
        decision.id.0,
        &people,
        decision.proposal.0,
        decision.version.number,
    )
    .execute(tx.conn())
    .await?;
    let Some(mandate) = &decision.mandate else { return Ok(()) };
    let (mode, added_bp, deducted_bp, share_bp) = match mandate.rule.mode {
        Mode::OnRate { added_bp, deducted_bp } => ("on_rate", Some(added_bp), Some(deducted_bp), None),
        Mode::ShareOfTotal { share_bp } => ("share_of_total", None, None, Some(share_bp)),
    };
    sqlx::query!(
        "insert into mandate (tenant_id, id, decision_id, rule_name, effective_from, mode, added_bp, deducted_bp,
             share_bp)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        mandate.id.0,
        decision.id.0,
        mandate.rule.rule_name,
        mandate.rule.effective_from,
        mode,
        added_bp,
        deducted_bp,
        share_bp,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes that a later decision ends this one's effect; a decision is revoked once.
pub async fn revoke(tx: &mut Tx, earlier: &Decision, by: DecisionId) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "update decision set revoked_from = $3, revoked_by = $4
         where tenant_id = $1 and id = $2 and revoked_from is null",
        tenant.0,
        earlier.id.0,
        earlier.revoked_from,
        by.0,
    )
    .execute(tx.conn())
    .await?;
    changed_one(&changed)
}
