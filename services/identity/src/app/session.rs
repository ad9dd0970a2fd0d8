//! Signing in, going on, signing out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_platform::auth::ACCESS_LIFETIME;
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Now, Tx};
use kith_platform::error::{Common, Result};
use kith_platform::id::Uuid;

use super::{Desk, account, hash_of, key};
use crate::domain::account::{Email, Password};
use crate::domain::session::{End, Place, Session};
use crate::domain::{Refused, SessionId};
use crate::policy::Action;
use crate::store;

/// Signs in.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub email: Email,
    pub password: Password,
    /// Short name of the tenant; none where the account has one place only.
    pub tenant: Option<String>,
    pub as_operator: bool,
}

/// What somebody carries who is signed in.
#[derive(Clone)]
pub struct Tokens {
    pub access: String,
    pub access_ends_at: Now,
    pub refresh: String,
    pub place: Place,
    /// The person, or the operator's account.
    pub subject: Uuid,
}

/// Signed in, or a choice of places.
#[derive(Clone)]
pub struct SignedIn {
    pub tokens: Option<Tokens>,
    /// Short names of all places.
    pub tenants: Vec<String>,
}

/// Signs in. A wrong password, an unknown address and a place that is not the account's have one answer.
pub async fn sign_in(desk: &Desk, command: SignIn) -> Result<SignedIn> {
    let found = account::check_password(desk, &command.email, command.password).await?;
    let account = found.ok_or(Refused::NotSignedIn)?;
    let places = store::account::places(&desk.global, account.id).await?;
    let place = if command.as_operator {
        Some(account.is_operator.then_some(Place::Host).ok_or(Refused::NotSignedIn)?)
    } else if let Some(slug) = &command.tenant {
        let named = places.iter().find(|place| place.slug == *slug).ok_or(Refused::NotSignedIn)?;
        Some(Place::Tenant(named.tenant, named.person))
    } else if let [only] = places.as_slice() {
        Some(Place::Tenant(only.tenant, only.person))
    } else {
        None
    };
    let tokens = match place {
        Some(place) => {
            let now = desk.now();
            let id = SessionId(desk.host.shared().ids.uuid(now));
            let session = Session::begin(id, account.id, place, now);
            let tokens = issue(desk, &session, now).await?;
            let mut work = desk.global.begin().await?;
            store::session::insert(&mut work, &session, &hash_of(&tokens.refresh)).await?;
            work.commit().await?;
            store::session::remove_old(&desk.global, now).await?;
            Some(tokens)
        }
        None => None,
    };
    Ok(SignedIn { tokens, tenants: places.into_iter().map(|place| place.slug).collect() })
}

/// Exchanges a refresh token. One that was exchanged before ends its session: one of its two holders stole it.
pub async fn refresh(desk: &Desk, token: String) -> Result<Tokens> {
    let (now, old) = (desk.now(), hash_of(&token));
    let mut work = desk.global.begin().await?;
    let found = store::session::lock_by_token(&mut work, &old).await?.ok_or(Refused::SessionOver)?;
    let session = found.session;
    if let Some(why) = session.exchange(found.token_used, found.still_there, now)? {
        // The lock is given back first: ending needs the same row.
        work.commit().await?;
        store::session::end(&desk.global, session.id, why, now).await?;
        return Err(Refused::SessionOver.into());
    }
    let tokens = issue(desk, &session, now).await?;
    store::session::use_token(&mut work, &old, now).await?;
    store::session::add_token(&mut work, session.id, &hash_of(&tokens.refresh), now).await?;
    work.commit().await?;
    Ok(tokens)
}

/// New tokens for a session; the refresh token is not kept yet.
async fn issue(desk: &Desk, session: &Session, now: Now) -> Result<Tokens> {
    let actor = match session.place {
        Place::Tenant(tenant, person) => Actor::Person { tenant, person, session: session.id.0 },
        Place::Host => Actor::Operator { account: session.account.0, session: session.id.0 },
    };
    let auth = &desk.host.config().auth;
    let access = key::signing(desk).await?.sign(&auth.issuer, &auth.audience, actor, now)?;
    Ok(Tokens {
        access,
        access_ends_at: now + ACCESS_LIFETIME,
        refresh: URL_SAFE_NO_PAD.encode(desk.host.shared().ids.bytes::<32>()),
        place: session.place,
        subject: actor.id(),
    })
}

/// Decides that somebody may end their own session, and writes it down.
pub async fn sign_out(tx: &mut Tx, (): ()) -> Result<()> {
    let person = tx.person()?;
    let session = tx.actor().session().unwrap_or_default();
    let standing = Standing::new().with("self", true);
    tx.require(Action::SignOut, Subject::about("session", session, person), &standing)
}

/// Ends the caller's session. Comes after [`sign_out`]; a repeated call ends it again, which changes nothing.
pub async fn end(desk: &Desk, actor: Actor) -> Result<()> {
    let session = SessionId(actor.session().ok_or(Common::Unauthenticated)?);
    store::session::end(&desk.global, session, End::SignedOut, desk.now()).await
}
