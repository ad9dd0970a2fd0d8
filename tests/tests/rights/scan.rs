//! Looks into every table of every database, as nobody but an administrator can.

use std::collections::BTreeMap;

use kith_platform::id::hex;
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
