//! What every database must hold to about tenants, read from PostgreSQL's own catalogue, so that a new table, view, index
//! or right cannot be forgotten.

use std::collections::BTreeSet;

use kith_platform::Service;
use kith_platform::config::Config;
use kith_platform::testing::World;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

/// A table that holds nothing of one tenant only, or is reached by a role of its own: looked at, with the reason.
#[derive(Clone, Copy, Debug)]
pub struct Reviewed {
    /// Whose; `*` where every database has it.
    pub service: &'static str,
    /// Schema and table.
    pub table: &'static str,
    /// `<role> <privileges>`, exactly, as `information_schema` spells them.
    pub rights: &'static [&'static str],
    /// Why it needs no row security.
    pub reason: &'static str,
}

const SIGN_IN: &str =
    "sign-in comes before the tenant: reached by the sign-in role alone, through two or three calls";
const DATED: &str = "dated facts that are the same for every tenant; read only, no personal data";

const ABOUT_COLUMNS: &str = "says of columns what they may hold; no data";

const fn reviewed(
    service: &'static str,
    table: &'static str,
    rights: &'static [&'static str],
    reason: &'static str,
) -> Reviewed {
    Reviewed { service, table, rights, reason }
}

/// The whole list. An addition is a change that a second person has to look at.
pub const REVIEWED: &[Reviewed] = &[
    reviewed("*", "platform._sqlx_migrations", &["kith_relay SELECT"], "which migrations were applied"),
    reviewed("*", "public._sqlx_migrations", &["kith_relay SELECT"], "which migrations were applied"),
    reviewed("*", "platform.setting", &["kith_app SELECT", "kith_export SELECT", "kith_relay SELECT"], DATED),
    reviewed(
        "*",
        "platform.key_set",
        &["kith_relay INSERT, SELECT, UPDATE"],
        "public keys, kept for a start alone",
    ),
    reviewed(
        "*",
        "platform.resend",
        &["kith_relay DELETE, INSERT, SELECT, UPDATE"],
        "which snapshots others asked for, perhaps of all tenants; ids only, the relay works them off",
    ),
    reviewed(
        "*",
        "platform.subscription",
        &["kith_relay INSERT, SELECT, UPDATE"],
        "what this service listens to, and since when it has everything",
    ),
    reviewed(
        "*",
        "platform.watermark",
        &["kith_app SELECT", "kith_relay INSERT, SELECT, UPDATE"],
        "how complete a copy of others' facts is: one moment for all tenants, told each second",
    ),
    reviewed("identity", "signin.account", &["identity_signin DELETE, INSERT, SELECT, UPDATE"], SIGN_IN),
    reviewed("identity", "signin.tenant_registry", &["identity_signin INSERT, SELECT, UPDATE"], SIGN_IN),
    reviewed(
        "identity",
        "signin.sign_in_place",
        &["identity_signin DELETE, INSERT, SELECT, UPDATE"],
        SIGN_IN,
    ),
    reviewed("identity", "signin.invitation", &["identity_signin DELETE, INSERT, SELECT, UPDATE"], SIGN_IN),
    reviewed("identity", "signin.confirmation", &["identity_signin DELETE, INSERT, SELECT, UPDATE"], SIGN_IN),
    reviewed(
        "identity",
        "signin.mail",
        &["identity_signin DELETE, INSERT, SELECT, UPDATE"],
        "mail that waits, also to accounts, which are of no tenant: ids only, read by the sign-in role alone",
    ),
    reviewed("identity", "signin.mail_text", &["identity_signin SELECT"], DATED),
    reviewed("identity", "signin.host_code", &["identity_signin INSERT, SELECT"], SIGN_IN),
    reviewed(
        "identity",
        "signin.sign_in_attempt",
        &["identity_signin DELETE, INSERT, SELECT, UPDATE"],
        SIGN_IN,
    ),
    reviewed(
        "identity",
        "signin.refresh_family",
        &["identity_signin DELETE, INSERT, SELECT, UPDATE"],
        SIGN_IN,
    ),
    reviewed(
        "identity",
        "signin.refresh_token",
        &["identity_signin DELETE, INSERT, SELECT, UPDATE"],
        SIGN_IN,
    ),
    reviewed("*", "platform.access_text", &["kith_app SELECT", "kith_export SELECT"], DATED),
    reviewed("*", "platform.break_glass_reason", &["kith_app SELECT", "kith_export SELECT"], DATED),
    reviewed("*", "platform.break_glass_role", &["kith_app SELECT", "kith_export SELECT"], DATED),
    reviewed("identity", "signin.reused_session", &["identity_signin DELETE, INSERT, SELECT"], SIGN_IN),
    reviewed("identity", "public.consent_word", &["kith_app SELECT"], DATED),
    reviewed("identity", "signin.signing_key", &["identity_signin DELETE, INSERT, SELECT"], SIGN_IN),
    reviewed(
        "identity",
        "signin.recovery_code",
        &["identity_signin DELETE, INSERT, SELECT, UPDATE"],
        SIGN_IN,
    ),
    reviewed("identity", "signin.ceremony", &["identity_signin DELETE, INSERT, SELECT, UPDATE"], SIGN_IN),
    reviewed("identity", "signin.passkey", &["identity_signin DELETE, INSERT, SELECT, UPDATE"], SIGN_IN),
    reviewed("identity", "signin.integrator_secret", &["identity_signin INSERT, SELECT, UPDATE"], SIGN_IN),
    reviewed(
        "identity",
        "signin.provider_link",
        &["identity_signin DELETE, INSERT, SELECT, UPDATE"],
        SIGN_IN,
    ),
    reviewed(
        "identity",
        "signin.place_link",
        &["identity_signin DELETE, INSERT, SELECT"],
        "that an account is in two places, said by its person in both: of neither tenant, so that none learns of the other",
    ),
    reviewed(
        "identity",
        "signin.place_link_reader",
        &["identity_signin DELETE, INSERT, SELECT"],
        "to whom the person shows it; goes with the link, on both sides at once",
    ),
    reviewed("*", "platform.subject_column", &["kith_app SELECT", "kith_export SELECT"], ABOUT_COLUMNS),
    reviewed("*", "platform.withheld_column", &["kith_app SELECT", "kith_export SELECT"], ABOUT_COLUMNS),
    reviewed("*", "platform.withheld_row", &["kith_app SELECT", "kith_export SELECT"], ABOUT_COLUMNS),
    reviewed("*", "platform.text_column", &["kith_app SELECT", "kith_export SELECT"], ABOUT_COLUMNS),
    reviewed("identity", "public.retention_default", &["kith_app SELECT", "kith_export SELECT"], DATED),
    reviewed("teams", "public.promise_text", &["kith_app SELECT"], DATED),
    reviewed("evaluation", "public.suppression_threshold", &["kith_app SELECT", "kith_export SELECT"], DATED),
    reviewed("evaluation", "public.copyright_notice", &["kith_app SELECT", "kith_export SELECT"], DATED),
];

const EVERYTHING: &[&str] = &["DELETE", "INSERT", "SELECT", "UPDATE"];

/// What the relay role may do with the rows of all tenants.
pub const OPEN_TO_RELAY: &[(&str, &[&str])] = &[
    // The sealer reads the audit and what of it is open, and writes blocks.
    ("platform.audit", &["SELECT"]),
    ("platform.audit_block", &["INSERT", "SELECT"]),
    ("platform.audit_open", &["DELETE", "SELECT"]),
    ("platform.inbox", EVERYTHING),
    ("platform.inbox_cursor", EVERYTHING),
    ("platform.inbox_todo", EVERYTHING),
    ("platform.outbox", EVERYTHING),
    ("platform.outbox_head", &["SELECT"]),
    ("platform.saved_answer", EVERYTHING),
    ("platform.tenant_fence", EVERYTHING),
];

/// A fresh database of one service, and the ways into it.
#[derive(Debug)]
pub struct Database {
    /// Whose.
    pub service: &'static Service,
    /// How the service would reach it.
    pub config: Config,
    admin: PgConnectOptions,
}

impl Database {
    /// A migrated database with nothing in it.
    ///
    /// # Panics
    /// Where no server is given to test with.
    pub async fn fresh(world: &World, service: &'static Service) -> Self {
        let config = world.config(service).await;
        let url = std::env::var("KITH_DATABASE_URL").expect("tests need KITH_DATABASE_URL");
        let admin: PgConnectOptions = url.parse().expect("KITH_DATABASE_URL is a PostgreSQL URL");
        let admin = admin.database(&config.database.name).disable_statement_logging();
        Self { service, config, admin }
    }

    /// As the administrator, whom row security does not hold.
    ///
    /// # Panics
    /// Where the server does not answer.
    pub async fn as_admin(&self) -> PgConnection {
        self.admin.connect().await.expect("a connection as administrator")
    }

    /// As one of the service's login roles.
    ///
    /// # Panics
    /// Where the server does not answer.
    pub async fn as_role(&self, role: &str) -> PgConnection {
        let options = self.config.database_as(self.service.name, role).expect("the role's password");
        options.disable_statement_logging().connect().await.expect("a connection as the service")
    }

    /// The tables that row security protects (or should), and those on the reviewed list.
    pub async fn tables(&self, conn: &mut PgConnection) -> (Vec<String>, Vec<String>) {
        let all: Vec<String> = list(
            conn,
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by 1",
        )
        .await;
        all.into_iter().partition(|table| self.reviewed(table).is_none())
    }

    fn reviewed(&self, table: &str) -> Option<&'static Reviewed> {
        REVIEWED
            .iter()
            .find(|reviewed| reviewed.table == table && ["*", self.service.name].contains(&reviewed.service))
    }

    /// Everything that is not as it must be; empty where all is well.
    pub async fn problems(&self, conn: &mut PgConnection) -> Vec<String> {
        let (protected, reviewed) = self.tables(conn).await;
        let mut problems = Vec::new();
        for table in &protected {
            problems.extend(unprotected(conn, table).await);
        }
        for (query, problem) in LISTS {
            let exempt = |line: &String| reviewed.iter().any(|table| line.split(' ').next() == Some(table));
            let found = list(conn, query).await;
            problems.extend(
                found.into_iter().filter(|line| !exempt(line)).map(|line| format!("{line}: {problem}")),
            );
        }
        problems.extend(self.wrong_rights(conn, &protected, &reviewed).await);
        problems.extend(self.wrong_roles(conn).await);
        problems
    }

    /// Rights that nobody decided on.
    async fn wrong_rights(
        &self,
        conn: &mut PgConnection,
        protected: &[String],
        reviewed: &[String],
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let rights = list(conn, RIGHTS).await;
        for table in protected {
            for right in rights.iter().filter_map(|line| line.strip_prefix(table.as_str())?.strip_prefix(' '))
            {
                let (role, rights) = right.split_once(' ').unwrap_or((right, ""));
                let most: &[&str] = match role {
                    "kith_app" => EVERYTHING,
                    "kith_export" => &["SELECT"],
                    "kith_relay" => {
                        OPEN_TO_RELAY.iter().find(|(open, _)| open == table).map_or(&[], |(_, rights)| rights)
                    }
                    _ => &[],
                };
                if !rights.split(", ").all(|right| most.contains(&right)) {
                    problems.push(format!("{table}: {role} has {rights}"));
                }
            }
        }
        for table in reviewed {
            let has: BTreeSet<&str> = rights
                .iter()
                .filter_map(|line| line.strip_prefix(table.as_str())?.strip_prefix(' '))
                .collect();
            let wanted: BTreeSet<&str> =
                self.reviewed(table).map(|entry| entry.rights.iter().copied().collect()).unwrap_or_default();
            if has != wanted {
                problems.push(format!("{table}: rights are {has:?}, reviewed were {wanted:?}"));
            }
        }
        problems
    }

    /// Roles that could get around row security, or into another service's database.
    async fn wrong_roles(&self, conn: &mut PgConnection) -> Vec<String> {
        let name = self.service.name;
        let mut roles = vec!["kith_app".to_owned(), "kith_relay".into(), "kith_export".into()];
        let mut logins = vec![format!("{name}_app"), format!("{name}_relay"), format!("{name}_export")];
        logins.extend(self.service.extra_roles.iter().map(|role| format!("{name}_{role}")));
        roles.extend(logins.iter().cloned());
        let mut problems = Vec::new();
        for (query, problem) in ROLE_LISTS {
            let found: Vec<String> = sqlx::query_scalar(*query)
                .bind(&roles)
                .fetch_all(&mut *conn)
                .await
                .expect("the catalogue answers");
            problems.extend(found.into_iter().map(|line| format!("{line}: {problem}")));
        }
        let members = list(
            conn,
            "select m.rolname || ' ' || g.rolname from pg_auth_members a join pg_roles m on m.oid = a.member
                 join pg_roles g on g.oid = a.roleid where not m.rolsuper",
        )
        .await;
        for line in members {
            let (member, group) = line.split_once(' ').unwrap_or((&line, ""));
            let fine = member.rsplit_once('_').is_some_and(|(_, kind)| group == format!("kith_{kind}"));
            if roles.iter().any(|role| role == member) && !fine {
                problems.push(format!("{member}: is a member of {group}"));
            }
        }
        let entitled = list(
            conn,
            "select rolname::text from pg_roles where rolcanlogin and not rolsuper
                 and has_database_privilege(rolname, current_database(), 'connect')",
        )
        .await;
        for role in entitled {
            if !logins.contains(&role) {
                problems.push(format!("{role}: may connect to the database of {name}"));
            }
        }
        problems
    }
}

/// Each line of the first column.
async fn list(conn: &mut PgConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(conn).await.expect("the catalogue answers")
}

/// Why a table is not protected.
async fn unprotected(conn: &mut PgConnection, table: &str) -> Vec<String> {
    let checks = [
        ("exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull
             and a.atttypid = 'uuid'::regtype and not a.attisdropped)", "has no tenant_id that must be there"),
        ("c.relrowsecurity", "row security is not on"),
        ("c.relforcerowsecurity", "row security is not forced"),
        ("exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive and p.polcmd = '*'
             and pg_get_expr(p.polqual, c.oid) = '(tenant_id = ( SELECT platform.tenant() AS tenant))'
             and pg_get_expr(p.polwithcheck, c.oid) = '(tenant_id = ( SELECT platform.tenant() AS tenant))'
             and (select array_agg(r.rolname order by r.rolname) from pg_roles r where r.oid = any(p.polroles))
                 @> array['kith_app', 'kith_export']::name[])", "no restrictive policy holds it to the tenant"),
        ("not exists (select from pg_policy p, unnest(p.polroles) as role where p.polrelid = c.oid and role not in
             (select oid from pg_roles where rolname in ('kith_app', 'kith_export', 'kith_relay')))",
         "a policy is for somebody else than the app, the export and the relay"),
    ];
    let mut problems = Vec::new();
    for (check, problem) in checks {
        // The table's name comes from the catalogue, the check from above.
        let query = format!("select {check} from pg_class c where c.oid = $1::text::regclass");
        let fine: bool = sqlx::query_scalar(AssertSqlSafe(query))
            .bind(table)
            .fetch_one(&mut *conn)
            .await
            .expect("the catalogue answers");
        if !fine {
            problems.push(format!("{table}: {problem}"));
        }
    }
    problems
}

/// Each query lists what must not be, beginning with the table's name; a reviewed table is exempt.
const LISTS: &[(&str, &str)] = &[
    (
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname not in ('pg_catalog', 'information_schema') and c.relkind = 'v'
             and not coalesce('security_invoker=true' = any(c.reloptions), false)",
        "a view that runs with its owner's rights",
    ),
    (
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname not in ('pg_catalog', 'information_schema') and c.relkind in ('m', 'f')",
        "a materialised view or foreign table: row security cannot hold it",
    ),
    (
        "select n.nspname || '.' || t.relname || ' ' || i.relname from pg_index x
             join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
             join pg_namespace n on n.oid = t.relnamespace
             left join pg_attribute a on a.attrelid = t.oid and a.attname = 'tenant_id'
         where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
             and (x.indisunique and x.indkey[0] is distinct from a.attnum
                 or x.indisexclusion and not coalesce(a.attnum = any(x.indkey::int2[]), false))",
        "a unique index or exclusion that tells of other tenants' rows",
    ),
    (
        "select ns.nspname || '.' || s.relname || ' ' || k.conname from pg_constraint k
             join pg_class s on s.oid = k.conrelid join pg_namespace ns on ns.oid = s.relnamespace
             join pg_attribute t on t.attrelid = k.confrelid and t.attname = 'tenant_id'
             left join pg_attribute a on a.attrelid = k.conrelid and a.attname = 'tenant_id'
         where k.contype = 'f' and (k.confkey[1] <> t.attnum or k.conkey[1] is distinct from a.attnum)",
        "a foreign key that may cross tenants",
    ),
    (
        "select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')",
        "a function that runs with its owner's rights",
    ),
    ("select defaclrole::regrole::text from pg_default_acl", "gives rights on tables that are not there yet"),
];

/// `<table> <role> <rights>` for everybody but the owner, rights on single columns included.
const RIGHTS: &str = "
    select n.nspname || '.' || c.relname || ' ' || coalesce(r.rolname, 'public') || ' '
        || string_agg(distinct x.privilege_type, ', ' order by x.privilege_type)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
        left join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
        cross join lateral (select * from aclexplode(c.relacl) union all select * from aclexplode(a.attacl)) x
        left join pg_roles r on r.oid = x.grantee
    where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
        and x.grantee <> c.relowner
    group by n.nspname, c.relname, r.rolname";

/// Each query lists what must not be true of the roles in `$1`.
const ROLE_LISTS: &[(&str, &str)] = &[
    (
        "select rolname::text from pg_roles where rolname = any($1)
             and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
        "could get around row security",
    ),
    (
        "select r.rolname || ' ' || c.relname from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = any($1)
         union all
         select r.rolname || ' ' || p.proname from pg_proc p join pg_roles r on r.oid = p.proowner where r.rolname = any($1)
         union all
         select r.rolname || ' ' || n.nspname from pg_namespace n join pg_roles r on r.oid = n.nspowner where r.rolname = any($1)
         union all
         select r.rolname || ' ' || d.datname from pg_database d join pg_roles r on r.oid = d.datdba where r.rolname = any($1)",
        "owns something",
    ),
    (
        "select r.rolname || ' ' || n.nspname from pg_namespace n, pg_roles r
         where r.rolname = any($1) and n.nspname not like 'pg\\_%' and has_schema_privilege(r.oid, n.oid, 'create')",
        "may make tables of its own",
    ),
];
