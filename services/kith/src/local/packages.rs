//! Finds the programs of PostgreSQL and RabbitMQ, and installs the distribution's packages where they are missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

const INSTALL_SCRIPT: &str = include_str!("install.sh");

/// Folders with the servers' programs; `None` for a server that was not asked for.
#[derive(Debug, Default)]
pub struct Programs {
    /// Holds `initdb` and `pg_ctl`.
    pub postgres: Option<PathBuf>,
    /// Holds `rabbitmq-server` and `rabbitmqctl`, the scripts themselves and not a distribution's wrapper.
    pub rabbitmq: Option<PathBuf>,
}

/// Which servers are needed here.
#[derive(Clone, Copy, Debug)]
pub struct Needed<'a> {
    pub postgres: bool,
    /// The major version that an existing data folder was made with: no other one can read it.
    pub postgres_major: Option<&'a str>,
    pub rabbitmq: bool,
}

/// Returns where the needed servers are, after installing what is missing if that can be done here.
pub fn ensure(needed: Needed<'_>) -> Result<Programs> {
    let found = find(needed);
    let missing = missing_packages(needed, &found);
    if missing.is_empty() {
        return Ok(found);
    }
    install(&missing)?;
    let found = find(needed);
    let missing = missing_packages(needed, &found);
    if missing.is_empty() {
        return Ok(found);
    }
    bail!("{} installed, yet its programs were not found\n{}", missing.join(" and "), advice(&missing))
}

fn find(needed: Needed<'_>) -> Programs {
    Programs {
        postgres: if needed.postgres { find_postgres(needed.postgres_major) } else { None },
        rabbitmq: if needed.rabbitmq { rabbitmq_scripts() } else { None },
    }
}

fn missing_packages(needed: Needed<'_>, found: &Programs) -> Vec<String> {
    let mut missing = Vec::new();
    if needed.postgres && found.postgres.is_none() {
        missing.push(match needed.postgres_major {
            Some(major) => format!("postgresql-{major}"),
            None => "postgresql".to_owned(),
        });
    }
    if needed.rabbitmq && found.rabbitmq.is_none() {
        missing.push("rabbitmq-server".to_owned());
    }
    missing
}

fn find_postgres(major: Option<&str>) -> Option<PathBuf> {
    if let Some(major) = major {
        let bin = Path::new("/usr/lib/postgresql").join(major).join("bin");
        if is_postgres(&bin) {
            return Some(bin);
        }
        return postgres_elsewhere().find(|bin| major_of(bin).as_deref() == Some(major));
    }
    newest_subfolders(Path::new("/usr/lib/postgresql"), "")
        .into_iter()
        .map(|version| version.join("bin"))
        .find(|bin| is_postgres(bin))
        .or_else(|| postgres_elsewhere().next())
}

fn postgres_elsewhere() -> impl Iterator<Item = PathBuf> {
    let from_pg_config = output_of("pg_config", "--bindir").map(PathBuf::from);
    from_pg_config.into_iter().chain(search_path()).filter(|bin| is_postgres(bin))
}

fn is_postgres(bin: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| bin.join(program).is_file())
}

/// Returns "15" for a `postgres --version` of "postgres (PostgreSQL) 15.18 (Debian ...)".
fn major_of(bin: &Path) -> Option<String> {
    let version = output_of(bin.join("postgres"), "--version")?;
    let number = version.split_whitespace().nth(2)?;
    number.split('.').next().map(str::to_owned)
}

/// Returns where the scripts of RabbitMQ are, if they are installed.
pub fn rabbitmq_scripts() -> Option<PathBuf> {
    newest_subfolders(Path::new("/usr/lib/rabbitmq/lib"), "rabbitmq_server-")
        .into_iter()
        .map(|version| version.join("sbin"))
        .chain(search_path().filter_map(|folder| {
            let script = fs::canonicalize(folder.join("rabbitmq-server")).ok()?;
            // Debian's /usr/sbin/rabbitmq-server leads to a wrapper of another name that refuses other users.
            let is_script = script.file_name().is_some_and(|name| name == "rabbitmq-server");
            if is_script { script.parent().map(Path::to_owned) } else { None }
        }))
        .find(|sbin| {
            ["rabbitmq-server", "rabbitmqctl", "rabbitmq-env"].iter().all(|name| sbin.join(name).is_file())
        })
}

/// Returns the folders in `parent` named `<prefix><version>`, newest first.
fn newest_subfolders(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = Vec::new();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let version = name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(version_parts);
        if let Some(version) = version {
            found.push((version, entry.path()));
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0));
    found.into_iter().map(|(_, path)| path).collect()
}

fn version_parts(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn output_of(program: impl AsRef<std::ffi::OsStr>, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

fn install(packages: &[String]) -> Result<()> {
    let names = packages.join(" and ");
    if !search_path().any(|folder| folder.join("apt-get").is_file()) {
        bail!("{names} not found, and this system has no apt-get\n{}", advice(packages));
    }
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("sh")
    } else if sudo_without_password() {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        bail!("{names} not found, and installing needs root\n{}", advice(packages));
    };
    eprintln!("installing {names} with apt-get (no service is started by it); this can take a minute");
    let output = command
        .args(["-c", INSTALL_SCRIPT, "install"])
        .args(packages)
        .stdin(Stdio::null())
        .output()
        .context("cannot run sh")?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    bail!(
        "apt-get could not install {names}; its last words:\n{}\n{}",
        super::files::last_lines(&String::from_utf8_lossy(&text), 12),
        advice(packages)
    )
}

fn sudo_without_password() -> bool {
    let status =
        Command::new("sudo").args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn advice(packages: &[String]) -> String {
    format!(
        "what to do: install the server packages ({}), for instance\n    \
         sudo apt-get install --no-install-recommends {}\n  \
         or point KITH_DATABASE_URL (postgres://user:password@host:port/postgres, a superuser) and\n  \
         KITH_BROKER_URL (amqp://user:password@host:port/%2f) at servers you have, and run this again",
        packages.join(", "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_version_comes_first_by_number_not_by_letter() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["server-3.9.11", "server-3.10.8", "server-notes", "other-9.9"] {
            fs::create_dir(folder.path().join(name)).expect("folder");
        }
        let found = newest_subfolders(folder.path(), "server-");
        assert_eq!(found, [folder.path().join("server-3.10.8"), folder.path().join("server-3.9.11")]);
    }

    #[test]
    fn an_existing_data_folder_asks_for_its_own_major() {
        let needed = Needed { postgres: true, postgres_major: Some("13"), rabbitmq: true };
        let missing = missing_packages(needed, &Programs::default());
        assert_eq!(missing, ["postgresql-13", "rabbitmq-server"]);
    }
}
