//! Pay runs, statements and their lines. What a line comes to stands with its settlement, which never changes.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::line::Line;
use crate::domain::month::Month;
use crate::domain::statement::{PayRun, Statement};
use crate::domain::{CircleId, DecisionId, StatementId, VisitId};

struct LineRow {
    statement_id: Uuid,
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
        .signed()
    }
}

/// What of a Circle's month is on no statement yet, in the order of givers and planned days: settlements that stand,
/// and, with their signs turned, paid ones that were taken back since.
pub async fn unpaid(tx: &mut Tx, circle_id: CircleId, month: Month) -> Result<Vec<Line>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        LineRow,
        r#"select $1::uuid as "statement_id!", settlement.visit_id, settlement.settlement_no,
                reversal.visit_id is not null as "takes_back!", settlement.giver_person_id, settlement.planned_date,
                settlement.minutes, settlement.hourly_rate as "hourly_rate!", settlement.rule_name as "rule_name!",
                settlement.decision_id, settlement.payers_total as "payers_total!",
                settlement.giver_amount as "giver_amount!", settlement.contribution as "contribution!"
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
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Line::from).collect())
}

/// Writes down a run of pay with its statements.
pub async fn insert(tx: &mut Tx, run: &PayRun, statements: &[Statement]) -> Result<()> {
    let (tenant, created_at) = (tx.tenant(), tx.now());
    let mut columns = (vec![], vec![], vec![], vec![]);
    let mut lines = (vec![], vec![], vec![], vec![], vec![]);
    for statement in statements {
        columns.0.push(statement.id.0);
        columns.1.push(statement.giver.0);
        columns.2.push(statement.total);
        columns.3.push(statement.minutes);
        for (place, line) in (1..).zip(&statement.lines) {
            lines.0.push(statement.id.0);
            lines.1.push(place);
            lines.2.push(line.visit_id.0);
            lines.3.push(line.settlement_no);
            lines.4.push(line.takes_back);
        }
    }
    sqlx::query!(
        "with run as (
             insert into pay_run (tenant_id, id, circle_id, month, statements, total, created_at)
             values ($1, $2, $3, $4, $5, $6, $7)
         ), made as (
             insert into statement (tenant_id, pay_run_id, circle_id, month, created_at, id, giver_person_id, total,
                                    minutes)
             select $1, $2, $3, $4, $7, new.*
             from unnest($8::uuid[], $9::uuid[], $10::bigint[], $11::bigint[]) as new
         )
         insert into statement_line (tenant_id, statement_id, place, visit_id, settlement_no, takes_back)
         select $1, line.* from unnest($12::uuid[], $13::bigint[], $14::uuid[], $15::bigint[], $16::bool[]) as line",
        tenant.0,
        run.id.0,
        run.circle_id.0,
        run.month.first_day(),
        run.statements,
        run.total,
        created_at,
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
        &lines.0,
        &lines.1,
        &lines.2,
        &lines.3,
        &lines.4
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Which statements are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of a Circle.
    pub circle_id: Option<CircleId>,
    /// Of a giver.
    pub giver: Option<PersonId>,
    /// Of a month.
    pub month: Option<Month>,
}

/// Statements with their lines, oldest first, from after that one; all where there is no limit.
pub async fn list(
    tx: &mut Tx,
    filter: Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: Option<i64>,
) -> Result<Vec<Statement>> {
    let tenant = tx.tenant();
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
    .fetch_all(tx.conn())
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut lines = lines(tx, &ids).await?.into_iter().peekable();
    let mut statements = Vec::with_capacity(rows.len());
    for row in rows {
        let mut its_lines = Vec::new();
        while let Some(line) = lines.next_if(|line| line.statement_id == row.id) {
            its_lines.push(Line::from(line));
        }
        statements.push(Statement {
            id: StatementId(row.id),
            giver: PersonId(row.giver_person_id),
            month: Month::of(row.month),
            total: row.total,
            minutes: row.minutes,
            created_at: row.created_at,
            lines: its_lines,
        });
    }
    Ok(statements)
}

/// The lines of statements, in the order of the statements given.
async fn lines(tx: &mut Tx, statements: &[Uuid]) -> Result<Vec<LineRow>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        LineRow,
        r#"select line.statement_id, line.visit_id, line.settlement_no, line.takes_back, settlement.giver_person_id,
                settlement.planned_date, settlement.minutes, settlement.hourly_rate as "hourly_rate!",
                settlement.rule_name as "rule_name!", settlement.decision_id,
                settlement.payers_total as "payers_total!", settlement.giver_amount as "giver_amount!",
                settlement.contribution as "contribution!"
         from unnest($2::uuid[]) with ordinality as asked (id, place)
         join statement_line line on line.tenant_id = $1 and line.statement_id = asked.id
         join settlement on settlement.tenant_id = line.tenant_id and settlement.visit_id = line.visit_id
             and settlement.settlement_no = line.settlement_no
         order by asked.place, line.place"#,
        tenant.0,
        statements
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
