//! What operators sign in with: decided here, and otherwise as for people.

use kith_platform::authz::Subject;
use kith_platform::context::Actor;
use kith_platform::error::Result;

use super::credential::Credentials;
use super::{Desk, session};
use crate::policy::Action;
use crate::store;

/// Decides that an operator may do this with what is their own. It lies in no tenant, and so in no tenant's audit.
pub async fn require_own(desk: &Desk, actor: Actor, action: Action) -> Result<()> {
    desk.require_operator(actor, action, Subject::of("account", actor.id())).await?;
    Ok(())
}

/// What an operator who calls can sign in with.
pub async fn get(desk: &Desk, actor: Actor) -> Result<Credentials> {
    require_own(desk, actor, Action::GetOperatorCredentials).await?;
    let account = session::own(desk, actor).await?.account;
    Ok(Credentials {
        passkeys: store::passkey::list(&desk.global, account).await?,
        codes_left: store::recovery::left(&desk.global, account).await?,
        linked: Vec::new(),
        reused: store::session::reused(&desk.global, account, None, desk.now()).await?,
    })
}
