//! What somebody signs in with: their password and recovery codes.

use kith_platform::context::Actor;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::Uuid;

use super::account::Attempt;
use super::session::{self, Destination, Tokens};
use super::{Desk, hash_of};
use crate::domain::account::{Email, Password};
use crate::domain::network::Network;
use crate::domain::provider::Provider;
use crate::domain::recovery::{CODES, Code};
use crate::domain::session::{End, Method};
use crate::domain::{AccountId, Refused};
use crate::policy::Action;
use crate::store;
use crate::store::passkey::Kept;
use crate::store::session::{Reused, Which};

/// What somebody can sign in with.
#[derive(Clone)]
pub struct Credentials {
    pub passkeys: Vec<Kept>,
    pub codes_left: i64,
    /// Short names of the tenant's providers that are linked.
    pub linked: Vec<String>,
    /// Sessions in this place that were ended because a token of theirs came twice.
    pub reused: Vec<Reused>,
}

/// Decides that somebody may see what they sign in with; answers the tenant's providers.
pub async fn require_get(tx: &mut Tx, (): ()) -> Result<Vec<Provider>> {
    let caller = tx.actor().id();
    session::require_self(tx, Action::GetCredentials, "person", caller).await?;
    store::provider::list(tx).await
}

/// What the caller can sign in with. Comes after [`require_get`].
pub async fn get(desk: &Desk, actor: Actor, providers: Vec<Provider>) -> Result<Credentials> {
    let account = session::own(desk, actor).await?.account;
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    let issuers = store::provider::issuers_of(&desk.global, tenant, account).await?;
    let linked = providers.into_iter().filter(|provider| issuers.contains(&provider.issuer));
    Ok(Credentials {
        passkeys: store::passkey::list(&desk.global, account).await?,
        codes_left: store::recovery::left(&desk.global, account).await?,
        linked: linked.map(|provider| provider.name.as_str().to_owned()).collect(),
        reused: store::session::reused(&desk.global, account, Some(tenant), desk.now()).await?,
    })
}

/// Changes a password.
#[derive(Clone, Debug)]
pub struct ChangePassword {
    pub current: Password,
    pub new: Password,
}

/// Decides that somebody may change their password.
pub async fn require_change(tx: &mut Tx, _: ChangePassword) -> Result<()> {
    let caller = tx.actor().id();
    session::require_self(tx, Action::ChangePassword, "person", caller).await
}

/// Changes the caller's password and ends their other sessions everywhere. Comes after [`require_change`]; again, with the
/// new password in force already, it changes nothing. No connection is held while a password is hashed.
pub async fn change_password(
    desk: &Desk,
    actor: Actor,
    command: ChangePassword,
    network: Network,
) -> Result<()> {
    let own = session::own(desk, actor).await?;
    own.require_own(desk.now())?;
    let attempt = Attempt::count(desk, "password change", own.account.0.as_bytes(), network).await?;
    let account = load(desk, own.account).await?;
    let kept = Some(account.password_hash.clone());
    if !desk.passwords.fits(command.current, kept.clone()).await? {
        if desk.passwords.fits(command.new, kept).await? {
            return attempt.succeeded(desk).await;
        }
        return Err(Refused::PasswordNotRight.into());
    }
    let hash = desk.passwords.hash(command.new, desk.host.shared().ids.bytes()).await?;
    let mut work = desk.global.begin().await?;
    // Who set another meanwhile, and ended this session with it, was first.
    if !store::account::replace_password(&mut work, own.account, &account.password_hash, &hash).await? {
        return Err(Refused::PasswordNotRight.into());
    }
    let why = End::PasswordChanged;
    store::session::end_all(&mut work, own.account, Which::All, Some(own.id), why, desk.now()).await?;
    work.commit().await?;
    attempt.succeeded(desk).await
}

async fn load(desk: &Desk, account: AccountId) -> Result<crate::domain::account::Account> {
    let found = store::account::load(&desk.global, account).await?;
    found.ok_or_else(|| Error::internal(anyhow::anyhow!("a session has no account")))
}

/// Decides that somebody may make recovery codes.
pub async fn require_make_codes(tx: &mut Tx, (): ()) -> Result<()> {
    let caller = tx.actor().id();
    session::require_self(tx, Action::MakeRecoveryCodes, "person", caller).await
}

/// Makes the caller's recovery codes. Comes after [`require_make_codes`], outside the saved answer, so that no code is ever
/// kept: the same request again makes the same codes, and those that were spent stay spent.
pub async fn make_codes(desk: &Desk, actor: Actor, request_id: Uuid) -> Result<Vec<Code>> {
    let (own, now) = (session::own(desk, actor).await?, desk.now());
    own.require_fresh(now)?;
    let code = |number: u8| {
        let parts: [&[u8]; 3] = [own.account.0.as_bytes(), request_id.as_bytes(), &[number]];
        Code::from_bytes(&desk.host.derive("recovery code", &parts))
    };
    let codes: Vec<Code> = (0..CODES).map(code).collect();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| hash_of(code.as_str()).to_vec()).collect();
    let mut work = desk.global.begin().await?;
    store::recovery::replace(&mut work, own.account, &hashes, now).await?;
    work.commit().await?;
    Ok(codes)
}

/// Signs in with a recovery code.
#[derive(Clone, Debug)]
pub struct UseCode {
    pub email: Email,
    /// None where it has no such form: counted and answered like any other wrong one.
    pub code: Option<Code>,
    pub into: Destination,
}

/// Signs in with a recovery code and spends it. A wrong code, an unknown address and a place that is not the account's have
/// one answer, and spend nothing.
pub async fn sign_in_with_code(desk: &Desk, command: UseCode, network: Network) -> Result<Tokens> {
    let attempt = count(desk, &command.email, network).await?;
    let mut work = desk.global.begin().await?;
    let hash = hash_of(command.code.as_ref().map_or("", Code::as_str));
    let spent = store::recovery::spend(&mut work, &command.email, &hash, desk.now()).await?;
    let (account, is_operator) = spent.ok_or(Refused::NotSignedIn)?;
    let places = store::account::places(&mut work, account).await?;
    let place = session::choose(&places, is_operator, &command.into)?.ok_or(Refused::NotSignedIn)?;
    let tokens = session::begin(desk, &mut work, account, place, Method::RecoveryCode).await?;
    work.commit().await?;
    attempt.succeeded(desk).await?;
    session::after_sign_in(desk, &places, place).await?;
    Ok(tokens)
}

async fn count(desk: &Desk, email: &Email, network: Network) -> Result<Attempt> {
    // Counted apart from passwords: who guesses those must not close this way too.
    Attempt::count(desk, "recovery address", email.as_str().as_bytes(), network).await
}

/// Sets a new password with a recovery code.
#[derive(Clone, Debug)]
pub struct Reset {
    pub email: Email,
    /// See [`UseCode::code`].
    pub code: Option<Code>,
    pub password: Password,
}

/// Sets a new password with a recovery code, spends it and ends every session of the account. The password is hashed first,
/// so that a wrong code and an unknown address take as long as a right one.
pub async fn reset_password(desk: &Desk, command: Reset, network: Network) -> Result<()> {
    let attempt = count(desk, &command.email, network).await?;
    let now = desk.now();
    let hash = desk.passwords.hash(command.password, desk.host.shared().ids.bytes()).await?;
    let mut work = desk.global.begin().await?;
    let code_hash = hash_of(command.code.as_ref().map_or("", Code::as_str));
    let spent = store::recovery::spend(&mut work, &command.email, &code_hash, now).await?;
    let (account, _) = spent.ok_or(Refused::NotSignedIn)?;
    store::account::set_password(&mut work, account, &hash).await?;
    store::session::end_all(&mut work, account, Which::All, None, End::PasswordChanged, now).await?;
    work.commit().await?;
    attempt.succeeded(desk).await
}
