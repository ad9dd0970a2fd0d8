//! Contribution rules.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::Uuid;
use kith_platform::page::Page;
use serde::Deserialize;

use crate::domain::contribution::{BasisPoints, Mode};
use crate::domain::rule::Rule;
use crate::domain::{CircleId, DecisionId, Refused, RuleId};

#[derive(Debug, Deserialize)]
pub(super) struct Row {
    id: Uuid,
    circle_id: Uuid,
    name: String,
    effective_from: NaiveDate,
    revoked_from: Option<NaiveDate>,
    mode: String,
    added_bp: Option<i64>,
    deducted_bp: Option<i64>,
    share_bp: Option<i64>,
    decision_id: Option<Uuid>,
}

impl Row {
    fn mode(&self) -> Option<Mode> {
        match (self.mode.as_str(), self.added_bp, self.deducted_bp, self.share_bp) {
            ("on_rate", Some(added), Some(deducted), None) => Some(Mode::OnRate {
                added: BasisPoints::new(added).ok()?,
                deducted: BasisPoints::new(deducted).ok()?,
            }),
            ("share_of_total", None, None, Some(share)) => {
                Some(Mode::ShareOfTotal { share: BasisPoints::new(share).ok()? })
            }
            _ => None,
        }
    }
}

impl TryFrom<Row> for Rule {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let mode = row.mode().ok_or_else(|| Error::Inconsistent {
            table: "contribution_rule",
            row: row.id.to_string(),
            problem: "the mode does not fit its columns".into(),
        })?;
        Ok(Self {
            id: RuleId(row.id),
            circle_id: CircleId(row.circle_id),
            name: row.name,
            effective_from: row.effective_from,
            revoked_from: row.revoked_from,
            mode,
            decision_id: row.decision_id.map(DecisionId),
        })
    }
}

/// Adds a rule.
pub async fn insert(tx: &mut Tx, rule: &Rule) -> Result<()> {
    let (tenant, created_at) = (tx.tenant(), tx.now());
    let (mode, added, deducted, share) = match rule.mode {
        Mode::OnRate { added, deducted } => ("on_rate", Some(added.get()), Some(deducted.get()), None),
        Mode::ShareOfTotal { share } => ("share_of_total", None, None, Some(share.get())),
    };
    sqlx::query!(
        "insert into contribution_rule
             (tenant_id, id, circle_id, name, effective_from, revoked_from, mode, added_bp, deducted_bp, share_bp,
              decision_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        tenant.0,
        rule.id.0,
        rule.circle_id.0,
        rule.name,
        rule.effective_from,
        rule.revoked_from,
        mode,
        added,
        deducted,
        share,
        rule.decision_id.map(Uuid::from),
        created_at
    )
    .execute(tx.conn())
    .await
    .map_err(|error| {
        Error::on_constraint(error, "contribution_rule_founding_date_once", || Refused::RuleDateTaken)
    })?;
    Ok(())
}

/// Dates the end of a rule, or takes the date away.
pub async fn set_revoked_from(tx: &mut Tx, id: RuleId, revoked_from: Option<NaiveDate>) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "update contribution_rule set revoked_from = $3 where tenant_id = $1 and id = $2",
        tenant.0,
        id.0,
        revoked_from
    )
    .execute(tx.conn())
    .await?;
    if changed.rows_affected() == 1 { Ok(()) } else { Err(Error::NotFound("rule")) }
}

/// A rule by id.
pub async fn find(tx: &mut Tx, id: RuleId) -> Result<Option<Rule>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, circle_id, name, effective_from, revoked_from, mode, added_bp, deducted_bp, share_bp, decision_id
         from contribution_rule where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Rule::try_from).transpose()
}

/// All rules of a Circle with a name.
pub async fn named(tx: &mut Tx, circle_id: CircleId, name: &str) -> Result<Vec<Rule>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        "select id, circle_id, name, effective_from, revoked_from, mode, added_bp, deducted_bp, share_bp, decision_id
         from contribution_rule where tenant_id = $1 and circle_id = $2 and name = $3 order by effective_from, id",
        tenant.0,
        circle_id.0,
        name
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Rule::try_from).collect()
}

/// Where a page of rules ends: name, date, id.
pub type Key = (String, NaiveDate, Uuid);

/// A page of a Circle's rules by name and date, one more than the page holds.
pub async fn page(tx: &mut Tx, circle_id: CircleId, page: &Page<Key>) -> Result<Vec<Rule>> {
    let tenant = tx.tenant();
    let (name, day, id) = match page.after.clone() {
        Some((name, day, id)) => (Some(name), Some(day), Some(id)),
        None => (None, None, None),
    };
    let rows = sqlx::query_as!(
        Row,
        r#"select id, circle_id, name, effective_from, revoked_from, mode, added_bp, deducted_bp, share_bp, decision_id
         from contribution_rule
         where tenant_id = $1 and circle_id = $2
           and ($3::text is null or (name collate "C", effective_from, id) > ($3 collate "C", $4, $5))
         order by name collate "C", effective_from, id limit $6"#,
        tenant.0,
        circle_id.0,
        name,
        day,
        id,
        page.limit()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Rule::try_from).collect()
}
