//! Signing in, going on, signing out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Now, Tx};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::Uuid;

use super::{Desk, account, hash_of, key, mail, person};
use crate::domain::account::{Email, Password};
use crate::domain::mail::{About, Kind};
use crate::domain::network::Network;
use crate::domain::session::{End, Method, Place, Session};
use crate::domain::{AccountId, Refused, SessionId};
use crate::policy::Action;
use crate::store;
use crate::store::account::SignInPlace;
use crate::store::global::Work;
use crate::store::session::{Listed, Which};

/// Where somebody wants to sign in.
#[derive(Clone, Debug, Default)]
pub struct Destination {
    /// Short name of the tenant; none where the account has one place only.
    pub tenant: Option<String>,
    pub as_operator: bool,
}

/// Signs in.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub email: Email,
    pub password: Password,
    pub into: Destination,
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
pub async fn sign_in(desk: &Desk, command: SignIn, network: Network) -> Result<SignedIn> {
    let found = account::check_password(desk, &command.email, command.password, network).await?;
    let account = found.ok_or(Refused::NotSignedIn)?;
    let shown = Shown::Password(account.password_hash);
    enter(desk, account.id, account.is_operator, &command.into, shown).await
}

/// What an account has shown. It was looked at outside of the transaction that begins the session, which may have waited:
/// it has to hold still.
pub enum Shown {
    /// The hash of the password that was right.
    Password(String),
    /// The id of the passkey that signed.
    Passkey(Vec<u8>),
}

/// Begins a session of an account that has shown who it is, or answers a choice of places.
pub async fn enter(
    desk: &Desk,
    account: AccountId,
    is_operator: bool,
    into: &Destination,
    shown: Shown,
) -> Result<SignedIn> {
    let mut work = desk.global.begin().await?;
    let (holds, method) = match shown {
        Shown::Password(hash) => {
            (store::account::keep_password(&mut work, account, &hash).await?, Method::Password)
        }
        Shown::Passkey(id) => (store::passkey::keep(&mut work, account, &id).await?, Method::Passkey),
    };
    if !holds {
        return Err(Refused::NotSignedIn.into());
    }
    let places = store::account::places(&mut work, account).await?;
    let place = choose(&places, is_operator, into)?;
    let tokens = match place {
        Some(place) => Some(begin(desk, &mut work, account, place, method).await?),
        None => None,
    };
    work.commit().await?;
    if let Some(place) = place {
        after_sign_in(desk, &places, place).await?;
    }
    Ok(SignedIn { tokens, tenants: places.into_iter().map(|place| place.slug).collect() })
}

/// The place that was asked for; none where there are several to choose from.
pub fn choose(places: &[SignInPlace], is_operator: bool, into: &Destination) -> Result<Option<Place>> {
    if into.as_operator {
        return Ok(Some(is_operator.then_some(Place::Host).ok_or(Refused::NotSignedIn)?));
    }
    if let Some(slug) = &into.tenant {
        let named = places.iter().find(|place| place.slug == *slug).ok_or(Refused::NotSignedIn)?;
        return Ok(Some(Place::Tenant(named.tenant, named.person)));
    }
    Ok(match places {
        [only] => Some(Place::Tenant(only.tenant, only.person)),
        _ => None,
    })
}

/// Writes a new session down and answers its first tokens.
pub async fn begin(
    desk: &Desk,
    work: &mut Work,
    account: AccountId,
    place: Place,
    method: Method,
) -> Result<Tokens> {
    let now = desk.now();
    let id = SessionId(desk.host.shared().ids.uuid(now));
    let session = Session::begin(id, account, place, method, now);
    let tokens = issue(desk, work, &session, now).await?;
    store::session::insert(work, &session, &hash_of(&tokens.refresh)).await?;
    Ok(tokens)
}

/// What is done beside each sign-in: old sessions are removed, and an invitation of which only the first half was done is
/// finished. A tenant that accepts no changes now finishes it another time.
pub async fn after_sign_in(desk: &Desk, places: &[SignInPlace], chosen: Place) -> Result<()> {
    store::session::remove_old(&desk.global, desk.now()).await?;
    let unfinished =
        places.iter().find(|place| !place.joined && chosen == Place::Tenant(place.tenant, place.person));
    if let Some(place) = unfinished
        && let Err(error) = account::finish_joining(desk, place.tenant, place.person).await
        && !error.is_transient()
    {
        return Err(error);
    }
    Ok(())
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
        match why {
            End::TokenReused => end_reused(desk, &session).await?,
            _ => store::session::end(&desk.global, session.id, why, now).await?,
        }
        return Err(Refused::SessionOver.into());
    }
    let tokens = issue(desk, &mut work, &session, now).await?;
    store::session::use_token(&mut work, session.id, &old, now).await?;
    store::session::add_token(&mut work, session.id, &hash_of(&tokens.refresh), now).await?;
    work.commit().await?;
    Ok(tokens)
}

/// Ends a session of which a token came twice; on a host that sends mail its account is written to.
async fn end_reused(desk: &Desk, session: &Session) -> Result<()> {
    let mut work = desk.global.begin().await?;
    let ended = store::session::end_reused(&mut work, session, desk.now()).await?;
    if ended && mail::is_on(desk) {
        let tenant = match session.place {
            Place::Tenant(tenant, _) => Some(tenant),
            Place::Host => None,
        };
        let about = About::Account(tenant, session.account);
        mail::queue(desk, &mut work, Kind::SessionReused, about).await?;
    }
    work.commit().await
}

/// New tokens for a session; the refresh token is not kept yet.
async fn issue(desk: &Desk, work: &mut Work, session: &Session, now: Now) -> Result<Tokens> {
    let actor = match session.place {
        Place::Tenant(tenant, person) => Actor::Person { tenant, person, session: session.id.0 },
        Place::Host => Actor::Operator { account: session.account.0, session: session.id.0 },
    };
    let auth = &desk.host.config().auth;
    let access = key::signing(desk, work).await?.sign(&auth.issuer, &auth.audience, actor, now)?;
    Ok(Tokens {
        access,
        access_ends_at: now + key::token_lifetime(desk),
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

/// The caller's own session; refused where it has ended, however long its access token still lives.
pub async fn own(desk: &Desk, actor: Actor) -> Result<Session> {
    let id = SessionId(actor.session().ok_or(Common::Unauthenticated)?);
    let session = store::session::find(&desk.global, id).await?.ok_or(Common::Unauthenticated)?;
    let place = match actor {
        Actor::Person { tenant, person, .. } => Place::Tenant(tenant, person),
        _ => Place::Host,
    };
    if session.place != place || session.require_open(desk.now()).is_err() {
        return Err(Common::Unauthenticated.into());
    }
    Ok(session)
}

/// Decides that somebody may do this with what is their own, and writes it down. An integrator owns nothing.
pub async fn require_self(tx: &mut Tx, action: Action, kind: &'static str, id: Uuid) -> Result<()> {
    let caller = tx.person()?;
    let standing = Standing::new().with("self", person::exists(tx, caller).await?);
    tx.require(action, Subject::about(kind, id, caller), &standing)
}

/// Decides that somebody may see their own sessions.
pub async fn require_list(tx: &mut Tx, (): ()) -> Result<()> {
    let caller = tx.actor().id();
    require_self(tx, Action::ListSessions, "person", caller).await
}

/// The caller's sessions in their tenant, newest first, and which of them asks. Comes after [`require_list`].
pub async fn list(desk: &Desk, actor: Actor) -> Result<(Vec<Listed>, SessionId)> {
    let (own, tenant) = (own(desk, actor).await?, actor.tenant().ok_or(Common::Unauthenticated)?);
    let listed = store::session::list(&desk.global, own.account, tenant, desk.now()).await?;
    Ok((listed, own.id))
}

/// Decides that somebody may end one of their sessions.
pub async fn require_end(tx: &mut Tx, session: SessionId) -> Result<SessionId> {
    require_self(tx, Action::EndSession, "session", session.0).await?;
    Ok(session)
}

/// Ends one of the caller's sessions in their tenant. Comes after [`require_end`]; again it changes nothing.
pub async fn end_one(desk: &Desk, actor: Actor, session: SessionId) -> Result<()> {
    let own = own(desk, actor).await?;
    let found = store::session::find(&desk.global, session).await?;
    let same = |other: &Session| other.account == own.account && other.place == own.place;
    let found = found.filter(same).ok_or(Error::NotFound("session"))?;
    store::session::end(&desk.global, found.id, End::EndedElsewhere, desk.now()).await
}

/// Decides that somebody may end their other sessions.
pub async fn require_end_others(tx: &mut Tx, everywhere: bool) -> Result<bool> {
    let caller = tx.actor().id();
    require_self(tx, Action::EndOtherSessions, "person", caller).await?;
    Ok(everywhere)
}

/// Ends the caller's other sessions, here or everywhere. Comes after [`require_end_others`]; again it changes nothing.
pub async fn end_others(desk: &Desk, actor: Actor, everywhere: bool) -> Result<()> {
    let (own, now) = (own(desk, actor).await?, desk.now());
    let which = if everywhere {
        own.require_own(now)?;
        Which::All
    } else {
        Which::InTenant(actor.tenant().ok_or(Common::Unauthenticated)?)
    };
    let mut work = desk.global.begin().await?;
    store::session::end_all(&mut work, own.account, which, Some(own.id), End::EndedElsewhere, now).await?;
    work.commit().await
}

/// Ends an operator's session, or all of them.
pub async fn sign_out_operator(desk: &Desk, actor: Actor, all: bool) -> Result<()> {
    let id = actor.session().ok_or(Common::Unauthenticated)?;
    desk.require_operator(actor, Action::SignOutOperator, Subject::of("session", id)).await?;
    let now = desk.now();
    if all {
        let mut work = desk.global.begin().await?;
        let account = AccountId(actor.id());
        store::session::end_all(&mut work, account, Which::OfHost, None, End::SignedOut, now).await?;
        work.commit().await?;
    }
    store::session::end(&desk.global, SessionId(id), End::SignedOut, now).await
}
