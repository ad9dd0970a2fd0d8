//! Passkeys: ceremonies that are begun here, carried out by an authenticator, and finished here once.
//!
//! A ceremony's state stays on our side, for five minutes and one use. A sign-in names no account, neither in the request
//! nor in the options, so that nobody learns whether an address has a passkey.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_platform::context::Actor;
use kith_platform::db::{Now, Tx};
use kith_platform::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder,
};

use super::Desk;
use super::session::{self, Destination, Shown, SignedIn};
use crate::domain::network::Network;
use crate::domain::{AccountId, CeremonyId, Refused};
use crate::policy::Action;
use crate::store;
use crate::store::ceremony::{Ceremony, Kind, LIFETIME};
use crate::store::passkey::Kept;

/// More than anybody has devices.
const MOST_PASSKEYS: usize = 20;
/// How many ceremonies a network may begin within the window: each page that offers a sign-in begins one.
pub(super) const MOST_CEREMONIES: i32 = 1000;

/// A ceremony that was begun.
#[derive(Clone)]
pub struct Begun {
    pub id: CeremonyId,
    /// For the browser, as JSON.
    pub options: String,
    pub ends_at: Now,
}

fn webauthn(desk: &Desk) -> Result<Webauthn> {
    let origin = Url::parse(&desk.host.config().auth.origin).map_err(Error::internal)?;
    let domain =
        origin.domain().ok_or_else(|| Error::internal(anyhow::anyhow!("auth.origin has no domain")))?;
    let builder = WebauthnBuilder::new(domain, &origin).map_err(Error::internal)?;
    builder.rp_name("Kith").timeout(LIFETIME.to_std().unwrap_or_default()).build().map_err(Error::internal)
}

fn json<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(Error::internal)
}

/// Decides that somebody may register a passkey; answers what they go by, for their authenticator to show.
pub async fn require_begin(tx: &mut Tx, (): ()) -> Result<String> {
    let caller = tx.person()?;
    session::require_self(tx, Action::BeginPasskeyRegistration, "person", caller.0).await?;
    let found = store::person::load_all(tx, &[caller.0]).await?.pop();
    Ok(found.map(|person| person.display_name).unwrap_or_default())
}

/// Begins the registration of a passkey for the caller's account. Comes after [`require_begin`].
pub async fn begin_registration(desk: &Desk, actor: Actor, shown_as: &str) -> Result<Begun> {
    let (own, now) = (session::own(desk, actor).await?, desk.now());
    own.require_fresh(now)?;
    let existing = store::passkey::list(&desk.global, own.account).await?;
    if existing.len() >= MOST_PASSKEYS {
        return Err(Refused::TooManyPasskeys.into());
    }
    let exclude = existing.into_iter().map(|passkey| passkey.credential_id).collect();
    let started =
        webauthn(desk)?.start_passkey_registration(own.account.0, shown_as, shown_as, Some(exclude));
    let (options, state) = started.map_err(Error::internal)?;
    let mut options = json(&options)?;
    // One signs in without saying who one is: the authenticator has to know it.
    let selection = &mut options["publicKey"]["authenticatorSelection"];
    selection["residentKey"] = "required".into();
    selection["requireResidentKey"] = true.into();
    begin(desk, Kind::PasskeyRegistration, Some(own.account), &state, &options).await
}

async fn begin(
    desk: &Desk,
    kind: Kind,
    account: Option<AccountId>,
    state: &impl Serialize,
    options: &Value,
) -> Result<Begun> {
    let now = desk.now();
    let id = CeremonyId(desk.host.shared().ids.uuid(now));
    let ceremony = Ceremony { id, kind, account, tenant: None, state: json(state)?.to_string() };
    store::ceremony::begin(&desk.global, &ceremony, now).await?;
    Ok(Begun { id, options: options.to_string(), ends_at: now + LIFETIME })
}

/// Finishes a registration.
#[derive(Clone, Debug)]
pub struct Finish {
    pub ceremony: CeremonyId,
    /// What the browser gave, as JSON.
    pub credential: String,
    pub label: String,
}

/// Decides that somebody may finish a registration.
pub async fn require_finish(tx: &mut Tx, command: Finish) -> Result<()> {
    session::require_self(tx, Action::FinishPasskeyRegistration, "ceremony", command.ceremony.0).await
}

/// Finishes a registration that the caller's account began. Comes after [`require_finish`]. Again, with the same
/// credential, it answers the passkey that is there.
pub async fn finish_registration(desk: &Desk, actor: Actor, command: Finish) -> Result<Kept> {
    let (own, now) = (session::own(desk, actor).await?, desk.now());
    own.require_own(now)?;
    let (kind, account) = (Kind::PasskeyRegistration, own.account);
    let given: RegisterPublicKeyCredential =
        serde_json::from_str(&command.credential).map_err(|_| Refused::PasskeyNotAccepted)?;
    let taken = store::ceremony::take(&desk.global, command.ceremony, kind, Some(account), now).await?;
    let Some(ceremony) = taken else {
        let existing = store::passkey::list(&desk.global, account).await?;
        let same = existing.into_iter().find(|passkey| passkey.credential_id == given.raw_id);
        return same.ok_or_else(|| Refused::CeremonyNotValid.into());
    };
    let state: PasskeyRegistration = serde_json::from_str(&ceremony.state).map_err(Error::internal)?;
    let passkey = webauthn(desk)?
        .finish_passkey_registration(&given, &state)
        .map_err(|_| Refused::PasskeyNotAccepted)?;
    let kept = Kept {
        credential_id: passkey.cred_id().clone(),
        label: command.label,
        credential: json(&passkey)?.to_string(),
        created_at: now,
        last_used_at: None,
    };
    store::passkey::insert(&desk.global, account, &kept).await?;
    Ok(kept)
}

/// Decides that somebody may remove a passkey of theirs.
pub async fn require_remove(tx: &mut Tx, credential_id: Vec<u8>) -> Result<Vec<u8>> {
    let caller = tx.actor().id();
    session::require_self(tx, Action::RemovePasskey, "person", caller).await?;
    Ok(credential_id)
}

/// Removes a passkey of the caller's account. Comes after [`require_remove`]; again it changes nothing.
pub async fn remove(desk: &Desk, actor: Actor, credential_id: &[u8]) -> Result<()> {
    let own = session::own(desk, actor).await?;
    own.require_own(desk.now())?;
    store::passkey::remove(&desk.global, own.account, credential_id).await?;
    Ok(())
}

/// Begins a sign-in of whoever comes.
pub async fn begin_sign_in(desk: &Desk, network: Network) -> Result<Begun> {
    count_ceremony(desk, network).await?;
    let started = webauthn(desk)?.start_discoverable_authentication();
    let (options, state) = started.map_err(Error::internal)?;
    let mut options = json(&options)?;
    if let Some(options) = options.as_object_mut() {
        // Whether it is offered while one types is the page's choice.
        options.remove("mediation");
    }
    begin(desk, Kind::PasskeySignIn, None, &state, &options).await
}

/// Counts a ceremony that anybody may begin.
pub(super) async fn count_ceremony(desk: &Desk, network: Network) -> Result<()> {
    let key = desk.host.derive("ceremony network", &[network.as_bytes()]);
    if store::account::count_attempt(&desk.global, &key, MOST_CEREMONIES, desk.now()).await? {
        Ok(())
    } else {
        Err(Refused::TooManyAttempts.into())
    }
}

/// Finishes a sign-in.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub ceremony: CeremonyId,
    /// What the browser gave, as JSON.
    pub credential: String,
    pub into: Destination,
}

/// Finishes a sign-in. Whatever is wrong has one answer, and the ceremony is over.
pub async fn sign_in(desk: &Desk, command: SignIn) -> Result<SignedIn> {
    let (now, kind) = (desk.now(), Kind::PasskeySignIn);
    let ceremony = store::ceremony::take(&desk.global, command.ceremony, kind, None, now).await?;
    let ceremony = ceremony.ok_or(Refused::NotSignedIn)?;
    let (account, credential_id) = verify(desk, &ceremony, &command.credential).await?;
    let found = store::account::load(&desk.global, account).await?.ok_or(Refused::NotSignedIn)?;
    let shown = Shown::Passkey(credential_id);
    session::enter(desk, account, found.is_operator, &command.into, shown).await
}

/// The account whose passkey signed this ceremony's challenge, and the passkey's id. Its counter moves on, so that a copy
/// is noticed.
async fn verify(desk: &Desk, ceremony: &Ceremony, credential: &str) -> Result<(AccountId, Vec<u8>)> {
    let given: PublicKeyCredential = serde_json::from_str(credential).map_err(|_| Refused::NotSignedIn)?;
    let state: DiscoverableAuthentication = serde_json::from_str(&ceremony.state).map_err(Error::internal)?;
    let webauthn = webauthn(desk)?;
    let (account, credential_id) =
        webauthn.identify_discoverable_authentication(&given).map_err(|_| Refused::NotSignedIn)?;
    let mut work = desk.global.begin().await?;
    let kept = store::passkey::lock(&mut work, AccountId(account), credential_id).await?;
    let kept = kept.ok_or(Refused::NotSignedIn)?;
    let mut passkey: Passkey = serde_json::from_str(&kept.credential).map_err(Error::internal)?;
    let result = webauthn
        .finish_discoverable_authentication_v2(&given, state, DiscoverableKey::from(&passkey))
        .map_err(|_| Refused::NotSignedIn)?;
    passkey.update_credential(&result);
    store::passkey::save_use(&mut work, credential_id, &json(&passkey)?.to_string(), desk.now()).await?;
    work.commit().await?;
    Ok((AccountId(account), credential_id.to_vec()))
}

/// A credential id as it is shown.
pub fn shown(credential_id: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(credential_id)
}
