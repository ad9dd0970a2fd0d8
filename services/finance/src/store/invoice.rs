//! Invoices and their lines.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId, Uuid};
use sqlx::PgConnection;

use crate::domain::day::Month;
use crate::domain::invoice::{Draft, InvoiceLine};
use crate::domain::line::Line;
use crate::domain::{CircleId, DecisionId, InvoiceId, PayerId, TeamId, VisitId};

/// What of a Circle's month is on no invoice yet, in the order of Teams, payers and planned days: settled shares that
/// stand, and, with their signs turned, invoiced ones that were taken back since.
pub async fn uninvoiced(
    db: &mut PgConnection,
    tenant: TenantId,
    circle_id: CircleId,
    month: Month,
) -> Result<Vec<InvoiceLine>> {
    let rows = sqlx::query!(
        r#"select settlement.visit_id, settlement.settlement_no, settlement.team_id, settlement.giver_person_id,
                settlement.planned_date, settlement.minutes, settlement.hourly_rate as "hourly_rate!",
                settlement.rule_name as "rule_name!", settlement.decision_id,
                settlement.payers_total as "payers_total!", settlement.giver_amount as "giver_amount!",
                settlement.contribution as "contribution!", share.payer_id, share.amount,
                reversal.visit_id is not null as "takes_back!"
         from settlement
         join settlement_share share on share.tenant_id = settlement.tenant_id
             and share.visit_id = settlement.visit_id and share.settlement_no = settlement.settlement_no
         join payer on payer.tenant_id = share.tenant_id and payer.id = share.payer_id
         left join settlement_reversal reversal on reversal.tenant_id = settlement.tenant_id
             and reversal.visit_id = settlement.visit_id and reversal.settlement_no = settlement.settlement_no
         left join invoice_line charged on charged.tenant_id = share.tenant_id and charged.visit_id = share.visit_id
             and charged.settlement_no = share.settlement_no and charged.payer_id = share.payer_id
             and not charged.takes_back
         left join invoice_line credited on credited.tenant_id = share.tenant_id
             and credited.visit_id = share.visit_id and credited.settlement_no = share.settlement_no
             and credited.payer_id = share.payer_id and credited.takes_back
         where settlement.tenant_id = $1 and settlement.circle_id = $2 and settlement.kind = 'money'
           and settlement.planned_date >= $3 and settlement.planned_date < $4
           and case when reversal.visit_id is null then charged.visit_id is null
                    else charged.visit_id is not null and credited.visit_id is null end
         order by settlement.team_id, payer.created_at, payer.id, settlement.planned_date, settlement.visit_id,
                  settlement.settlement_no"#,
        tenant.0,
        circle_id.0,
        month.first_day(),
        month.first_day_after()
    )
    .fetch_all(db)
    .await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let line = Line {
            visit_id: VisitId(row.visit_id),
            settlement_no: row.settlement_no,
            takes_back: row.takes_back,
            giver: PersonId(row.giver_person_id),
            planned_date: row.planned_date,
            minutes: row.minutes,
            hourly_rate: row.hourly_rate,
            rule_name: row.rule_name,
            decision_id: row.decision_id.map(DecisionId),
            payers_total: row.payers_total,
            giver_amount: row.giver_amount,
            contribution: row.contribution,
        };
        lines.push(InvoiceLine {
            line: line.signed(),
            team_id: TeamId(row.team_id),
            payer_id: PayerId(row.payer_id),
            payer_amount: if row.takes_back { -row.amount } else { row.amount },
        });
    }
    Ok(lines)
}

/// An issued invoice without its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Which.
    pub id: InvoiceId,
    /// Consecutive per tenant.
    pub number: i64,
    /// Of which Circle.
    pub circle_id: CircleId,
    /// Of which Team.
    pub team_id: TeamId,
    /// Who pays.
    pub payer_id: PayerId,
    /// As at issue.
    pub billing_name: String,
    /// As at issue.
    pub billing_address: String,
    /// First day of its month.
    pub month: NaiveDate,
    /// Pence.
    pub total: i64,
    /// Pence.
    pub contribution: i64,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
}

/// What an invoice gets when it is issued.
#[derive(Clone, Copy, Debug)]
pub struct Issue {
    /// Its id.
    pub id: InvoiceId,
    /// Its number.
    pub number: i64,
    /// Of which Circle.
    pub circle_id: CircleId,
    /// Of which month.
    pub month: Month,
    /// When.
    pub created_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    number: i64,
    circle_id: Uuid,
    team_id: Uuid,
    payer_id: Uuid,
    billing_name: String,
    billing_address: String,
    month: NaiveDate,
    total: i64,
    contribution: i64,
    created_at: DateTime<Utc>,
}

impl From<Row> for Invoice {
    fn from(row: Row) -> Self {
        Self {
            id: InvoiceId(row.id),
            number: row.number,
            circle_id: CircleId(row.circle_id),
            team_id: TeamId(row.team_id),
            payer_id: PayerId(row.payer_id),
            billing_name: row.billing_name,
            billing_address: row.billing_address,
            month: row.month,
            total: row.total,
            contribution: row.contribution,
            created_at: row.created_at,
        }
    }
}

/// Issues an invoice: freezes the billing name and address as they are, and the lines.
pub async fn insert(db: &mut PgConnection, tenant: TenantId, issue: Issue, draft: &Draft) -> Result<Invoice> {
    let row = sqlx::query_as!(
        Row,
        "insert into invoice (tenant_id, id, number, circle_id, team_id, payer_id, billing_name, billing_address, month,
                              total, contribution, created_at)
         select tenant_id, $2, $3, $4, team_id, id, billing_name, billing_address, $5, $6, $7, $8
         from payer where tenant_id = $1 and id = $9
         returning id, number, circle_id, team_id, payer_id, billing_name, billing_address, month, total, contribution,
                   created_at",
        tenant.0,
        issue.id.0,
        issue.number,
        issue.circle_id.0,
        issue.month.first_day(),
        draft.total,
        draft.contribution,
        issue.created_at,
        draft.payer_id.0
    )
    .fetch_one(&mut *db)
    .await?;
    for (place, line) in (1..).zip(&draft.lines) {
        sqlx::query!(
            "insert into invoice_line
                 (tenant_id, invoice_id, place, payer_id, visit_id, settlement_no, takes_back, giver_person_id,
                  planned_date, minutes, hourly_rate, rule_name, decision_id, payers_total, giver_amount, contribution,
                  payer_amount)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            tenant.0,
            issue.id.0,
            place,
            line.payer_id.0,
            line.line.visit_id.0,
            line.line.settlement_no,
            line.line.takes_back,
            line.line.giver.0,
            line.line.planned_date,
            line.line.minutes,
            line.line.hourly_rate,
            line.line.rule_name,
            line.line.decision_id.map(Uuid::from),
            line.line.payers_total,
            line.line.giver_amount,
            line.line.contribution,
            line.payer_amount
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(row.into())
}

/// An invoice by id.
pub async fn find(db: &mut PgConnection, tenant: TenantId, id: InvoiceId) -> Result<Option<Invoice>> {
    let row = sqlx::query_as!(
        Row,
        "select id, number, circle_id, team_id, payer_id, billing_name, billing_address, month, total, contribution,
                created_at
         from invoice where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Invoice::from))
}

/// Which invoices are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of a Circle.
    pub circle_id: Option<CircleId>,
    /// Of a Team.
    pub team_id: Option<TeamId>,
    /// Of a month.
    pub month: Option<Month>,
}

/// A page of invoices by number, after the number given.
pub async fn page(
    db: &mut PgConnection,
    tenant: TenantId,
    filter: Filter,
    after: i64,
    limit: i64,
) -> Result<Vec<Invoice>> {
    let rows = sqlx::query_as!(
        Row,
        "select id, number, circle_id, team_id, payer_id, billing_name, billing_address, month, total, contribution,
                created_at
         from invoice
         where tenant_id = $1 and ($2::uuid is null or circle_id = $2) and ($3::uuid is null or team_id = $3)
           and ($4::date is null or month = $4) and number > $5
         order by number limit $6",
        tenant.0,
        filter.circle_id.map(Uuid::from),
        filter.team_id.map(Uuid::from),
        filter.month.map(Month::first_day),
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Invoice::from).collect())
}

/// The lines of an invoice, each with what its payer pays of it.
pub async fn lines(db: &mut PgConnection, tenant: TenantId, id: InvoiceId) -> Result<Vec<(Line, i64)>> {
    let rows = sqlx::query!(
        "select visit_id, settlement_no, takes_back, giver_person_id, planned_date, minutes, hourly_rate, rule_name,
                decision_id, payers_total, giver_amount, contribution, payer_amount
         from invoice_line where tenant_id = $1 and invoice_id = $2 order by place",
        tenant.0,
        id.0
    )
    .fetch_all(db)
    .await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let line = Line {
            visit_id: VisitId(row.visit_id),
            settlement_no: row.settlement_no,
            takes_back: row.takes_back,
            giver: PersonId(row.giver_person_id),
            planned_date: row.planned_date,
            minutes: row.minutes,
            hourly_rate: row.hourly_rate,
            rule_name: row.rule_name,
            decision_id: row.decision_id.map(DecisionId),
            payers_total: row.payers_total,
            giver_amount: row.giver_amount,
            contribution: row.contribution,
        };
        lines.push((line, row.payer_amount));
    }
    Ok(lines)
}
