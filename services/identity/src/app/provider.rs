//! Sign-in through an outside OpenID Connect provider: code flow with PKCE (S256), state and nonce; issuer, audience, time
//! and signature are checked by the library.
//!
//! A person links their account themself, signed in, and only within one tenant: whoever runs the provider of a place
//! gets into that place and no other, and such a session changes nothing that the account signs in with elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_platform::authz::Subject;
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{TenantId, Uuid};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, TokenResponse as _,
};
use serde::{Deserialize, Serialize};

use super::outward::{Asker, Rules};
use super::passkey::count_ceremony;
use super::session::{self, Tokens};
use super::{Desk, hash_of, person};
use crate::domain::network::Network;
use crate::domain::provider::{Name, Provider, secret_file};
use crate::domain::session::{Method, Place};
use crate::domain::{AccountId, CeremonyId, Refused};
use crate::policy::Action;
use crate::store;
use crate::store::ceremony::{Ceremony, Kind};

/// Where the provider sends people back to, below the origin.
const CALLBACK: &str = "/sign-in/callback";

/// Sets a provider up, or changes it.
#[derive(Clone, Debug)]
pub struct Set {
    pub name: Name,
    pub issuer: String,
    pub client: String,
    pub secret_name: String,
}

/// Sets a provider up, or changes it.
pub async fn set(tx: &mut Tx, command: Set) -> Result<Provider> {
    let standing = person::standing(tx).await?;
    tx.require(Action::SetProvider, Subject::of("tenant", tx.tenant()), &standing)?;
    let Set { name, issuer, client, secret_name } = command;
    let provider = Provider { name, issuer, client, secret_name, updated_at: tx.now() };
    store::provider::save(tx, &provider).await?;
    Ok(provider)
}

/// Lists the providers of the tenant.
pub async fn list(tx: &mut Tx, (): ()) -> Result<Vec<Provider>> {
    let standing = person::standing(tx).await?;
    tx.require(Action::ListProviders, Subject::of("tenant", tx.tenant()), &standing)?;
    store::provider::list(tx).await
}

/// Removes a provider. One that is not there changes nothing.
pub async fn remove(tx: &mut Tx, name: Name) -> Result<()> {
    let standing = person::standing(tx).await?;
    tx.require(Action::RemoveProvider, Subject::of("tenant", tx.tenant()), &standing)?;
    store::provider::remove(tx, &name).await?;
    Ok(())
}

/// A provider with the slug of its tenant.
#[derive(Clone)]
pub struct Known {
    provider: Provider,
    slug: Name,
}

async fn known(tx: &mut Tx, name: &Name) -> Result<Known> {
    let provider = store::provider::load(tx, name).await?.ok_or(Error::NotFound("provider"))?;
    let tenant = store::tenant::load(tx).await?.ok_or(Error::NotFound("tenant"))?;
    Ok(Known { provider, slug: tenant.listing.slug })
}

/// What is kept until somebody comes back.
#[derive(Serialize, Deserialize)]
struct Pending {
    provider: String,
    issuer: String,
    client: String,
    nonce: String,
    verifier: String,
}

type Client = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

/// The way out. On somebody's own machine a provider may be reached over plain http on loopback.
fn asker(desk: &Desk) -> Asker {
    let auth = &desk.host.config().auth;
    desk.outward.asker(Rules::new(&auth.origin, &auth.internal_providers))
}

async fn client(desk: &Desk, known: &Known) -> Result<Client> {
    let provider = &known.provider;
    let http = asker(desk);
    let issuer = IssuerUrl::new(provider.issuer.clone()).map_err(|_| Refused::ProviderNotReady)?;
    let metadata = CoreProviderMetadata::discover_async(issuer, &http).await;
    let metadata = metadata.map_err(|_| Refused::ProviderNotReady)?;
    let secret = desk.host.config().secret(&secret_file(&known.slug, &provider.secret_name));
    let secret = ClientSecret::new(secret.map_err(|_| Refused::ProviderNotReady)?.reveal().to_owned());
    let origin = desk.host.config().auth.origin.trim_end_matches('/');
    let back = RedirectUrl::new(format!("{origin}{CALLBACK}")).map_err(Error::internal)?;
    let client_id = ClientId::new(provider.client.clone());
    Ok(CoreClient::from_provider_metadata(metadata, client_id, Some(secret)).set_redirect_uri(back))
}

/// The ceremony that a `state` belongs to; the state itself is not kept.
fn ceremony_of(state: &str) -> CeremonyId {
    let hash = hash_of(state);
    CeremonyId(Uuid::from_slice(&hash[..16]).unwrap_or_default())
}

/// Begins; answers the provider's page.
async fn begin(
    desk: &Desk,
    known: &Known,
    tenant: TenantId,
    kind: Kind,
    account: Option<AccountId>,
) -> Result<String> {
    let client = client(desk, known).await?;
    let random = || URL_SAFE_NO_PAD.encode(desk.host.shared().ids.bytes::<32>());
    let (state, nonce, verifier) = (random(), random(), random());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
    let (given_state, given_nonce) = (state.clone(), nonce.clone());
    let (url, ..) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(given_state),
            move || Nonce::new(given_nonce),
        )
        .set_pkce_challenge(challenge)
        .url();
    let Provider { name, issuer, client, .. } = known.provider.clone();
    let pending = Pending { provider: name.as_str().to_owned(), issuer, client, nonce, verifier };
    let state_kept = serde_json::to_string(&pending).map_err(Error::internal)?;
    let id = ceremony_of(&state);
    let ceremony = Ceremony { id, kind, account, tenant: Some(tenant), state: state_kept };
    store::ceremony::begin(&desk.global, &ceremony, desk.now()).await?;
    Ok(url.to_string())
}

/// What the provider sent back with somebody.
#[derive(Clone)]
pub struct Back {
    pub state: String,
    pub code: String,
}

/// Who came back, as the provider says it.
struct Shown {
    tenant: TenantId,
    issuer: String,
    subject: String,
}

/// Exchanges the code and checks what it gave. Whatever comes of it, the attempt is over.
async fn finish(desk: &Desk, kind: Kind, account: Option<AccountId>, back: Back) -> Result<Shown> {
    let not_valid = || Error::from(Refused::ProviderAnswerNotValid);
    let id = ceremony_of(&back.state);
    let ceremony = store::ceremony::take(&desk.global, id, kind, account, desk.now()).await?;
    let ceremony = ceremony.ok_or(Refused::CeremonyNotValid)?;
    let pending: Pending = serde_json::from_str(&ceremony.state).map_err(Error::internal)?;
    let (name, tenant) = (Name::parse(&pending.provider), ceremony.tenant);
    let (Some(name), Some(tenant)) = (name, tenant) else {
        return Err(Error::internal(anyhow::anyhow!("a ceremony leads nowhere")));
    };
    let load = async move |tx: &mut Tx| known(tx, &name).await;
    let (known, _) = desk.host.within(tenant, Actor::Nobody, Mode::Read, load).await?;
    if (&known.provider.issuer, &known.provider.client) != (&pending.issuer, &pending.client) {
        // It was changed meanwhile: the answer is another's.
        return Err(not_valid());
    }
    let client = client(desk, &known).await?;
    let http = asker(desk);
    let request = client.exchange_code(AuthorizationCode::new(back.code)).map_err(|_| not_valid())?;
    let request = request.set_pkce_verifier(PkceCodeVerifier::new(pending.verifier));
    let answer = request.request_async(&http).await.map_err(|_| not_valid())?;
    let token = answer.id_token().ok_or_else(not_valid)?;
    let clock = desk.host.shared().clock.clone();
    let verifier = client.id_token_verifier().set_time_fn(move || clock.now());
    let claims = token.claims(&verifier, &Nonce::new(pending.nonce)).map_err(|_| not_valid())?;
    Ok(Shown { tenant, issuer: pending.issuer, subject: claims.subject().as_str().to_owned() })
}

/// Decides that somebody may link their account with a provider.
pub async fn require_begin_link(tx: &mut Tx, name: Name) -> Result<Known> {
    let caller = tx.actor().id();
    session::require_self(tx, Action::BeginProviderLink, "person", caller).await?;
    known(tx, &name).await
}

/// Begins to link the caller's account; answers the provider's page. Comes after [`require_begin_link`].
pub async fn begin_link(desk: &Desk, actor: Actor, known: &Known) -> Result<String> {
    let own = session::own(desk, actor).await?;
    own.require_fresh(desk.now())?;
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    begin(desk, known, tenant, Kind::ProviderLink, Some(own.account)).await
}

/// Decides that somebody may finish a link.
pub async fn require_finish_link(tx: &mut Tx, _: Back) -> Result<()> {
    let caller = tx.actor().id();
    session::require_self(tx, Action::FinishProviderLink, "person", caller).await
}

/// Finishes a link that the caller's account began in this tenant. Comes after [`require_finish_link`].
pub async fn finish_link(desk: &Desk, actor: Actor, back: Back) -> Result<()> {
    let own = session::own(desk, actor).await?;
    own.require_own(desk.now())?;
    let shown = finish(desk, Kind::ProviderLink, Some(own.account), back).await?;
    if actor.tenant() != Some(shown.tenant) {
        return Err(Refused::CeremonyNotValid.into());
    }
    let Shown { tenant, issuer, subject } = shown;
    store::provider::link(&desk.global, tenant, &issuer, &subject, own.account, desk.now()).await
}

/// Decides that somebody may take a link away; answers the issuer.
pub async fn require_remove_link(tx: &mut Tx, name: Name) -> Result<String> {
    let caller = tx.actor().id();
    session::require_self(tx, Action::RemoveProviderLink, "person", caller).await?;
    Ok(known(tx, &name).await?.provider.issuer)
}

/// Takes the caller's link away. Comes after [`require_remove_link`]; again it changes nothing.
pub async fn remove_link(desk: &Desk, actor: Actor, issuer: &str) -> Result<()> {
    let own = session::own(desk, actor).await?;
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    store::provider::unlink(&desk.global, tenant, issuer, own.account).await
}

/// Begins a sign-in through a provider of a tenant.
#[derive(Clone, Debug)]
pub struct Begin {
    pub tenant: Name,
    pub name: Name,
}

/// Begins a sign-in of whoever comes; answers the provider's page.
pub async fn begin_sign_in(desk: &Desk, command: Begin, network: Network) -> Result<String> {
    count_ceremony(desk, network).await?;
    let tenant = store::registry::find(&desk.global, &command.tenant).await?;
    let tenant = tenant.ok_or(Error::NotFound("provider"))?;
    let load = async move |tx: &mut Tx| known(tx, &command.name).await;
    let (known, _) = desk.host.within(tenant, Actor::Nobody, Mode::Read, load).await?;
    begin(desk, &known, tenant, Kind::ProviderSignIn, None).await
}

/// Finishes a sign-in. Whatever is wrong has one answer, but for a provider that cannot be reached.
pub async fn sign_in(desk: &Desk, back: Back) -> Result<Tokens> {
    let shown = match finish(desk, Kind::ProviderSignIn, None, back).await {
        Ok(shown) => shown,
        Err(Error::Refused(refusal)) if refusal.reason() != "PROVIDER_NOT_READY" => {
            return Err(Refused::NotSignedIn.into());
        }
        Err(error) => return Err(error),
    };
    let Shown { tenant, issuer, subject } = shown;
    let linked = store::provider::linked(&desk.global, tenant, &issuer, &subject, desk.now()).await?;
    let account = linked.ok_or(Refused::NotSignedIn)?;
    let mut work = desk.global.begin().await?;
    let places = store::account::places(&mut work, account).await?;
    let here = places.iter().find(|place| place.tenant == tenant).ok_or(Refused::NotSignedIn)?;
    let place = Place::Tenant(here.tenant, here.person);
    let tokens = session::begin(desk, &mut work, account, place, Method::Provider).await?;
    work.commit().await?;
    session::after_sign_in(desk, &places, place).await?;
    Ok(tokens)
}
