//! Makes a service's database, roles and tables. Run by the operator's `migrate`, by tests and by `make sqlx`; a
//! service itself only checks that nothing is pending.

use std::path::Path;

use anyhow::{Context as _, bail};
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::config::Secret;
use crate::host::Service;
use crate::id::{Ids, hex};

/// The tables that every database holds.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// A private file's content, made up of 32 random bytes in hex where it does not exist yet.
pub fn secret_file(folder: &Path, name: &str, ids: &Ids) -> anyhow::Result<Secret> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => return Ok(Secret::new(text.trim_end())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let text = hex(&ids.bytes::<32>());
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(Secret::new(text))
}

/// Writes a secret that is given from outside, in place of what is there.
pub fn put_secret(folder: &Path, name: &str, value: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let path = folder.join(name);
    if std::fs::read_to_string(&path).is_ok_and(|kept| kept == value) {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let aside = folder.join(format!("{name}.{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    std::io::Write::write_all(&mut file, value.as_bytes())?;
    std::fs::rename(&aside, &path).with_context(|| format!("{} cannot be written", path.display()))
}

/// Makes the roles of a service: an owner that nobody signs in as, and its login roles with passwords from the folder
/// of secrets. Harmless to repeat; passwords are set again each time.
pub async fn roles(
    admin: &PgConnectOptions,
    service: &Service,
    secrets: &Path,
    ids: &Ids,
) -> anyhow::Result<()> {
    let mut conn = connect(admin).await?;
    let name = service.name;
    // Roles belong to the whole server: two who provision at once must take turns.
    run(&mut conn, "select pg_advisory_lock(4207849)".into()).await?;
    for (role, options) in [
        ("kith_app".to_owned(), "nologin"),
        ("kith_relay".to_owned(), "nologin"),
        ("kith_export".to_owned(), "nologin"),
        (format!("{name}_owner"), "nologin"),
    ] {
        ensure_role(&mut conn, &role, options).await?;
    }
    let mut logins =
        vec![("app", Some("kith_app")), ("relay", Some("kith_relay")), ("export", Some("kith_export"))];
    logins.extend(service.extra_roles.iter().map(|role| (*role, None)));
    for (suffix, group) in logins {
        let role = format!("{name}_{suffix}");
        let password = secret_file(secrets, &role, ids)?;
        ensure_role(&mut conn, &role, "login nosuperuser nobypassrls").await?;
        // The password is hex that was made above, or was put into the folder by the operator.
        let quoted = password.reveal().replace('\'', "''");
        run(&mut conn, format!("alter role {role} login password '{quoted}'")).await?;
        if let Some(group) = group {
            run(&mut conn, format!("grant {group} to {role}")).await?;
        }
    }
    run(&mut conn, format!("grant {name}_owner to current_user")).await.ok();
    conn.close().await?;
    Ok(())
}

async fn ensure_role(conn: &mut PgConnection, role: &str, options: &str) -> anyhow::Result<()> {
    let exists: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(role)
        .fetch_one(&mut *conn)
        .await?;
    if !exists {
        run(conn, format!("create role {role} {options}")).await?;
    }
    Ok(())
}

/// Makes a service's database where it does not exist: only its own roles may connect.
pub async fn database(admin: &PgConnectOptions, service: &Service, database: &str) -> anyhow::Result<()> {
    let mut conn = connect(admin).await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(database)
        .fetch_one(&mut conn)
        .await?;
    let name = service.name;
    if !exists {
        run(&mut conn, format!("create database \"{database}\" owner {name}_owner")).await?;
    }
    run(&mut conn, format!("revoke all on database \"{database}\" from public")).await?;
    let mut suffixes = vec!["app", "relay", "export"];
    suffixes.extend(service.extra_roles);
    for suffix in suffixes {
        run(&mut conn, format!("grant connect on database \"{database}\" to {name}_{suffix}")).await?;
    }
    conn.close().await?;
    Ok(())
}

/// Applies what is pending, as the owner of the database.
pub async fn migrate(admin: &PgConnectOptions, service: &Service, database: &str) -> anyhow::Result<()> {
    let owner = format!("{}_owner", service.name);
    let as_owner = admin.clone().database(database).options([("role", owner.as_str())]);
    let mut conn = connect(&as_owner).await?;
    for migrator in [&MIGRATOR, service.migrations] {
        migrator
            .run(&mut conn)
            .await
            .with_context(|| format!("the migrations of {} failed", service.name))?;
    }
    run(&mut conn, "grant select on platform._sqlx_migrations, public._sqlx_migrations to kith_relay".into())
        .await?;
    conn.close().await?;
    Ok(())
}

/// Refuses to go on while migrations are pending.
pub(crate) async fn check(conn: &mut PgConnection, service: &Service) -> anyhow::Result<()> {
    for (migrator, table) in
        [(&MIGRATOR, "platform._sqlx_migrations"), (service.migrations, "public._sqlx_migrations")]
    {
        let applied = conn.list_applied_migrations(table).await?;
        let pending =
            migrator.iter().filter(|known| !applied.iter().any(|done| done.version == known.version)).count();
        if pending > 0 {
            bail!(
                "{pending} migrations of {} are pending in {table}; run `kith migrate` first",
                service.name
            );
        }
    }
    Ok(())
}

async fn connect(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    options.connect().await.context("cannot connect to PostgreSQL as its administrator")
}

async fn run(conn: &mut PgConnection, sql: String) -> anyhow::Result<()> {
    // Names of our own and quoted passwords only.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await?;
    Ok(())
}
