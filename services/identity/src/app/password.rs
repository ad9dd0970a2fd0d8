//! Hashing passwords: argon2id, beside the calls and only a few at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::anyhow;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use kith_platform::error::{Error, Result};
use tokio::sync::oneshot;

use crate::domain::account::Password;

/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at once: bounds memory (19 MiB each) and leaves processors to the calls.
const AT_ONCE: usize = 2;
/// No password has this hash; an address without an account is compared with it, so that the answer takes as long.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

type Job = Box<dyn FnOnce() + Send>;

/// Hashes and compares passwords; cheap to clone. Threads of its own, started on first use: what a hash takes stays with its
/// thread (the allocator keeps it), so that many threads would keep many times that.
#[derive(Clone, Debug, Default)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    jobs: OnceLock<Sender<Job>>,
    worked: AtomicUsize,
}

/// The threads; they end with the last who could ask them.
fn threads() -> Sender<Job> {
    let (jobs, waiting) = channel::<Job>();
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..AT_ONCE {
        let waiting = waiting.clone();
        std::thread::spawn(move || {
            loop {
                let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = job else { break };
                // Who asked sees that nothing came back; the thread goes on.
                catch_unwind(AssertUnwindSafe(job)).ok();
            }
        });
    }
    jobs
}

impl Passwords {
    /// How many passwords were hashed or compared so far.
    pub fn worked(&self) -> usize {
        self.0.worked.load(Ordering::Relaxed)
    }

    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<String> {
        self.work(move || {
            let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(Error::internal)
        })
        .await
    }

    /// Whether it is the password of that hash. Takes as long where there is none, and says no.
    pub async fn fits(&self, password: Password, hash: Option<String>) -> Result<bool> {
        self.work(move || {
            let kept = hash.as_deref().unwrap_or(NOBODYS);
            let fits = hasher()?.verify_password(password.as_bytes(), kept).is_ok();
            Ok(fits && hash.is_some())
        })
        .await
    }

    /// Works on one of the threads, in turn. A call that was given up is worked off all the same, and so still counts.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        self.0.worked.fetch_add(1, Ordering::Relaxed);
        let (answer, done) = oneshot::channel();
        let job = move || {
            // Nobody may be waiting any more.
            answer.send(work()).ok();
        };
        self.0
            .jobs
            .get_or_init(threads)
            .send(Box::new(job))
            .map_err(|_| Error::internal(anyhow!("no thread hashes")))?;
        done.await.map_err(Error::internal)?
    }
}

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Error::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::given(text).expect("a password")
    }

    #[tokio::test]
    async fn a_password_is_hashed_with_owasps_minimum_and_found_again() {
        let passwords = Passwords::default();
        let hash = passwords.hash(password("correct horse battery"), [7; 16]).await.expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            passwords.fits(password("correct horse battery"), Some(hash.clone())).await.expect("compared")
        );
        assert!(!passwords.fits(password("correct horse batterY"), Some(hash)).await.expect("compared"));
    }

    #[tokio::test]
    async fn nobodys_hash_costs_the_same_and_fits_no_password() {
        let passwords = Passwords::default();
        assert!(!passwords.fits(password("correct horse battery"), None).await.expect("compared"));
        let own = passwords.hash(password("correct horse battery"), [7; 16]).await.expect("a hash");
        let cost = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(cost(NOBODYS), cost(&own));
        assert!(argon2::PasswordHash::new(NOBODYS).is_ok(), "it is read like any other");
    }
}
