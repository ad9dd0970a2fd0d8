//! Use cases: one function each.
//!
//! What is a tenant's own happens in a transaction that the platform opens and commits. Accounts, invitations and
//! sessions are of no tenant and are reached as another role, so that a use case which touches both sides has two
//! transactions. No function crosses the fence instead (`security definer`): it would let the app role into what it
//! must not reach. The order is chosen so that a crash in between is repaired by repeating the same call.

pub mod account;
pub mod acquaintance;
pub mod break_glass;
pub mod communication;
pub mod confirmation;
pub mod consent;
pub mod credential;
pub mod due;
pub mod integrator;
pub mod key;
pub mod leaving;
pub mod legal_fact;
pub mod mail;
pub mod operator_credential;
mod outside;
mod outward;
pub mod passkey;
pub mod password;
pub mod person;
pub mod place_link;
mod post;
pub mod provider;
pub mod representative;
pub mod rights;
pub mod session;
pub mod tenant;
pub mod tenant_life;
pub mod tenant_profile;

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_platform::Host;
use kith_platform::authz::{Action as _, Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::Now;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId};
use sha2::{Digest as _, Sha256};

use crate::domain::AccountId;
use crate::domain::account::Email;
use crate::policy::Action;
use crate::store;
use crate::store::global::Global;

/// What the use cases work with; cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(crate) host: Host,
    global: Global,
    passwords: password::Passwords,
    outward: outward::Outward,
    post: Arc<OnceLock<post::Post>>,
}

impl Desk {
    /// At that host.
    pub fn new(host: Host) -> Self {
        Self {
            global: Global::new(host.clone()),
            passwords: password::Passwords::default(),
            outward: outward::Outward::default(),
            post: Arc::default(),
            host,
        }
    }

    /// How many passwords were hashed or compared at this desk: what a call costs, to be the same for every address.
    pub fn passwords_worked(&self) -> usize {
        self.passwords.worked()
    }

    /// Closes the connections of the sign-in role.
    pub(crate) async fn close(&self) {
        self.global.close().await;
    }

    fn now(&self) -> Now {
        self.host.shared().clock.now()
    }

    /// The invitation of a person. The same person has the same code, so that it can be told again to who repeats the
    /// call, and need not be kept.
    fn invitation_code(&self, tenant: TenantId, person: PersonId) -> String {
        let code = self.host.derive("invitation", &[tenant.0.as_bytes(), person.0.as_bytes()]);
        format!("kith-{}", URL_SAFE_NO_PAD.encode(code))
    }

    /// Opens a person's invitation and answers its code; empty once it was used. On a host that sends mail it goes to the
    /// address too, if one is given.
    async fn open_invitation(
        &self,
        tenant: TenantId,
        person: PersonId,
        address: Option<&Email>,
    ) -> Result<String> {
        let code = self.invitation_code(tenant, person);
        let hash = hash_of(&code);
        let mut work = self.global.begin().await?;
        let taken = store::invitation::open(&mut work, &hash, tenant, person, self.now()).await?;
        if let Some(address) = address.filter(|_| !taken && mail::is_on(self)) {
            mail::send_invitation(self, &mut work, tenant, person, address).await?;
        }
        work.commit().await?;
        Ok(if taken { String::new() } else { code })
    }

    /// The way to the mail server; made on first use.
    fn post(&self) -> Result<&post::Post> {
        if self.post.get().is_none() {
            let made = post::Post::of(self.host.config()).map_err(Error::internal)?;
            self.post.set(made).ok();
        }
        self.post.get().ok_or_else(|| Error::internal(anyhow::anyhow!("there is no way to the mail server")))
    }

    /// Refuses who is not an operator, or may not do this as one.
    pub(crate) async fn require_operator(
        &self,
        actor: Actor,
        action: Action,
        subject: Subject,
    ) -> Result<Standing> {
        let Actor::Operator { account, .. } = actor else {
            return Err(Common::PermissionDenied.into());
        };
        let is_operator = store::account::is_operator(&self.global, AccountId(account)).await?;
        let standing = Standing::new().with("operator", is_operator);
        if self.host.shared().policy.allows(actor, action.name(), &subject, &standing) {
            Ok(standing)
        } else {
            Err(Common::PermissionDenied.into())
        }
    }
}

/// What is kept of a secret that has enough randomness of its own.
fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// What is kept to tell the same content from other content: a hash over all parts, each with its length.
fn content_hash(parts: &[&str]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().to_vec()
}
