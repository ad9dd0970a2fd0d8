//! Integrators: other systems of a co-op, with one role in one tenant and nobody behind them.
//!
//! To every service an integrator looks like a person with that one role, told by the same event, so that the same rules
//! decide; it is nobody's Team, circle or account, and owns nothing. Its id says in the audit that it was no person.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use kith_platform::authz::Subject;
use kith_platform::context::Actor;
use kith_platform::db::{Now, Tx};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::page::Page;

use super::account::Attempt;
use super::{Desk, hash_of, key, person, rights};
use crate::domain::integrator::Integrator;
use crate::domain::network::Network;
use crate::domain::person::Role;
use crate::domain::{Change, Refused};
use crate::events;
use crate::policy::Action;
use crate::store;

/// Adds an integrator.
#[derive(Clone, Debug)]
pub struct Add {
    pub display_name: String,
    pub role: Role,
}

/// Adds an integrator and tells its role.
pub async fn add(tx: &mut Tx, command: Add) -> Result<Integrator> {
    let standing = person::standing(tx).await?;
    let id: PersonId = tx.new_id();
    tx.require(Action::AddIntegrator, Subject::of("integrator", id), &standing)?;
    let integrator = Integrator {
        id,
        display_name: command.display_name,
        role: command.role,
        added_at: tx.now(),
        revoked_at: None,
    };
    store::integrator::insert(tx, &integrator).await?;
    events::tell_integrator(tx, &integrator);
    Ok(integrator)
}

/// Its secret. Comes after [`add`], outside the saved answer, so that it is never kept; the same request again reads the
/// same secret.
pub async fn hand_out(desk: &Desk, actor: Actor, id: PersonId) -> Result<String> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    let secret = desk.host.derive("integrator", &[tenant.0.as_bytes(), id.0.as_bytes()]);
    let secret = format!("kith-{}", URL_SAFE_NO_PAD.encode(secret));
    store::integrator::keep_secret(&desk.global, id, tenant, &hash_of(&secret), desk.now()).await?;
    Ok(secret)
}

/// Lists the integrators of the tenant, oldest first, with the token of the next page.
pub async fn list(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<(Vec<Integrator>, String)> {
    let standing = person::standing(tx).await?;
    tx.require(Action::ListIntegrators, Subject::of("tenant", tx.tenant()), &standing)?;
    let mut integrators = store::integrator::list(tx, &page).await?;
    let next = page.cut(&mut integrators, |integrator| (integrator.added_at, integrator.id.0));
    Ok((integrators, next))
}

/// Revokes an integrator: its role is taken away everywhere.
pub async fn revoke(tx: &mut Tx, id: PersonId) -> Result<Integrator> {
    let standing = person::standing(tx).await?;
    let found = store::integrator::load_for_update(tx, id).await?;
    tx.require(Action::RevokeIntegrator, Subject::of("integrator", id), &standing)?;
    let mut integrator = found.ok_or(Error::NotFound("integrator"))?;
    if integrator.revoke(tx.now()) == Change::Changed {
        store::integrator::save_revoked(tx, &integrator).await?;
        rights::end_access_requests(tx, integrator.id).await?;
        events::tell_integrator(tx, &integrator);
    }
    Ok(integrator)
}

/// Lets its secret open nothing any more. Comes after [`revoke`]; again it changes nothing.
pub async fn close(desk: &Desk, actor: Actor, id: PersonId) -> Result<()> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    store::integrator::revoke_secret(&desk.global, id, tenant, desk.now()).await
}

/// The integrator of that id, unless it was revoked.
pub async fn active(tx: &mut Tx, id: PersonId) -> Result<Option<Integrator>> {
    let found = store::integrator::load(tx, id).await?;
    Ok(found.filter(|integrator| integrator.revoked_at.is_none()))
}

/// Signs an integrator in.
#[derive(Clone)]
pub struct SignIn {
    /// None where it has no such form: counted and answered like any other wrong one.
    pub client: Option<PersonId>,
    pub secret: String,
}

/// An access token and where it leads; there is nothing to refresh.
#[derive(Clone)]
pub struct Token {
    pub access: String,
    pub ends_at: Now,
    pub tenant: TenantId,
}

/// Exchanges client id and secret for a token. Whatever is wrong has one answer.
pub async fn sign_in(desk: &Desk, command: SignIn, network: Network) -> Result<Token> {
    let client = command.client.unwrap_or_default();
    let attempt = Attempt::count(desk, "integrator address", client.0.as_bytes(), network).await?;
    let found = store::integrator::find_secret(&desk.global, client).await?;
    let (tenant, kept) = found.ok_or(Refused::NotSignedIn)?;
    if !super::account::same(desk, &kept, &hash_of(&command.secret)) {
        return Err(Refused::NotSignedIn.into());
    }
    attempt.succeeded(desk).await?;
    let (auth, now) = (&desk.host.config().auth, desk.now());
    let actor = Actor::Person { tenant, person: client, session: client.0 };
    let mut work = desk.global.begin().await?;
    let access = key::signing(desk, &mut work).await?.sign(&auth.issuer, &auth.audience, actor, now)?;
    work.commit().await?;
    Ok(Token { access, ends_at: now + key::token_lifetime(desk), tenant })
}
