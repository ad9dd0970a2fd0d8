//! Every table × every verb, as the service's own roles: with another tenant set, and with none.

use std::collections::BTreeMap;

use kith_platform::id::Uuid;
use kith_platform::testing::World;
use kith_tests::services;
use kith_tests::tables::{Database, OPEN_TO_RELAY, REVIEWED};
use sqlx::{AssertSqlSafe, PgConnection};

/// A column that a row must give a value for.
#[derive(sqlx::FromRow)]
struct Column {
    name: String,
    kind: String,
}

/// What came of one database.
#[derive(Debug, Default)]
struct Found {
    tables: usize,
    cells: usize,
    seen_by_their_own: usize,
    leaks: Vec<String>,
}

const ONE: Uuid = Uuid::from_u128(0xA);
const TWO: Uuid = Uuid::from_u128(0xB);

/// Lets nothing but row security decide: checks, foreign keys and triggers go, in this database only. A row of anything
/// then fits into every table.
const NOTHING_BUT_ROW_SECURITY: &str = r"
    do $$ declare each record; begin
        for each in select k.conrelid::regclass as on_table, k.conname from pg_constraint k
                join pg_namespace n on n.oid = k.connamespace
            where k.conrelid <> 0 and k.contype in ('c', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
            order by k.contype desc
        loop execute format('alter table %s drop constraint %I', each.on_table, each.conname); end loop;
        for each in select c.oid::regclass as on_table from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
        loop execute format('alter table %s disable trigger user', each.on_table); end loop;
    end $$";

async fn run(conn: &mut PgConnection, statement: String) -> Result<u64, String> {
    match sqlx::query(AssertSqlSafe(statement)).execute(conn).await {
        Ok(done) => Ok(done.rows_affected()),
        Err(error) => Err(error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default()
            .into_owned()),
    }
}

async fn number(conn: &mut PgConnection, query: String) -> Result<i64, String> {
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(conn).await.map_err(|error| {
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned()
    })
}

/// A literal of that type, another one for each number.
fn literal(kind: &str, number: u32) -> String {
    let moment = format!("timestamptz '2026-01-01 00:00:00+00' + {number} * interval '2 hours'");
    match kind {
        "uuid" => format!("'{}'::uuid", Uuid::from_u128(u128::from(number) + 0x1000)),
        "text" => format!("'word {number}'"),
        "bool" => "true".into(),
        "int2" | "int4" | "int8" | "numeric" | "float8" => number.to_string(),
        "timestamptz" => moment,
        "timestamp" => format!("({moment}) at time zone 'UTC'"),
        "date" => format!("date '2026-01-01' + {number}"),
        "time" => "time '09:00'".into(),
        "bytea" => format!("'\\x{number:08x}'::bytea"),
        "json" | "jsonb" => format!("'{{}}'::{kind}"),
        "interval" => "interval '1 hour'".into(),
        "tstzrange" => format!("tstzrange({moment}, {moment} + interval '1 hour')"),
        "daterange" => format!("daterange(date '2026-01-01' + {number}, date '2026-01-02' + {number})"),
        array if array.starts_with('_') => format!("'{{}}'::{}[]", &array[1..]),
        other => panic!("the tests have no value of type {other}: add one to `literal`"),
    }
}

/// An insert of a row for that tenant.
async fn insert(admin: &mut PgConnection, table: &str, tenant: Uuid, number: &mut u32) -> String {
    let columns: Vec<Column> = sqlx::query_as(
        "select quote_ident(a.attname) as name, t.typname::text as kind from pg_attribute a join pg_type t on t.oid = a.atttypid
         where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped
             and a.attgenerated = '' and a.attidentity = '' order by a.attnum",
    )
    .bind(table)
    .fetch_all(admin)
    .await
    .expect("the columns");
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in columns {
        *number += 1;
        values.push(match column.name.as_str() {
            "tenant_id" => format!("'{tenant}'::uuid"),
            _ => literal(&column.kind, *number),
        });
        names.push(column.name);
    }
    format!("insert into {table} ({}) values ({})", names.join(", "), values.join(", "))
}

/// Sets the tenant for the session: what no service code does, and what the begin statement does for its transaction.
async fn set_tenant(conn: &mut PgConnection, tenant: Option<Uuid>) {
    let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
    sqlx::query("select set_config('app.tenant', $1, false)").bind(tenant).execute(conn).await.expect("set");
}

/// Tries every cell of one database. `prepare` is what is done to it first.
async fn try_all(database: &Database, prepare: &'static str) -> Found {
    let mut admin = database.as_admin().await;
    sqlx::raw_sql(NOTHING_BUT_ROW_SECURITY).execute(&mut admin).await.expect("only row security is left");
    sqlx::raw_sql(prepare).execute(&mut admin).await.expect("prepared");
    let (tables, reviewed) = database.tables(&mut admin).await;
    let mut found = Found { tables: tables.len(), ..Found::default() };
    let mut counter = 0;
    let mut rows = BTreeMap::new();
    for table in &tables {
        for tenant in [ONE, TWO] {
            let statement = insert(&mut admin, table, tenant, &mut counter).await;
            assert_eq!(run(&mut admin, statement).await, Ok(1), "{table} takes a row");
        }
        let foreign = insert(&mut admin, table, ONE, &mut counter).await;
        let print = format!("select t::text from {table} t where tenant_id = '{ONE}'");
        let before: String =
            sqlx::query_scalar(AssertSqlSafe(print)).fetch_one(&mut admin).await.expect("a row");
        rows.insert(table.clone(), (foreign, before));
    }

    let mut roles = vec!["app", "export", "relay"];
    roles.extend(database.service.extra_roles);
    for role in roles {
        let mut conn = database.as_role(role).await;
        // The relay sees outbox, inbox, cursors and saved answers of all tenants: that is what it is for.
        let sees_all = |table: &str| role == "relay" && OPEN_TO_RELAY.iter().any(|(open, _)| *open == table);
        for (table, (foreign, _)) in rows.iter().filter(|(table, _)| !sees_all(table)) {
            for tenant in [Some(TWO), None] {
                set_tenant(&mut conn, tenant).await;
                let own = i64::from(tenant.is_some());
                let cells = [
                    (
                        "select",
                        number(&mut conn, format!("select count(*) from {table} where tenant_id = '{ONE}'"))
                            .await
                            .map(i64::unsigned_abs),
                    ),
                    (
                        "select of all",
                        number(&mut conn, format!("select count(*) from {table}"))
                            .await
                            .map(|rows| (rows - own).unsigned_abs()),
                    ),
                    ("insert", run(&mut conn, foreign.clone()).await),
                    (
                        "update",
                        run(
                            &mut conn,
                            format!("update {table} set tenant_id = tenant_id where tenant_id = '{ONE}'"),
                        )
                        .await,
                    ),
                    (
                        "update of all",
                        run(&mut conn, format!("update {table} set tenant_id = '{ONE}'")).await,
                    ),
                    (
                        "delete",
                        run(&mut conn, format!("delete from {table} where tenant_id = '{ONE}'")).await,
                    ),
                    ("truncate", run(&mut conn, format!("truncate {table}")).await),
                ];
                for (verb, outcome) in cells {
                    found.cells += 1;
                    // Nothing reached, or refused as not permitted; any other refusal would say that something was.
                    if !matches!(outcome.as_ref().map_err(String::as_str), Ok(0) | Err("42501")) {
                        let context = if tenant.is_some() { "another tenant" } else { "no tenant" };
                        found.leaks.push(format!("{role}, {context}, {verb} on {table}: {outcome:?}"));
                    }
                }
            }
        }
        for table in &reviewed {
            let entry = REVIEWED.iter().find(|entry| entry.table == table);
            let rights: String = entry.map(|entry| entry.rights.join("; ")).unwrap_or_default();
            let mine = rights
                .split("; ")
                .find(|right| right.split(['_', ' ']).nth(1) == Some(role))
                .unwrap_or_default();
            for (verb, statement) in [
                ("SELECT", format!("select 1 from {table} limit 1")),
                ("INSERT", format!("insert into {table} default values")),
                ("DELETE", format!("delete from {table}")),
            ] {
                found.cells += 1;
                let refused = run(&mut conn, format!("explain {statement}")).await == Err("42501".into());
                if refused == mine.contains(verb) {
                    found.leaks.push(format!(
                        "{role}, {verb} on {table}: refused is {refused}, rights are {rights}"
                    ));
                }
            }
        }
        // The same statements in the tenant's own name reach its row: what was refused was refused for the tenant.
        set_tenant(&mut conn, Some(ONE)).await;
        for table in tables.iter().filter(|_| role == "app") {
            let seen = number(&mut conn, format!("select count(*) from {table}")).await;
            found.seen_by_their_own += usize::from(seen == Ok(1));
        }
    }
    for (table, (_, before)) in &rows {
        let print = format!("select string_agg(t::text, '') from {table} t where tenant_id = '{ONE}'");
        let after: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(print)).fetch_one(&mut admin).await.expect("an answer");
        if after.as_ref() != Some(before) {
            found.leaks.push(format!("{table}: the row of the other tenant is not as it was"));
        }
    }
    found
}

/// Proves T2's half in the database, and T4's: with another tenant set, or none, no role of any service reads, writes,
/// moves or deletes a tenant's row in any table.
#[tokio::test]
async fn no_role_reaches_another_tenants_rows() {
    let world = World::new();
    let (mut tables, mut cells, mut leaks) = (0, 0, Vec::new());
    for service in services() {
        let database = Database::fresh(&world, service).await;
        let found = try_all(&database, "").await;
        println!(
            "{}: tables filled {}, seen by their own tenant {}, cells {}, leaks {}",
            service.name,
            found.tables,
            found.seen_by_their_own,
            found.cells,
            found.leaks.len()
        );
        assert_eq!(found.seen_by_their_own, found.tables, "the tenant itself sees its row in every table");
        tables += found.tables;
        cells += found.cells;
        leaks.extend(found.leaks.into_iter().map(|leak| format!("{}: {leak}", service.name)));
    }
    println!("T2: databases 7, tables {tables}, all filled, cells {cells}, leaks {}", leaks.len());
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// Shows that the matrix can fail: each weakening of one table is found as a leak of that table.
#[tokio::test]
async fn a_weakened_table_leaks() {
    let world = World::new();
    let teams = services().into_iter().find(|service| service.name == "teams").expect("one of the seven");
    let mutations = [
        "alter table platform.audit disable row level security",
        "drop policy tenant_only on platform.audit",
        "alter policy tenant_only on platform.audit using (true)",
        "alter policy tenant_only on platform.outbox_head with check (true)",
        "alter policy tenant_only on platform.audit to kith_export",
        "grant truncate on platform.audit to kith_app",
        "grant select on platform.tenant to kith_relay; create policy wide on platform.tenant for select to kith_relay using (true)",
        "grant insert on platform.setting to kith_app",
    ];
    for mutation in mutations {
        let database = Database::fresh(&world, teams).await;
        let found = try_all(&database, mutation).await;
        let about = ["platform.setting", "platform.outbox_head", "platform.tenant"]
            .into_iter()
            .find(|table| mutation.contains(table))
            .unwrap_or("platform.audit");
        assert!(!found.leaks.is_empty(), "{mutation}: was not found");
        assert!(found.leaks.iter().all(|leak| leak.contains(about)), "{mutation}: {:#?}", found.leaks);
    }
    println!("T2: mutations caught {0}/{0}", mutations.len());
}
