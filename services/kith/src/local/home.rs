//! The folder of the local stack: data, logs, process ids, passwords. Everything in it belongs to its account.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rand::TryRng;
use sha2::{Digest, Sha256};

use super::account::Account;
use super::files;

/// The stack's folder and who owns it.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    account: Account,
}

impl Home {
    /// Returns this workspace's stack folder if it was set up before; makes nothing.
    pub fn existing() -> Result<Option<Self>> {
        for root in candidates()? {
            if root.join("run").is_dir() {
                let account = Account::find(Some(&root))?;
                return Ok(Some(Self { root, account }));
            }
        }
        Ok(None)
    }

    /// Returns this workspace's stack folder, set up if need be.
    pub fn open_or_create() -> Result<Self> {
        let home = match Self::existing()? {
            Some(home) => home,
            None => Self::choose(&candidates()?)?,
        };
        for folder in [home.run(), home.logs()] {
            home.make_folder(&folder, 0o755)?;
        }
        for folder in [home.rabbitmq(), home.secrets()] {
            home.make_folder(&folder, 0o700)?;
        }
        Ok(home)
    }

    /// Takes the first candidate that the account can reach and own.
    fn choose(candidates: &[PathBuf]) -> Result<Self> {
        let account = Account::find(None)?;
        let mut problem = None;
        for root in candidates {
            let home = Self { root: root.clone(), account };
            let parent = root.parent().unwrap_or(root);
            if let Err(error) = DirBuilder::new().recursive(true).mode(0o755).create(parent) {
                problem = Some(format!("cannot make {}: {error}", parent.display()));
                continue;
            }
            if !account.may_traverse(parent) {
                problem.get_or_insert_with(|| format!("its user may not pass through {}", parent.display()));
                continue;
            }
            match home.make_folder(root, 0o755) {
                Ok(()) => return Ok(home),
                Err(error) => problem = Some(format!("{error:#}")),
            }
        }
        bail!(
            "no folder for the local stack: {}\n\
             what to do: set KITH_LOCAL_DIR to a folder that can be written here",
            problem.unwrap_or_default()
        )
    }

    fn make_folder(&self, folder: &Path, mode: u32) -> Result<()> {
        if !folder.is_dir() {
            DirBuilder::new()
                .mode(mode)
                .create(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        self.account.own(folder)
    }

    pub fn account(&self) -> Account {
        self.account
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn postgres_data(&self) -> PathBuf {
        self.root.join("pgdata")
    }

    pub fn rabbitmq(&self) -> PathBuf {
        self.root.join("rabbit")
    }

    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// Hands every file of a folder to the account.
    pub fn own_all(&self, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            self.account.own(&entry?.path())?;
        }
        Ok(())
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// A short name for this stack, the same in every run, so that two stacks on one machine do not clash.
    pub fn short_hash(&self) -> String {
        short_hash(&self.root)
    }

    /// Returns a command run as the stack's account, in its folder, with nothing of the caller's environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.account.command(program);
        self.prepare(&mut command);
        command
    }

    /// The same in a session of its own, for what stays after this command has ended.
    pub fn detached_command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.account.detached_command(program);
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", &self.root)
            .current_dir(&self.root);
    }

    /// Writes a file of the stack and hands it to the account.
    pub fn write(&self, path: &Path, content: &[u8], mode: u32) -> Result<()> {
        files::write(path, content, mode)?;
        self.account.own(path)
    }

    /// Opens a log to be continued.
    pub fn append(&self, path: &Path) -> Result<File> {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        self.account.own(path)?;
        Ok(file)
    }

    /// Returns the password of this name, if one was made.
    pub fn existing_secret(&self, name: &str) -> Result<Option<String>> {
        files::read(&self.secrets().join(name))
    }

    /// Returns the password of this name, made on first use.
    pub fn secret(&self, name: &str) -> Result<String> {
        if let Some(secret) = self.existing_secret(name)? {
            return Ok(secret);
        }
        let mut bytes = [0_u8; 24];
        rand::rngs::SysRng.try_fill_bytes(&mut bytes).context("the system gives no random numbers")?;
        let secret = hex(&bytes);
        self.write(&self.secret_file(name), secret.as_bytes(), 0o600)?;
        Ok(secret)
    }

    pub fn secret_file(&self, name: &str) -> PathBuf {
        self.secrets().join(name)
    }

    /// Returns a path to the program that the account may run: itself, or else a copy in the stack's folder.
    pub fn reachable_program(&self, program: &Path) -> Result<PathBuf> {
        if self.account.may_run(program) {
            return Ok(program.to_owned());
        }
        let folder = self.root.join("bin");
        self.make_folder(&folder, 0o755)?;
        let name = program.file_name().with_context(|| format!("{} is no program", program.display()))?;
        let copy = folder.join(name);
        if is_same_build(program, &copy) {
            return Ok(copy);
        }
        let draft = folder.join(format!("{}.new", name.display()));
        let copied = fs::copy(program, &draft).and_then(|_| {
            let times = fs::FileTimes::new().set_modified(program.metadata()?.modified()?);
            File::options().write(true).open(&draft)?.set_times(times)?;
            fs::rename(&draft, &copy)
        });
        copied.with_context(|| format!("cannot copy {} to {}", program.display(), copy.display()))?;
        self.account.own(&copy)?;
        Ok(copy)
    }

    /// Waits until no other command changes this stack. The lock ends with the returned file.
    pub fn lock(&self) -> Result<File> {
        let path = self.root.join("lock");
        let file = self.append(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("waiting for another kith command on this stack");
                file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(file)
    }
}

/// Returns whether both files have the same length and time of change.
fn is_same_build(program: &Path, copy: &Path) -> bool {
    let (Ok(program), Ok(copy)) = (program.metadata(), copy.metadata()) else { return false };
    program.len() == copy.len() && program.modified().ok() == copy.modified().ok()
}

/// Where this workspace's stack may be, in order of preference.
fn candidates() -> Result<Vec<PathBuf>> {
    let named = std::env::var_os("KITH_LOCAL_DIR").filter(|folder| !folder.is_empty());
    let (folder, named_after) = if let Some(folder) = named {
        let folder = std::path::absolute(&folder).context("KITH_LOCAL_DIR is no path")?;
        (folder.clone(), folder)
    } else {
        let workspace = workspace()?;
        (workspace.join(".local"), workspace)
    };
    let elsewhere = Path::new("/var/lib").join(format!("kith-{}", short_hash(&named_after)));
    Ok(vec![folder, elsewhere])
}

/// Returns the workspace around the current folder, or around this program, or else the current folder.
fn workspace() -> Result<PathBuf> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let here = fs::canonicalize(&here).unwrap_or(here);
    let program = std::env::current_exe().ok();
    let found = here.ancestors().chain(program.iter().flat_map(|path| path.ancestors())).find(|folder| {
        folder.join("services/kith/Cargo.toml").is_file() && folder.join("Cargo.toml").is_file()
    });
    Ok(found.map_or_else(|| here.clone(), Path::to_owned))
}

fn short_hash(path: &Path) -> String {
    hex(&Sha256::digest(path.as_os_str().as_encoded_bytes())[..4])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn home_in(folder: &Path) -> Home {
        let account = Account::find(Some(folder)).expect("an account");
        let home = Home { root: folder.to_owned(), account };
        home.make_folder(&home.secrets(), 0o700).expect("secrets");
        home
    }

    #[test]
    fn a_secret_is_made_once_and_private() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let home = home_in(folder.path());
        let first = home.secret("broker").expect("a secret");
        assert_eq!(home.secret("broker").expect("the same"), first);
        assert_eq!(first.len(), 48);
        let mode = home.secret_file("broker").metadata().expect("a file").mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_stacks_have_different_names() {
        assert_ne!(short_hash(Path::new("/a/.local")), short_hash(Path::new("/b/.local")));
        assert_eq!(short_hash(Path::new("/a")).len(), 8);
    }
}
