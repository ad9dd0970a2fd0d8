//! The invented people's accounts: addresses and passwords that every run can make again from one private file.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rand::TryRng;
use sha2::{Digest, Sha256};

use crate::client::{Credentials, Hub, Place, Session};

/// Makes sessions of people who sign in to one tenant.
pub struct Accounts {
    hub: Arc<Hub>,
    tenant: String,
    seed: String,
}

impl Accounts {
    pub fn new(hub: Arc<Hub>, tenant: &str, seed: String) -> Self {
        Self { hub, tenant: tenant.to_owned(), seed }
    }

    /// Somebody of the tenant: `checks` has the address `checks@<slug>.example`.
    pub fn member(&self, account: &str, who: &str) -> Session {
        let email = format!("{}@{}.example", account.to_lowercase(), self.tenant);
        self.session(email, who, Place::Tenant(self.tenant.clone()))
    }

    /// The operator of the host, whatever tenant is set up.
    pub fn operator(&self, email: &str) -> Session {
        self.session(email.to_owned(), "the operator", Place::Host)
    }

    fn session(&self, email: String, who: &str, place: Place) -> Session {
        let password = password(&self.seed, &email);
        Session::new(Arc::clone(&self.hub), who, Credentials { email, password, place })
    }
}

/// A password of its own for each address: 40 hexadecimal digits.
fn password(seed: &str, email: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["kith month password", seed, email] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..20])
}

/// Reads the private file that passwords are made from; the first run makes it.
pub fn seed(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(text.trim().to_owned()),
        Ok(_) => bail!("{} holds no seed of at least 32 characters", path.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let mut bytes = [0_u8; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).context("the system gives no random numbers")?;
    let seed = hex(&bytes);
    let write = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(seed.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(seed)
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

    #[test]
    fn the_seed_is_made_once_and_private() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("secrets/month");
        let first = seed(&path).expect("made");
        assert_eq!(seed(&path).expect("read"), first);
        assert_eq!(path.metadata().expect("a file").mode() & 0o777, 0o600);
        fs::write(&path, "short").expect("written");
        assert!(seed(&path).is_err());
    }

    #[test]
    fn every_address_has_a_password_of_its_own() {
        let one = password("seed", "g1@clapton.example");
        assert_eq!(one, password("seed", "g1@clapton.example"));
        assert_eq!(one.len(), 40);
        assert_ne!(one, password("seed", "g2@clapton.example"));
        assert_ne!(one, password("other", "g1@clapton.example"));
    }
}
