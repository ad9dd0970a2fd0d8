//! Pay runs, statements and their lines.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::error::Result;
use kith_platform::id::{PersonId, TenantId, Uuid};
use sqlx::PgConnection;

use crate::domain::day::Month;
use crate::domain::line::Line;
use crate::domain::statement::Draft;
use crate::domain::{CircleId, DecisionId, PayRunId, StatementId, VisitId};

struct LineRow {
    visit_id: Uuid,
    settlement_no: i64,
    takes_back: bool,
    giver_person_id: Uuid,
    planned_date: NaiveDate,
    minutes: i64,
    hourly_rate: i64,
    rule_name: String,
    decision_id: Option<Uuid>,
    payers_total: i64,
    giver_amount: i64,
    contribution: i64,
}

impl From<LineRow> for Line {
    fn from(row: LineRow) -> Self {
        Self {
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
        }
    }
}

/// What of a Circle's month is on no statement yet, in the order of givers and planned days: settlements that stand,
/// and, with their signs turned, paid ones that were taken back since.
pub async fn unpaid(
    db: &mut PgConnection,
    tenant: TenantId,
    circle_id: CircleId,
    month: Month,
) -> Result<Vec<Line>> {
    let rows = sqlx::query_as!(
        LineRow,
        r#"select settlement.visit_id, settlement.settlement_no, reversal.visit_id is not null as "takes_back!",
                settlement.giver_person_id, settlement.planned_date, settlement.minutes,
                settlement.hourly_rate as "hourly_rate!", settlement.rule_name as "rule_name!", settlement.decision_id,
                settlement.payers_total as "payers_total!", settlement.giver_amount as "giver_amount!",
                settlement.contribution as "contribution!"
         from settlement
         left join settlement_reversal reversal on reversal.tenant_id = settlement.tenant_id
             and reversal.visit_id = settlement.visit_id and reversal.settlement_no = settlement.settlement_no
         left join statement_line paid on paid.tenant_id = settlement.tenant_id
             and paid.visit_id = settlement.visit_id and paid.settlement_no = settlement.settlement_no
             and not paid.takes_back
         left join statement_line returned on returned.tenant_id = settlement.tenant_id
             and returned.visit_id = settlement.visit_id and returned.settlement_no = settlement.settlement_no
             and returned.takes_back
         where settlement.tenant_id = $1 and settlement.circle_id = $2 and settlement.kind = 'money'
           and settlement.planned_date >= $3 and settlement.planned_date < $4
           and case when reversal.visit_id is null then paid.visit_id is null
                    else paid.visit_id is not null and returned.visit_id is null end
         order by settlement.giver_person_id, settlement.planned_date, settlement.visit_id, settlement.settlement_no"#,
        tenant.0,
        circle_id.0,
        month.first_day(),
        month.first_day_after()
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| Line::from(row).signed()).collect())
}

/// One run of pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayRun {
    /// Which.
    pub id: PayRunId,
    /// Of which Circle.
    pub circle_id: CircleId,
    /// First day of its month.
    pub month: NaiveDate,
    /// Statements made in it.
    pub statements: i32,
    /// What the givers' sides receive, in pence.
    pub total: i64,
}

/// Writes down a run of pay.
pub async fn insert_run(
    db: &mut PgConnection,
    tenant: TenantId,
    run: PayRun,
    created_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into pay_run (tenant_id, id, circle_id, month, statements, total, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        run.id.0,
        run.circle_id.0,
        run.month,
        run.statements,
        run.total,
        created_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A run of pay by id.
pub async fn run(db: &mut PgConnection, tenant: TenantId, id: PayRunId) -> Result<Option<PayRun>> {
    let row = sqlx::query!(
        "select circle_id, month, statements, total from pay_run where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| PayRun {
        id,
        circle_id: CircleId(row.circle_id),
        month: row.month,
        statements: row.statements,
        total: row.total,
    }))
}

/// Makes a statement of a run.
pub async fn insert(
    db: &mut PgConnection,
    tenant: TenantId,
    id: StatementId,
    run: PayRun,
    draft: &Draft,
    created_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into statement
             (tenant_id, id, pay_run_id, circle_id, giver_person_id, month, total, minutes, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        id.0,
        run.id.0,
        run.circle_id.0,
        draft.giver.0,
        run.month,
        draft.total,
        draft.minutes,
        created_at
    )
    .execute(&mut *db)
    .await?;
    for (place, line) in (1..).zip(&draft.lines) {
        sqlx::query!(
            "insert into statement_line
                 (tenant_id, statement_id, place, visit_id, settlement_no, takes_back, giver_person_id, planned_date,
                  minutes, hourly_rate, rule_name, decision_id, payers_total, giver_amount, contribution)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            tenant.0,
            id.0,
            place,
            line.visit_id.0,
            line.settlement_no,
            line.takes_back,
            line.giver.0,
            line.planned_date,
            line.minutes,
            line.hourly_rate,
            line.rule_name,
            line.decision_id.map(Uuid::from),
            line.payers_total,
            line.giver_amount,
            line.contribution
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// A made statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which.
    pub id: StatementId,
    /// Who is paid.
    pub giver: PersonId,
    /// First day of its month.
    pub month: NaiveDate,
    /// Pence.
    pub total: i64,
    /// Paid minutes.
    pub minutes: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By planned day.
    pub lines: Vec<Line>,
}

/// Which statements are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of a Circle.
    pub circle_id: Option<CircleId>,
    /// Of a giver.
    pub giver: Option<PersonId>,
    /// Of a month.
    pub month: Option<Month>,
}

/// A page of statements with their lines, oldest first, after the one given; all where there is no limit.
pub async fn page(
    db: &mut PgConnection,
    tenant: TenantId,
    filter: Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: Option<i64>,
) -> Result<Vec<Statement>> {
    let (created_at, after_id) = after.unzip();
    let rows = sqlx::query!(
        "select id, giver_person_id, month, total, minutes, created_at from statement
         where tenant_id = $1 and ($2::uuid is null or circle_id = $2) and ($3::uuid is null or giver_person_id = $3)
           and ($4::date is null or month = $4) and ($5::timestamptz is null or (created_at, id) > ($5, $6))
         order by created_at, id limit $7",
        tenant.0,
        filter.circle_id.map(Uuid::from),
        filter.giver.map(Uuid::from),
        filter.month.map(Month::first_day),
        created_at,
        after_id,
        limit
    )
    .fetch_all(&mut *db)
    .await?;
    let mut statements = Vec::with_capacity(rows.len());
    for row in rows {
        let id = StatementId(row.id);
        statements.push(Statement {
            id,
            giver: PersonId(row.giver_person_id),
            month: row.month,
            total: row.total,
            minutes: row.minutes,
            created_at: row.created_at,
            lines: lines(db, tenant, id).await?,
        });
    }
    Ok(statements)
}

async fn lines(db: &mut PgConnection, tenant: TenantId, id: StatementId) -> Result<Vec<Line>> {
    let rows = sqlx::query_as!(
        LineRow,
        "select visit_id, settlement_no, takes_back, giver_person_id, planned_date, minutes, hourly_rate, rule_name,
                decision_id, payers_total, giver_amount, contribution
         from statement_line where tenant_id = $1 and statement_id = $2 order by place",
        tenant.0,
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Line::from).collect())
}
