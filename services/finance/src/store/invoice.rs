//! Invoices and their lines. What a line comes to stands with its settlement, which never changes.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};

use crate::domain::invoice::{Invoice, InvoiceLine};
use crate::domain::line::Line;
use crate::domain::month::Month;
use crate::domain::{CircleId, DecisionId, InvoiceId, PayerId, TeamId, VisitId};

struct LineRow {
    visit_id: Uuid,
    settlement_no: i64,
    takes_back: bool,
    team_id: Uuid,
    giver_person_id: Uuid,
    planned_date: NaiveDate,
    minutes: i64,
    hourly_rate: i64,
    rule_name: String,
    decision_id: Option<Uuid>,
    payers_total: i64,
    giver_amount: i64,
    contribution: i64,
    payer_id: Uuid,
    payer_amount: i64,
    payer_contribution: i64,
}

impl From<LineRow> for InvoiceLine {
    fn from(row: LineRow) -> Self {
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
        Self {
            line: line.signed(),
            team_id: TeamId(row.team_id),
            payer_id: PayerId(row.payer_id),
            payer_amount: if row.takes_back { -row.payer_amount } else { row.payer_amount },
            payer_contribution: if row.takes_back { -row.payer_contribution } else { row.payer_contribution },
        }
    }
}

/// What of a Circle's month is on no invoice yet, in the order of Teams, payers and planned days: settled shares that
/// stand, and, with their signs turned, invoiced ones that were taken back since.
pub async fn uninvoiced(tx: &mut Tx, circle_id: CircleId, month: Month) -> Result<Vec<InvoiceLine>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        LineRow,
        r#"select settlement.visit_id, settlement.settlement_no, reversal.visit_id is not null as "takes_back!",
                settlement.team_id, settlement.giver_person_id, settlement.planned_date, settlement.minutes,
                settlement.hourly_rate as "hourly_rate!", settlement.rule_name as "rule_name!", settlement.decision_id,
                settlement.payers_total as "payers_total!", settlement.giver_amount as "giver_amount!",
                settlement.contribution as "contribution!", share.payer_id, share.amount as payer_amount,
                share.contribution as payer_contribution
         from settlement
         join settlement_share share on share.tenant_id = settlement.tenant_id
             and share.visit_id = settlement.visit_id and share.settlement_no = settlement.settlement_no
         join payer on payer.tenant_id = share.tenant_id and payer.id = share.payer_id
         left join settlement_reversal reversal on reversal.tenant_id = settlement.tenant_id
             and reversal.visit_id = settlement.visit_id and reversal.settlement_no = settlement.settlement_no
         left join invoice_line charged on charged.tenant_id = share.tenant_id and charged.visit_id = share.visit_id
             and charged.settlement_no = share.settlement_no and charged.payer_id = share.payer_id
             and not charged.takes_back
         left join invoice_line returned on returned.tenant_id = share.tenant_id
             and returned.visit_id = share.visit_id and returned.settlement_no = share.settlement_no
             and returned.payer_id = share.payer_id and returned.takes_back
         where settlement.tenant_id = $1 and settlement.circle_id = $2 and settlement.kind = 'money'
           and settlement.planned_date >= $3 and settlement.planned_date < $4
           and case when reversal.visit_id is null then charged.visit_id is null
                    else charged.visit_id is not null and returned.visit_id is null end
         order by settlement.team_id, payer.added, settlement.planned_date, settlement.visit_id,
                  settlement.settlement_no"#,
        tenant.0,
        circle_id.0,
        month.first_day(),
        month.first_day_after()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(InvoiceLine::from).collect())
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
            month: Month::of(row.month),
            total: row.total,
            contribution: row.contribution,
            created_at: row.created_at,
        }
    }
}

/// Issues invoices, each with its lines by planned day.
pub async fn insert(tx: &mut Tx, issued: &[(Invoice, Vec<InvoiceLine>)]) -> Result<()> {
    let tenant = tx.tenant();
    let mut columns =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    let mut lines = (vec![], vec![], vec![], vec![], vec![], vec![]);
    for (invoice, its_lines) in issued {
        columns.0.push(invoice.id.0);
        columns.1.push(invoice.number);
        columns.2.push(invoice.circle_id.0);
        columns.3.push(invoice.team_id.0);
        columns.4.push(invoice.payer_id.0);
        columns.5.push(invoice.billing_name.clone());
        columns.6.push(invoice.billing_address.clone());
        columns.7.push(invoice.month.first_day());
        columns.8.push(invoice.total);
        columns.9.push(invoice.contribution);
        columns.10.push(invoice.created_at);
        for (place, line) in (1..).zip(its_lines) {
            lines.0.push(invoice.id.0);
            lines.1.push(place);
            lines.2.push(line.line.visit_id.0);
            lines.3.push(line.line.settlement_no);
            lines.4.push(line.payer_id.0);
            lines.5.push(line.line.takes_back);
        }
    }
    sqlx::query!(
        "with issued as (
             insert into invoice (tenant_id, id, number, circle_id, team_id, payer_id, billing_name, billing_address,
                                  month, total, contribution, created_at)
             select $1, new.* from unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[],
                                          $8::text[], $9::date[], $10::bigint[], $11::bigint[], $12::timestamptz[])
                 as new
         )
         insert into invoice_line (tenant_id, invoice_id, place, visit_id, settlement_no, payer_id, takes_back)
         select $1, line.* from unnest($13::uuid[], $14::bigint[], $15::uuid[], $16::bigint[], $17::uuid[], $18::bool[])
             as line",
        tenant.0,
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
        &columns.4,
        &columns.5,
        &columns.6,
        &columns.7,
        &columns.8,
        &columns.9,
        &columns.10,
        &lines.0,
        &lines.1,
        &lines.2,
        &lines.3,
        &lines.4,
        &lines.5
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An invoice by id.
pub async fn find(tx: &mut Tx, id: InvoiceId) -> Result<Option<Invoice>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, number, circle_id, team_id, payer_id, billing_name, billing_address, month, total, contribution,
                created_at
         from invoice where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Invoice::from))
}

/// Which invoices are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of a Circle.
    pub circle_id: Option<CircleId>,
    /// Of a Team.
    pub team_id: Option<TeamId>,
    /// Of a month.
    pub month: Option<Month>,
}

/// Invoices by number, from after that number; all where there is no limit.
pub async fn list(tx: &mut Tx, filter: Filter, after: i64, limit: Option<i64>) -> Result<Vec<Invoice>> {
    let tenant = tx.tenant();
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
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Invoice::from).collect())
}

/// The lines of an invoice, by planned day.
pub async fn lines(tx: &mut Tx, id: InvoiceId) -> Result<Vec<InvoiceLine>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        LineRow,
        r#"select line.visit_id, line.settlement_no, line.takes_back, settlement.team_id, settlement.giver_person_id,
                settlement.planned_date, settlement.minutes, settlement.hourly_rate as "hourly_rate!",
                settlement.rule_name as "rule_name!", settlement.decision_id,
                settlement.payers_total as "payers_total!", settlement.giver_amount as "giver_amount!",
                settlement.contribution as "contribution!", line.payer_id, share.amount as payer_amount,
                share.contribution as payer_contribution
         from invoice_line line
         join settlement on settlement.tenant_id = line.tenant_id and settlement.visit_id = line.visit_id
             and settlement.settlement_no = line.settlement_no
         join settlement_share share on share.tenant_id = line.tenant_id and share.visit_id = line.visit_id
             and share.settlement_no = line.settlement_no and share.payer_id = line.payer_id
         where line.tenant_id = $1 and line.invoice_id = $2 order by line.place"#,
        tenant.0,
        id.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(InvoiceLine::from).collect())
}
