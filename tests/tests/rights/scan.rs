//! Looks into every table of every database, as nobody but an administrator can.

use std::collections::BTreeMap;

use kith_platform::id::{PersonId, hex};
use kith_tests::services;
use kith_tests::stack::Stack;
use serde_json::Value;
use sqlx::AssertSqlSafe;

/// By service and table, rows.
pub type Rows = BTreeMap<(String, String), Vec<Value>>;

/// Every row of every table whose text or bytes hold this.
pub async fn rows_with(stack: &Stack, what: &str) -> Rows {
    let hex = hex(what.as_bytes());
    let mut rows = Rows::new();
    for service in services() {
        let mut admin = stack.admin(service.name).await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by 1",
        )
        .fetch_all(&mut admin)
        .await
        .expect("the tables");
        for table in tables {
            // The table's name comes from the catalogue.
            let query = AssertSqlSafe(format!(
                "select to_jsonb(t)::text from {table} t where position($1 in t::text) > 0 or position($2 in t::text) > 0"
            ));
            let found: Vec<String> =
                sqlx::query_scalar(query).bind(what).bind(&hex).fetch_all(&mut admin).await.expect("rows");
            if !found.is_empty() {
                let values = found.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect();
                rows.insert((service.name.to_owned(), table), values);
            }
        }
    }
    rows
}

/// By service and table, columns that are withheld.
pub type Columns = BTreeMap<(String, String), Vec<String>>;

/// The columns that each service withholds, as its migrations declare them.
pub async fn withheld_columns(stack: &Stack) -> Columns {
    let mut columns = Columns::new();
    for service in services() {
        let mut admin = stack.admin(service.name).await;
        let found: Vec<(String, String)> =
            sqlx::query_as("select table_name, column_name from platform.withheld_column")
                .fetch_all(&mut admin)
                .await
                .expect("the columns");
        for (table, column) in found {
            columns.entry((service.name.to_owned(), table)).or_default().push(column);
        }
    }
    columns
}

/// How many tables there are to look into.
pub async fn tables(stack: &Stack) -> i64 {
    let mut count = 0;
    for service in services() {
        let mut admin = stack.admin(service.name).await;
        count += sqlx::query_scalar::<_, i64>(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')",
        )
        .fetch_one(&mut admin)
        .await
        .expect("a count");
    }
    count
}

/// `<service> <table> <rows>` of what was found.
pub fn summary(rows: &Rows) -> Vec<String> {
    rows.iter().map(|((service, table), rows)| format!("{service} {table} {}", rows.len())).collect()
}

/// Rows of a scan that are missing in what was exported, and how many are withheld. Sign-in's rows are of no tenant and are
/// answered by themselves. Columns that are declared as withheld, a reviewed list in `declared`, are compared in neither.
pub fn missing(scanned: &Rows, exported: &Rows, columns: &Columns, person: PersonId) -> (Vec<String>, usize) {
    let (mut missing, mut withheld) = (Vec::new(), 0);
    for ((service, table), rows) in scanned.iter().filter(|((_, table), _)| !table.starts_with("signin.")) {
        let place = (service.clone(), table.clone());
        let masked = columns.get(&place).map(Vec::as_slice).unwrap_or_default();
        let strip = |row: &Value| {
            let mut row = row.clone();
            if let Some(fields) = row.as_object_mut() {
                fields.retain(|column, _| !masked.contains(column));
            }
            row
        };
        let found: Vec<Value> = exported.get(&place).into_iter().flatten().map(strip).collect();
        let left_out: Vec<&Value> = rows.iter().filter(|row| !found.contains(&strip(row))).collect();
        let hidden = left_out.iter().filter(|row| is_withheld(table, row, person)).count();
        withheld += hidden;
        if left_out.len() > hidden {
            missing.push(format!("{service} {table}: {} of {} rows", left_out.len() - hidden, rows.len()));
        }
    }
    (missing, withheld)
}

/// Copies of a state on its way are given out to who they are about, not to everybody whom they name; and nobody hears of
/// an interest that is not mutual.
fn is_withheld(table: &str, row: &Value, person: PersonId) -> bool {
    let own = Value::String(person.to_string());
    match table {
        "platform.outbox" | "platform.inbox" => row["aggregate_id"] != own,
        "platform.saved_answer" => row["actor_id"] != own,
        "public.introduction" => row["team_interested_at"].is_null() || row["giver_interested_at"].is_null(),
        _ => false,
    }
}
