//! The operator of the host, as the command signs them in: their password comes from a private file, the environment or
//! a prompt, never from the command line.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use kith_proto::identity::v1::BootstrapHostRequest;

use crate::client::{Addresses, Credentials, Hub, Place, Session};
use crate::month::accounts::{self, Accounts};

/// Where a password may stand in the environment; a file is better.
const PASSWORD_VARIABLE: &str = "KITH_OPERATOR_PASSWORD";
/// Neither the group nor others may read a private file.
const OPEN_TO_OTHERS: u32 = 0o077;

/// Who the operator is.
#[derive(Clone, Debug, clap::Args)]
pub struct Operator {
    /// E-mail address of the operator's account
    #[arg(
        long,
        env = "KITH_OPERATOR_EMAIL",
        default_value = "operator@host.example",
        value_name = "ADDRESS"
    )]
    pub operator_email: String,
    /// Private file with the operator's password; without it KITH_OPERATOR_PASSWORD, the file that `kith month` makes
    /// passwords from, or a prompt
    #[arg(long, env = "KITH_OPERATOR_PASSWORD_FILE", value_name = "FILE")]
    pub operator_password_file: Option<PathBuf>,
    /// Private file that `kith month` makes passwords from
    #[arg(long, env = "KITH_PASSWORD_SEED", default_value = ".local/secrets/month", value_name = "FILE")]
    pub password_seed: PathBuf,
    /// Private file with the one-time host code; spent where the host has no operator yet
    #[arg(
        long,
        env = "KITH_HOST_CODE_FILE",
        default_value = ".local/secrets/host_code",
        value_name = "FILE"
    )]
    pub host_code_file: PathBuf,
    /// Where the services are
    #[command(flatten)]
    pub addresses: Addresses,
}

impl Operator {
    /// Takes these private files where nothing else was said.
    pub fn use_secrets(&mut self, host_code: &Path, password_seed: &Path) {
        if self.host_code_file == Path::new(".local/secrets/host_code") {
            host_code.clone_into(&mut self.host_code_file);
        }
        if self.password_seed == Path::new(".local/secrets/month") {
            password_seed.clone_into(&mut self.password_seed);
        }
    }
}

/// What may be done where nobody can sign in as this operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Make them the host's first operator with the host code, where there is none yet.
    BecomeFirst,
    /// Say so: a command that founds nothing spends no code that works once.
    Refuse,
}

/// Signs the operator in.
pub async fn sign_in(args: &Operator, otherwise: Otherwise) -> Result<Session> {
    let hub = Arc::new(Hub::new(&args.addresses)?);
    let (operator, was_typed) = session(&hub, args)?;
    if operator.can_sign_in().await? {
        return Ok(operator);
    }
    if otherwise == Otherwise::Refuse {
        bail!(
            "{} cannot sign in as an operator with this password; what to do: check both. Where the host has no operator \
             yet, `kith tenant create` makes the first",
            operator.email()
        );
    }
    if was_typed {
        eprintln!(
            "nobody signs in as {} yet: if this host has no operator, this makes its first",
            operator.email()
        );
        if ask(&args.operator_email, "once more the password of")? != operator.password() {
            bail!("these are two passwords; nothing was done");
        }
    }
    become_first(&hub, &operator, &args.host_code_file).await?;
    eprintln!("  the host has its first operator, {}", operator.email());
    Ok(operator)
}

/// Spends the host code to make the host's first operator.
pub async fn become_first(hub: &Hub, operator: &Session, code_file: &Path) -> Result<()> {
    let code = fs::read_to_string(code_file).with_context(|| {
        format!(
            "{} cannot sign in as an operator, and the host code in {} cannot be read",
            operator.email(),
            code_file.display()
        )
    })?;
    let request = BootstrapHostRequest {
        request_id: String::new(),
        host_code: code.trim().to_owned(),
        email: operator.email().to_owned(),
        password: operator.password().to_owned(),
    };
    hub.call_unnamed(operator.who(), request)
        .await
        .with_context(|| format!("{} cannot sign in as an operator with this password", operator.email()))?;
    Ok(())
}

/// The operator's session, and whether the password was typed just now.
fn session(hub: &Arc<Hub>, args: &Operator) -> Result<(Session, bool)> {
    let email = args.operator_email.clone();
    let with = |password: String| {
        let credentials = Credentials { email: email.clone(), password, place: Place::Host };
        Session::new(Arc::clone(hub), "the operator", credentials)
    };
    if let Some(file) = &args.operator_password_file {
        return Ok((with(private(file)?), false));
    }
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok((with(password), false));
    }
    if args.password_seed.exists() || !io::stdin().is_terminal() {
        let seed = accounts::seed(&args.password_seed)?;
        return Ok((Accounts::new(Arc::clone(hub), "", seed).operator(&email), false));
    }
    Ok((with(ask(&email, "password of")?), true))
}

/// Reads a private file; one that others may read is refused.
pub(crate) fn private(file: &Path) -> Result<String> {
    let mode = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.permissions();
    if mode.mode() & OPEN_TO_OTHERS != 0 {
        bail!("{} may be read by others; what to do: chmod 600 {0}", file.display());
    }
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks on the terminal without showing what is typed.
fn ask(email: &str, what: &str) -> Result<String> {
    let echo = |how: &str| {
        let told = Command::new("stty").arg(how).stdin(Stdio::inherit()).status();
        told.is_ok_and(|status| status.success())
    };
    eprint!("{what} {email}: ");
    io::stderr().flush()?;
    if !echo("-echo") {
        bail!(
            "the terminal would show the password; what to do: put it in a private file (--operator-password-file)"
        );
    }
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    echo("echo");
    eprintln!();
    read.context("no password was typed")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_from_a_private_file_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        fs::write(&file, "correct horse battery\n").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("open to the group");
        assert!(private(&file).expect_err("refused").to_string().contains("chmod 600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("private");
        assert_eq!(private(&file).expect("read"), "correct horse battery");
    }
}
