//! No column that can name a person, and no text that people write, is forgotten: the catalogue itself is asked.

use kith_platform::testing::World;
use kith_tests::services;
use kith_tests::tables::Database;
use sqlx::{AssertSqlSafe, PgConnection};

/// Columns that look as if they named a person and do not. Each says why.
const NOT_PERSONS: &[(&str, &str, &str)] =
    &[("governance", "public.decision.revoked_by", "the decision that revoked it")];

/// UUID columns whose name says that they hold a person, or that refer to one, and that nobody declared.
const UNDECLARED_SUBJECTS: &str = r"
    select n.nspname || '.' || c.relname || '.' || a.attname
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
        and a.attnum > 0 and not a.attisdropped and a.atttypid = 'uuid'::regtype
        and (a.attname ~ '(^|_)(person|account|actor|owner)_id$' or a.attname ~ '_by$'
            or exists (select from pg_constraint k
                join pg_attribute p on p.attrelid = k.confrelid
                    and p.attnum = k.confkey[array_position(k.conkey, a.attnum)]
                where k.contype = 'f' and k.conrelid = c.oid and p.attname in ('id', 'person_id')
                    and k.confrelid in (to_regclass('signin.account'), to_regclass('public.person'))))
        and not exists (select from platform.subject_column s
            where s.table_name = n.nspname || '.' || c.relname and s.column_name = a.attname)
    order by 1";

/// Declared columns that are not there.
const DECLARED_IN_VAIN: &str = r"
    select d.table_name || '.' || d.column_name from
        (select table_name, column_name from platform.subject_column
         union select table_name, column_name from platform.text_column
         union select table_name, column_name from platform.withheld_column) d
    where not exists (select from pg_attribute a where a.attrelid = to_regclass(d.table_name)
        and a.attname = d.column_name and a.attnum > 0 and not a.attisdropped)
    order by 1";

/// Texts, documents and hashes of the service's own tables that are neither words of a list nor declared.
const UNDECLARED_TEXTS: &str = r"
    select n.nspname || '.' || c.relname || '.' || a.attname
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname = 'public' and c.relname <> '_sqlx_migrations'
        and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('text'::regtype, 'jsonb'::regtype, 'json'::regtype, 'text[]'::regtype)
        and not exists (select from pg_constraint k where k.contype = 'c' and k.conrelid = c.oid
            and k.conkey = array[a.attnum] and pg_get_constraintdef(k.oid) ~ ' = ''| = ANY')
        and not exists (select from pg_constraint k where k.contype = 'c' and k.conrelid = c.oid
            and a.attnum = any(k.conkey) and pg_get_constraintdef(k.oid) ~ (a.attname || ' = ANY'))
        and not exists (select from platform.text_column s
            where s.table_name = n.nspname || '.' || c.relname and s.column_name = a.attname)
    order by 1";

/// Tables that are to be blanked and have no personal text, or have one and are never blanked nor deleted.
const TEXTS_WITHOUT_AN_END: &str = r"
    select coalesce(t.table_name, s.table_name) from
        (select distinct table_name from platform.text_column where personal) t
        full join (select distinct table_name from platform.subject_column where on_erasure = 'blank') s
            on s.table_name = t.table_name
    where t.table_name is null
        or s.table_name is null and not exists (select from platform.subject_column d
            where d.table_name = t.table_name and d.on_erasure = 'delete')
    order by 1";

/// What is not given out of rows that name somebody, in every database: columns, rows, and copies that name the person in
/// passing only. Each has its reason beside it. An addition is a change that a second person has to look at.
const WITHHELD: &[&str] = &[
    "column platform.inbox.payload",
    "column platform.outbox.payload",
    "column platform.saved_answer.answer",
    "column platform.saved_answer.caused",
    "named only in platform.inbox.payload",
    "named only in platform.outbox.payload",
    "named only in platform.saved_answer.answer",
    "rows of platform.audit, but from the person: nobody but the person hears of their consents",
    "rows of platform.consent, but from the person: nobody but the person reads their consents",
];

/// The same, in one database.
const WITHHELD_BY: &[(&str, &str)] = &[
    ("appointments", "column public.known_team.members"),
    ("appointments", "column public.known_team.rota_holders"),
    ("identity", "named only in public.legal_fact.recorded_by"),
    ("identity", "named only in public.legal_fact.seen_by"),
    ("identity", "named only in public.legal_fact_version.written_by"),
    ("identity", "rows of public.consent, but from the person: nobody but the person reads their consents"),
    (
        "identity",
        "rows of public.consent_version, but from the person: nobody but the person reads their consents",
    ),
    ("identity", "rows of public.consent_version: nobody but the person reads their consents"),
    ("matching", "column public.introduction.giver_answer"),
    ("matching", "column public.introduction.giver_answered_at"),
    ("matching", "column public.introduction.giver_interested_at"),
    ("matching", "column public.introduction.giver_trial_from"),
    ("matching", "column public.introduction.giver_trial_sessions"),
    ("matching", "column public.introduction.giver_trial_until"),
    ("matching", "column public.introduction.recorded_at"),
    ("matching", "column public.introduction.team_answer"),
    ("matching", "column public.introduction.team_answered_at"),
    ("matching", "column public.introduction.team_interested_at"),
    ("matching", "column public.introduction.team_trial_from"),
    ("matching", "column public.introduction.team_trial_sessions"),
    ("matching", "column public.introduction.team_trial_until"),
    ("matching", "column public.introduction.version"),
    (
        "matching",
        "rows of public.introduction: nobody hears of another's interest before they are interested themselves",
    ),
];

const DECLARED_AS_WITHHELD: &str = r"
    select 'column ' || table_name || '.' || column_name from platform.withheld_column
    union all select 'named only in ' || table_name || '.' || column_name from platform.subject_column where not given
    union all select 'rows of ' || table_name || case when from_self then '' else ', but from the person' end
        || ': ' || reason from platform.withheld_row";

/// What nobody is given is a reviewed list, so that nothing is dropped silently.
#[tokio::test]
async fn what_is_withheld_is_the_reviewed_list() {
    let world = World::new();
    for service in services() {
        let database = Database::fresh(&world, service).await;
        let mut admin = database.as_admin().await;
        let mut declared: Vec<String> =
            sqlx::query_scalar(DECLARED_AS_WITHHELD).fetch_all(&mut admin).await.expect("an answer");
        let own = WITHHELD_BY.iter().filter(|(whose, _)| *whose == service.name).map(|(_, what)| *what);
        let mut reviewed: Vec<&str> = WITHHELD.iter().copied().chain(own).collect();
        declared.sort();
        reviewed.sort_unstable();
        assert_eq!(declared, reviewed, "{}", service.name);
    }
}

const CHECKS: &[(&str, &str)] = &[
    (UNDECLARED_SUBJECTS, "can name a person and is not declared in platform.subject_column"),
    (DECLARED_IN_VAIN, "is declared and not there"),
    (UNDECLARED_TEXTS, "is text and not declared in platform.text_column"),
    (TEXTS_WITHOUT_AN_END, "has personal text that no erasure reaches, or is blanked without any"),
];

async fn problems(service: &str, admin: &mut PgConnection) -> Vec<String> {
    let mut problems = Vec::new();
    for (query, problem) in CHECKS {
        let found: Vec<String> = sqlx::query_scalar(*query).fetch_all(&mut *admin).await.expect("an answer");
        for line in found {
            if !NOT_PERSONS.iter().any(|(whose, column, _)| *whose == service && *column == line) {
                problems.push(format!("{line}: {problem}"));
            }
        }
    }
    problems
}

/// The catalogue half of G1: every column that can name a person, and every text, is declared.
#[tokio::test]
async fn every_column_that_can_name_a_person_is_declared() {
    let world = World::new();
    let (mut columns, mut texts, mut wrong) = (0, 0, Vec::new());
    for service in services() {
        let database = Database::fresh(&world, service).await;
        let mut admin = database.as_admin().await;
        for (counter, query) in [
            (&mut columns, "select count(*) from platform.subject_column"),
            (&mut texts, "select count(*) from platform.text_column"),
        ] {
            let count: i64 = sqlx::query_scalar(query).fetch_one(&mut admin).await.expect("a count");
            *counter += count;
        }
        let found = problems(service.name, &mut admin).await;
        wrong.extend(found.into_iter().map(|problem| format!("{}: {problem}", service.name)));
    }
    println!(
        "G1: databases 7, subject columns declared {columns}, texts declared {texts}, forgotten {}",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Shows that the check can fail.
#[tokio::test]
async fn a_forgotten_column_is_found() {
    let world = World::new();
    let teams = services().into_iter().find(|service| service.name == "teams").expect("one of the seven");
    let mutations = [
        (
            "create table stray (tenant_id uuid not null, friend_person_id uuid)",
            "public.stray.friend_person_id: can",
        ),
        ("create table stray (tenant_id uuid not null, written_by uuid)", "public.stray.written_by: can"),
        ("create table stray (tenant_id uuid not null, note text)", "public.stray.note: is text"),
        ("alter table membership rename person_id to member_id", "public.membership.person_id: is declared"),
        (
            "create table stray (tenant_id uuid not null, note text);
             insert into platform.text_column values ('public.stray', 'note', true, '', 'a note')",
            "public.stray: has personal text",
        ),
        (
            "delete from platform.text_column where column_name = 'outward_code'",
            "public.team: has personal text",
        ),
    ];
    for (mutation, says) in mutations {
        let database = Database::fresh(&world, teams).await;
        let mut admin = database.as_admin().await;
        sqlx::raw_sql(AssertSqlSafe(mutation)).execute(&mut admin).await.expect("planted");
        let found = problems("teams", &mut admin).await;
        assert!(found.iter().any(|problem| problem.starts_with(says)), "{mutation}: {found:#?}");
    }
    println!("G1: mutations caught {0}/{0}", mutations.len());
}
