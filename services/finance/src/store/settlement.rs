//! Visits as appointments tells of them, what they came to, and which wait or should be looked at.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};

use super::words;
use crate::domain::contribution::Price;
use crate::domain::settlement::{Outcome, Paid, Visit, VisitState, Way};
use crate::domain::share::{Part, Share};
use crate::domain::{CircleId, DecisionId, PayerId, RuleId, TeamId, TransferId, VisitId};

pub(super) fn inconsistent(table: &'static str, row: Uuid, problem: &str) -> Error {
    Error::Inconsistent { table, row: row.to_string(), problem: problem.to_owned() }
}

/// Whose arrival makes waiting visits worth another look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// Funding of a Team.
    Funding(TeamId),
    /// Terms of a giver.
    Terms(PersonId),
    /// A rule, of whichever Circle.
    Rule,
}

/// Visits that wait to be settled and may now be, by planned day.
pub async fn waiting(tx: &mut Tx, arrived: Arrived) -> Result<Vec<Visit>> {
    let tenant = tx.tenant();
    let (team_id, giver, rule) = match arrived {
        Arrived::Funding(team_id) => (Some(team_id.0), None, false),
        Arrived::Terms(giver) => (None, Some(giver.0), false),
        Arrived::Rule => (None, None, true),
    };
    let rows = sqlx::query!(
        "select visit.visit_id, visit.team_id, visit.circle_id, visit.giver_person_id, visit.planned_date, visit.state,
                visit.way, visit.minutes, visit.settlement_no
         from unsettled_visit unsettled
         join visit on visit.tenant_id = unsettled.tenant_id and visit.visit_id = unsettled.visit_id
         where unsettled.tenant_id = $1 and unsettled.reason in ('no_funding', 'no_terms', 'no_rule')
           and ($2::uuid is null or unsettled.team_id = $2)
           and ($3::uuid is null or unsettled.giver_person_id = $3)
           and (not $4::boolean or unsettled.reason = 'no_rule')
         order by visit.planned_date, visit.visit_id",
        tenant.0,
        team_id,
        giver,
        rule
    )
    .fetch_all(tx.conn())
    .await?;
    let mut visits = Vec::with_capacity(rows.len());
    for row in rows {
        visits.push(Visit {
            id: VisitId(row.visit_id),
            team_id: TeamId(row.team_id),
            circle_id: CircleId(row.circle_id),
            giver: PersonId(row.giver_person_id),
            planned_date: row.planned_date,
            state: words::visit_state(&row.state, row.visit_id)?,
            way: words::way(&row.way, row.visit_id)?,
            minutes: row.minutes,
            settlement_no: row.settlement_no,
        });
    }
    Ok(visits)
}

/// A settlement as it stands on the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The visit as it was settled; its state and way say no more than that.
    pub visit: Visit,
    /// What it came to.
    pub outcome: Outcome,
    /// Its transfer; none where nothing moved.
    pub transfer_id: Option<TransferId>,
}

/// A settlement by its number.
pub async fn find(tx: &mut Tx, visit_id: VisitId, settlement_no: i64) -> Result<Option<Settled>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select circle_id, team_id, giver_person_id, planned_date, kind, minutes, hourly_rate, rule_id, rule_circle_id,
                rule_name, decision_id, base, payers_total, giver_amount, contribution, transfer_id
         from settlement where tenant_id = $1 and visit_id = $2 and settlement_no = $3",
        tenant.0,
        visit_id.0,
        settlement_no
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (way, outcome) = match row.kind.as_str() {
        "care_coins" => (Way::CareCoins, Outcome::CareCoins(row.minutes)),
        "gift" => (Way::Gift, Outcome::Gift(row.minutes)),
        _ => {
            let (Some(hourly_rate), Some(rule_id), Some(rule_circle_id), Some(rule_name)) =
                (row.hourly_rate, row.rule_id, row.rule_circle_id, row.rule_name)
            else {
                return Err(inconsistent("settlement", visit_id.0, "money without a rate or a rule"));
            };
            let (Some(base), Some(payers_total), Some(giver_amount), Some(contribution)) =
                (row.base, row.payers_total, row.giver_amount, row.contribution)
            else {
                return Err(inconsistent("settlement", visit_id.0, "money without its sums"));
            };
            let paid = Paid {
                hourly_rate,
                rule_id: RuleId(rule_id),
                rule_circle_id: CircleId(rule_circle_id),
                rule_name,
                decision_id: row.decision_id.map(DecisionId),
                price: Price { base, payers_total, giver_amount, contribution },
                parts: parts(tx, visit_id, settlement_no).await?,
            };
            (Way::Money, Outcome::Money(paid))
        }
    };
    let visit = Visit {
        id: visit_id,
        team_id: TeamId(row.team_id),
        circle_id: CircleId(row.circle_id),
        giver: PersonId(row.giver_person_id),
        planned_date: row.planned_date,
        state: VisitState::Agreed,
        way,
        minutes: Some(row.minutes),
        settlement_no,
    };
    Ok(Some(Settled { visit, outcome, transfer_id: row.transfer_id.map(TransferId) }))
}

async fn parts(tx: &mut Tx, visit_id: VisitId, settlement_no: i64) -> Result<Vec<Part>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select payer_id, share_bp, amount, contribution from settlement_share
         where tenant_id = $1 and visit_id = $2 and settlement_no = $3 order by place",
        tenant.0,
        visit_id.0,
        settlement_no
    )
    .fetch_all(tx.conn())
    .await?;
    let mut parts = Vec::with_capacity(rows.len());
    for row in rows {
        let share = Share { payer: PayerId(row.payer_id), share_bp: row.share_bp };
        parts.push(Part { share, amount: row.amount, contribution: row.contribution });
    }
    Ok(parts)
}

/// Writes down that a settlement was taken back.
pub async fn insert_reversal(
    tx: &mut Tx,
    visit_id: VisitId,
    settlement_no: i64,
    transfer_id: Option<TransferId>,
) -> Result<()> {
    let (tenant, created_at) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into settlement_reversal (tenant_id, visit_id, settlement_no, transfer_id, created_at)
         values ($1, $2, $3, $4, $5)",
        tenant.0,
        visit_id.0,
        settlement_no,
        transfer_id.map(Uuid::from),
        created_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Settlements of paid and unpaid time that stand, of a Team or of a giver, planned from a day.
pub async fn standing(
    tx: &mut Tx,
    team_id: Option<TeamId>,
    giver: Option<PersonId>,
    from: NaiveDate,
) -> Result<Vec<Settled>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select visit_id, settlement_no from settlement
         where tenant_id = $1 and ($2::uuid is null or team_id = $2) and ($3::uuid is null or giver_person_id = $3)
           and planned_date >= $4
           and not exists (
               select from settlement_reversal reversal
               where reversal.tenant_id = settlement.tenant_id and reversal.visit_id = settlement.visit_id
                 and reversal.settlement_no = settlement.settlement_no)
         order by planned_date, visit_id",
        tenant.0,
        team_id.map(Uuid::from),
        giver.map(Uuid::from),
        from
    )
    .fetch_all(tx.conn())
    .await?;
    let mut standing = Vec::with_capacity(rows.len());
    for row in rows {
        standing.extend(find(tx, VisitId(row.visit_id), row.settlement_no).await?);
    }
    Ok(standing)
}

/// A settled visit whose rule may not be the one that now governs its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderRule {
    /// Which.
    pub visit_id: VisitId,
    /// Its planned local day.
    pub planned_date: NaiveDate,
    /// The rule that it was settled under.
    pub rule_id: RuleId,
}

/// Settlements that stand, were made under a Circle's rules of a name and are planned from a day.
pub async fn under_rule(
    tx: &mut Tx,
    circle_id: CircleId,
    rule_name: &str,
    from: NaiveDate,
) -> Result<Vec<UnderRule>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select settlement.visit_id, settlement.planned_date, settlement.rule_id as "rule_id!"
         from settlement
         where settlement.tenant_id = $1 and settlement.rule_circle_id = $2 and settlement.rule_name = $3
           and settlement.planned_date >= $4
           and not exists (
               select from settlement_reversal reversal
               where reversal.tenant_id = settlement.tenant_id and reversal.visit_id = settlement.visit_id
                 and reversal.settlement_no = settlement.settlement_no)
         order by settlement.planned_date, settlement.visit_id"#,
        tenant.0,
        circle_id.0,
        rule_name,
        from
    )
    .fetch_all(tx.conn())
    .await?;
    let mut settled = Vec::with_capacity(rows.len());
    for row in rows {
        settled.push(UnderRule {
            visit_id: VisitId(row.visit_id),
            planned_date: row.planned_date,
            rule_id: RuleId(row.rule_id),
        });
    }
    Ok(settled)
}
