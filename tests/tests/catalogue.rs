//! No table, view, index, foreign key or right of any database is forgotten when it comes to tenants.

use kith_platform::Service;
use kith_platform::testing::World;
use kith_tests::services;
use kith_tests::tables::{Database, REVIEWED};
use sqlx::{Connection as _, PgConnection};

/// Proves T1 and T3's half in the database: every table of every service is protected, no unique index, exclusion or
/// foreign key reaches across tenants, and no role has more than was decided.
#[tokio::test]
async fn every_table_of_every_service_is_protected() {
    let world = World::new();
    let mut databases = Vec::new();
    for service in services() {
        databases.push(Database::fresh(&world, service).await);
    }
    let (mut tables, mut open, mut problems) = (0, 0, Vec::new());
    for database in &databases {
        let mut admin = database.as_admin().await;
        let (protected, reviewed) = database.tables(&mut admin).await;
        let found = database.problems(&mut admin).await;
        println!(
            "{}: tables {}, protected {}, reviewed without a tenant {}, problems {}",
            database.service.name,
            protected.len() + reviewed.len(),
            protected.len(),
            reviewed.len(),
            found.len()
        );
        tables += protected.len();
        open += reviewed.len();
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", database.service.name)));
    }
    println!(
        "T1: databases {}, tables of tenants {tables}, others {open}, unprotected {}",
        databases.len(),
        problems.len()
    );
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(tables > 7 * 7, "the tables were found");
    for reviewed in REVIEWED {
        assert!(!reviewed.reason.is_empty());
    }
}

fn service(name: &str) -> &'static Service {
    services().into_iter().find(|service| service.name == name).expect("one of the seven")
}

/// What is planted, and what must be said of it.
const MUTATIONS: &[(&str, &str)] = &[
    (
        "create table stray (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))",
        "public.stray: row security is not on",
    ),
    (
        "create table stray (tenant_id uuid not null); select platform.protect('stray');
         alter table stray no force row level security",
        "public.stray: row security is not forced",
    ),
    ("create table stray (id uuid not null)", "public.stray: has no tenant_id"),
    (
        "create table stray (tenant_id uuid); select platform.protect('stray')",
        "public.stray: has no tenant_id that must be there",
    ),
    ("drop policy tenant_only on platform.audit", "platform.audit: no restrictive policy"),
    (
        "alter policy tenant_only on platform.audit using (true)",
        "platform.audit: no restrictive policy holds it to the tenant",
    ),
    ("alter policy tenant_only on platform.audit to kith_export", "platform.audit: no restrictive policy"),
    (
        "create policy wide on platform.audit for select to public using (true)",
        "platform.audit: a policy is for somebody else",
    ),
    ("create unique index stray on platform.outbox (event_id)", "platform.outbox stray: a unique index"),
    ("create unique index stray on platform.outbox (event_id, tenant_id)", "platform.outbox stray: a unique index"),
    (
        "alter table platform.outbox add constraint stray exclude using btree (event_id with =)",
        "platform.outbox stray: a unique index or exclusion",
    ),
    (
        "create unique index other on platform.outbox (event_id);
         alter table platform.inbox add constraint stray foreign key (event_id) references platform.outbox (event_id)",
        "platform.inbox stray: a foreign key",
    ),
    ("create view stray as select * from platform.audit", "public.stray: a view"),
    ("create materialized view stray as select * from platform.audit", "public.stray: a materialised view"),
    (
        "create function stray() returns bigint language sql security definer as 'select count(*) from platform.audit'",
        "public.stray: a function",
    ),
    ("grant truncate on platform.audit to kith_app", "platform.audit: kith_app has"),
    ("grant select on platform.audit to public", "platform.audit: public has"),
    ("grant select (tenant_id) on platform.tenant to kith_relay", "platform.tenant: kith_relay has"),
    ("grant delete on platform.audit to kith_relay", "platform.audit: kith_relay has"),
    ("grant update on platform.audit_block to kith_relay", "platform.audit_block: kith_relay has"),
    ("grant insert on platform.setting to kith_app", "platform.setting: rights are"),
    ("alter table platform.audit owner to kith_app", "kith_app audit: owns something"),
    ("grant create on schema public to kith_app", "kith_app public: may make tables"),
    ("alter role teams_app bypassrls", "teams_app: could get around"),
    ("grant teams_owner to teams_app", "teams_app: is a member of teams_owner"),
    (
        "do $$ begin execute format('grant connect on database %I to finance_app', current_database()); end $$",
        "finance_app: may connect to the database of teams",
    ),
    ("alter default privileges grant select on tables to kith_app", "gives rights on tables that are not there yet"),
];

/// Shows that the check can fail: each thing that must not be is planted, and is found.
#[tokio::test]
async fn what_is_planted_is_found() {
    let world = World::new();
    let database = Database::fresh(&world, service("teams")).await;
    // Its roles have to be there before one of them can be let in where it should not be.
    Database::fresh(&world, service("finance")).await;
    let mut admin = database.as_admin().await;
    assert_eq!(database.problems(&mut admin).await, Vec::<String>::new());
    for (planted, expected) in MUTATIONS {
        let mut tx = admin.begin().await.expect("a transaction");
        let conn: &mut PgConnection = &mut tx;
        sqlx::raw_sql(*planted).execute(&mut *conn).await.expect("planted");
        let problems = database.problems(conn).await;
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{planted}\nwas not found in {problems:#?}"
        );
        tx.rollback().await.expect("taken back");
    }
    println!("T1: mutations caught {0}/{0}", MUTATIONS.len());
    assert_eq!(database.problems(&mut admin).await, Vec::<String>::new());
}
