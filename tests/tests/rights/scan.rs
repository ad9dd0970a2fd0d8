//! Looks into every table of every database, as nobody but an administrator can.

use std::collections::BTreeMap;

use kith_platform::id::hex;
use kith_tests::services;
use kith_tests::stack::Stack;
use serde_json::Value;
use sqlx::AssertSqlSafe;

/// By service and table, rows.
pub type Rows = BTreeMap<(String, String), Vec<Value>>;

/// Transfers that do not come to nothing, and accounts whose balance is not the sum of their entries.
pub const UNBALANCED: &str = "select (select count(*) from (select transfer_id from entry
        group by transfer_id, currency having sum(amount) <> 0) t)
    + (select count(*) from account a where a.balance <>
        coalesce((select sum(e.amount) from entry e where e.account_id = a.id), 0))";

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

/// Rows of a scan that are missing in what was exported. Sign-in's rows are of no tenant and are answered by themselves.
pub fn missing(scanned: &Rows, exported: &Rows) -> Vec<String> {
    let mut missing = Vec::new();
    for ((service, table), rows) in scanned.iter().filter(|((_, table), _)| !table.starts_with("signin.")) {
        let found = exported.get(&(service.clone(), table.clone())).map(Vec::as_slice).unwrap_or_default();
        let left_out = rows.iter().filter(|row| !found.contains(row)).count();
        if left_out > 0 {
            missing.push(format!("{service} {table}: {left_out} of {} rows", rows.len()));
        }
    }
    missing
}

/// How many rows.
pub fn count(rows: &Rows) -> usize {
    rows.values().map(Vec::len).sum()
}

/// A number, added up over all databases that have what it counts.
pub async fn sum_of(stack: &Stack, query: &'static str) -> i64 {
    let mut sum = 0;
    for service in services() {
        let mut admin = stack.admin(service.name).await;
        let about_books = query == UNBALANCED;
        if !about_books || service.name == "finance" {
            sum += sqlx::query_scalar::<_, i64>(query).fetch_one(&mut admin).await.expect("a number");
        }
    }
    sum
}
