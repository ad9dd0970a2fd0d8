//! The unprivileged user the local stack runs as: the caller, or for root a user made for it.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

const SYSTEM_USER: &str = "kith";

/// Who owns the stack's files and processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    /// Whether programs must be started as somebody else than the caller.
    switch: bool,
}

impl Account {
    /// Returns the account for a stack whose folder may exist already: root goes on as that folder's owner,
    /// so that a stack set up by a user stays theirs.
    pub fn find(existing: Option<&Path>) -> Result<Self> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        let owner = existing.and_then(|folder| folder.metadata().ok());
        match owner {
            Some(owner) if uid == 0 && owner.uid() != 0 => {
                return Ok(Self { uid: owner.uid(), gid: owner.gid(), switch: true });
            }
            Some(owner) if uid != 0 && owner.uid() != uid => bail!(
                "the local stack in {} belongs to another user (id {})\n\
                 what to do: run this as that user or as root, or set KITH_LOCAL_DIR to a folder of your own",
                existing.unwrap_or(Path::new("")).display(),
                owner.uid()
            ),
            _ => {}
        }
        if uid == 0 { Self::system_user() } else { Ok(Self { uid, gid, switch: false }) }
    }

    fn system_user() -> Result<Self> {
        if let Some(account) = Self::lookup() {
            return Ok(account);
        }
        eprintln!("adding the system user \"{SYSTEM_USER}\": the servers do not run as root");
        let output = Command::new("useradd")
            .args(["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"])
            .args(["--shell", "/usr/sbin/nologin", SYSTEM_USER])
            .output()
            .context("cannot run useradd; what to do: run this as a user other than root")?;
        match Self::lookup() {
            Some(account) => Ok(account),
            None => bail!(
                "useradd could not add the system user \"{SYSTEM_USER}\": {}\n\
                 what to do: add it by hand, or run this as a user other than root",
                String::from_utf8_lossy(&output.stderr).trim()
            ),
        }
    }

    fn lookup() -> Option<Self> {
        let uid = identity_number("-u")?;
        let gid = identity_number("-g")?;
        Some(Self { uid, gid, switch: true })
    }

    /// Returns a command that runs the program as this account.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        if !self.switch {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(self.switch_arguments()).arg(program);
        command
    }

    /// Returns a command that runs the program as this account in a session of its own, out of reach of the
    /// terminal's signals. The process started is the program itself: both helpers replace themselves with it.
    pub fn detached_command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setsid");
        if self.switch {
            command.arg("setpriv").args(self.switch_arguments());
        }
        command.arg(program).stdin(Stdio::null());
        command
    }

    fn switch_arguments(&self) -> [String; 3] {
        [format!("--reuid={}", self.uid), format!("--regid={}", self.gid), "--clear-groups".to_owned()]
    }

    /// Hands the file or folder to this account.
    pub fn own(&self, path: &Path) -> Result<()> {
        if !self.switch {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot hand {} to the user the servers run as", path.display()))
    }

    /// Returns whether this account may pass through the folder and every folder above it.
    pub fn may_traverse(&self, folder: &Path) -> bool {
        folder.ancestors().all(|ancestor| {
            let Ok(metadata) = ancestor.metadata() else { return false };
            self.may_search(metadata.uid(), metadata.gid(), metadata.mode())
        })
    }

    /// Returns whether this account may run the program file.
    pub fn may_run(&self, program: &Path) -> bool {
        program.parent().is_some_and(|folder| self.may_traverse(folder))
            && program.metadata().is_ok_and(|file| self.may_search(file.uid(), file.gid(), file.mode()))
    }

    /// The x bit that counts for this account: its own, its group's, or everybody's.
    fn may_search(&self, owner: u32, group: u32, mode: u32) -> bool {
        let bit = if owner == self.uid {
            0o100
        } else if group == self.gid {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }
}

fn identity_number(option: &str) -> Option<u32> {
    let output = Command::new("id").args([option, SYSTEM_USER]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const STRANGER: Account = Account { uid: 64_001, gid: 64_001, switch: true };

    #[test]
    fn the_bit_of_owner_group_or_others_counts_and_only_that_one() {
        assert!(STRANGER.may_search(0, 0, 0o711));
        assert!(!STRANGER.may_search(0, 0, 0o770));
        assert!(STRANGER.may_search(0, 64_001, 0o710));
        assert!(!STRANGER.may_search(0, 64_001, 0o701), "the group's bits hold for its members");
        assert!(STRANGER.may_search(64_001, 0, 0o700));
        assert!(!STRANGER.may_search(64_001, 0, 0o077));
    }

    #[test]
    fn one_closed_folder_on_the_way_closes_it() {
        let outer = tempfile::tempdir().expect("temporary folder");
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).expect("folder");
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).expect("mode");
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).expect("mode");
        let open = STRANGER.may_traverse(&inner);
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).expect("mode");
        assert!(!STRANGER.may_traverse(&inner));
        assert_eq!(open, STRANGER.may_traverse(outer.path().parent().expect("a parent")));
        assert!(!STRANGER.may_traverse(Path::new("/no/such/folder")));
    }
}
