//! How far an erasure is: what each service has said that it did, and what it must keep.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};
use kith_proto::common::v1::RetentionPeriod;
use serde::Deserialize;
use sqlx::types::Json;

use super::words;
use crate::domain::ErasureId;
use crate::domain::rights::{Erasure, Kept, Report};

#[derive(Deserialize)]
struct ReportRow {
    service: String,
    deleted_rows: i64,
    blanked_rows: i64,
    id_only_rows: i64,
    kept: Vec<KeptRow>,
}

#[derive(Deserialize)]
struct KeptRow {
    class: String,
    kept_rows: i64,
    kept_until: Option<NaiveDate>,
}

impl From<ReportRow> for Report {
    fn from(row: ReportRow) -> Self {
        let kept = row.kept.into_iter().map(|kept| Kept {
            class: kept.class,
            rows: kept.kept_rows,
            until: kept.kept_until,
        });
        Self {
            service: row.service,
            deleted_rows: row.deleted_rows,
            blanked_rows: row.blanked_rows,
            id_only_rows: row.id_only_rows,
            kept: kept.collect(),
        }
    }
}

struct ProgressRow {
    person_id: Uuid,
    phase: String,
    asked_at: DateTime<Utc>,
    ordered_at: Option<DateTime<Utc>>,
    restricted_until: Option<NaiveDate>,
    reports: Json<Vec<ReportRow>>,
}

/// Reads an erasure with what the services have said so far: one statement, so that both are of the same moment.
pub async fn progress(tx: &mut Tx, id: ErasureId) -> Result<Option<(Erasure, Vec<Report>)>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        ProgressRow,
        r#"select person_id, phase, asked_at, ordered_at, restricted_until,
             (select coalesce(jsonb_agg(to_jsonb(r) || jsonb_build_object('kept',
                     (select coalesce(jsonb_agg(to_jsonb(k) order by k.class), '[]') from erasure_kept k
                      where k.tenant_id = $1 and k.erasure_id = $2 and k.service = r.service)) order by r.service), '[]')
              from erasure_report r where r.tenant_id = $1 and r.erasure_id = $2) as "reports!: Json<Vec<ReportRow>>"
         from erasure where tenant_id = $1 and id = $2"#,
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let erasure = Erasure {
            id,
            person: PersonId(row.person_id),
            phase: words::phase(&row.phase, id)?,
            asked_at: row.asked_at,
            ordered_at: row.ordered_at,
            restricted_until: row.restricted_until,
        };
        Ok((erasure, row.reports.0.into_iter().map(Report::from).collect()))
    })
    .transpose()
}

/// Writes what a service said; a second report of the same changes nothing.
pub async fn add_report(tx: &mut Tx, erasure: ErasureId, report: &Report) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let added = sqlx::query!(
        "insert into erasure_report (tenant_id, erasure_id, service, deleted_rows, blanked_rows, id_only_rows, reported_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict on constraint erasure_report_pk do nothing",
        tenant.0,
        erasure.0,
        report.service,
        report.deleted_rows,
        report.blanked_rows,
        report.id_only_rows,
        now,
    )
    .execute(tx.conn())
    .await?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    for kept in &report.kept {
        sqlx::query!(
            "insert into erasure_kept (tenant_id, erasure_id, service, class, kept_rows, kept_until)
             values ($1, $2, $3, $4, $5, $6)",
            tenant.0,
            erasure.0,
            report.service,
            kept.class,
            kept.rows,
            kept.until,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// What must still be kept of a person in this service on a day.
pub async fn kept_here(
    tx: &mut Tx,
    person: PersonId,
    day: NaiveDate,
    periods: &[RetentionPeriod],
) -> Result<Vec<Kept>> {
    let classes: Vec<String> = periods.iter().map(|period| period.class.clone()).collect();
    let months: Vec<Option<i32>> = periods.iter().map(|period| period.months).collect();
    let rows = sqlx::query!(
        r#"select class as "class!", kept as "kept!", kept_until from kept_about($1, $2, $3, $4)"#,
        person.0,
        day,
        &classes,
        &months as &[Option<i32>],
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| Kept { class: row.class, rows: row.kept, until: row.kept_until }).collect())
}

/// Forgets what the services said: they are asked anew.
pub async fn forget_reports(tx: &mut Tx, erasure: ErasureId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from erasure_kept where tenant_id = $1 and erasure_id = $2", tenant.0, erasure.0)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from erasure_report where tenant_id = $1 and erasure_id = $2", tenant.0, erasure.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}
