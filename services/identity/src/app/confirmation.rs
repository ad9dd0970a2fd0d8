//! Taking up an invitation on a host that sends mail: every address is answered alike, and the mail to it decides.
//!
//! Whether an address has an account is not looked at before its owner has shown the code from the mail: what is not
//! asked can be told apart neither by the answer nor by the time it takes. The password is asked for a second time with
//! that code: otherwise whoever holds an invitation could choose the password of an account that somebody else confirms.

use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Result};

use super::account::{Accept, Accepted, Attempt, finish_joining};
use super::{Desk, hash_of, mail, person};
use crate::domain::account::{Account, Password};
use crate::domain::confirmation::{Confirmation, Given, MOST_MAILS};
use crate::domain::invitation::Invitation;
use crate::domain::mail::{About, Kind};
use crate::domain::network::Network;
use crate::domain::{AccountId, Refused};
use crate::store;

/// Keeps what was given with an invitation and lets a mail to the address wait; answers the same for every address. Again
/// it asks for another mail, unless the first one still waits.
pub async fn ask(desk: &Desk, command: Accept, network: Network) -> Result<(Accepted, String)> {
    let code_hash = hash_of(&command.code);
    let found = store::invitation::find(&desk.global, &code_hash).await?;
    let invitation = found.filter(|found| found.is_open(desk.now())).ok_or(Refused::InvitationNotValid)?;
    // Each costs a hash and perhaps a mail: no attempt is given back.
    Attempt::count(desk, "taking up", &code_hash, network).await?;
    let ids = &desk.host.shared().ids;
    let password_hash = desk.passwords.hash(command.password, ids.bytes()).await?;
    let given = Given { address: command.email, password_hash };
    let (tenant, person) = (invitation.tenant, invitation.person);
    let accepted = Accepted { person, slug: invitation.slug.clone(), confirmation_sent: true };
    let both = async move |tx: &mut Tx| {
        person::expected(tx, person).await?;
        keep(desk, &code_hash, &invitation, &given).await
    };
    let ((), caused) = desk.host.within(tenant, Actor::Nobody, Mode::Write, both).await?;
    Ok((accepted, caused))
}

async fn keep(desk: &Desk, code_hash: &[u8], invitation: &Invitation, given: &Given) -> Result<()> {
    let now = desk.now();
    let (tenant, person) = (invitation.tenant, invitation.person);
    let mut work = desk.global.begin().await?;
    let asked = store::confirmation::lock_invitation(&mut work, code_hash, now).await?;
    let asked = asked.ok_or(Refused::InvitationNotValid)?;
    let before = store::confirmation::of_address(&mut work, tenant, person, &given.address).await?;
    let waits = before.is_some_and(|(_, waits)| waits);
    if !waits && asked >= MOST_MAILS {
        return Err(Refused::InvitationNotValid.into());
    }
    let id = before.map_or_else(|| desk.host.shared().ids.uuid(now), |(id, _)| id);
    let hash = hash_of(&mail::confirmation_code(desk, id));
    store::confirmation::keep(&mut work, id, &hash, invitation, given, now).await?;
    if !waits {
        store::confirmation::count_mail(&mut work, code_hash).await?;
        mail::queue(desk, &mut work, Kind::Confirmation, About::Confirmation(tenant, id)).await?;
    }
    work.commit().await
}

/// Confirms an address.
#[derive(Clone, Debug)]
pub struct Confirm {
    pub code: String,
    pub password: Password,
}

/// Confirms an address and takes its invitation up: with the account of the address, whose password stays as it is, or
/// with a new one. Again it answers the same. What is unknown, over, used for another address or given with another
/// password is like a code that never was.
pub async fn confirm(desk: &Desk, command: Confirm, network: Network) -> Result<(Accepted, String)> {
    let found = store::confirmation::find(&desk.global, &hash_of(&command.code)).await?;
    let confirmation = found.ok_or(Refused::InvitationNotValid)?;
    let (tenant, person) = (confirmation.invitation.tenant, confirmation.invitation.person);
    let slug = confirmation.invitation.slug.clone();
    let accepted = Accepted { person, slug, confirmation_sent: false };
    let Some(given) = confirmation.given.clone() else {
        let caused = finish_joining(desk, tenant, person).await?;
        return Ok((accepted, caused));
    };
    let attempt = Attempt::count(desk, "confirmation", confirmation.id.as_bytes(), network).await?;
    let fits = desk.passwords.fits(command.password, Some(given.password_hash.clone())).await?;
    if !fits || !confirmation.is_open(desk.now()) {
        return Err(Refused::InvitationNotValid.into());
    }
    attempt.succeeded(desk).await?;
    let both = async move |tx: &mut Tx| {
        // No place for who has left: the code stays good.
        person::expected(tx, person).await?;
        person::join(tx, person).await?;
        take(desk, &confirmation, given).await
    };
    let ((), caused) = desk.host.within(tenant, Actor::Nobody, Mode::Write, both).await?;
    store::account::mark_joined(&desk.global, tenant, person, desk.now()).await?;
    Ok((accepted, caused))
}

/// Gives the invitation's place to the account of the address, which is made where there is none.
async fn take(desk: &Desk, confirmation: &Confirmation, given: Given) -> Result<()> {
    let now = desk.now();
    let (tenant, person) = (confirmation.invitation.tenant, confirmation.invitation.person);
    let mut work = desk.global.begin().await?;
    let there = store::account::hold(&mut work, &given.address).await?;
    let account = if let Some(account) = there {
        account
    } else {
        let id = AccountId(desk.host.shared().ids.uuid(now));
        let account = Account { id, password_hash: given.password_hash, is_operator: false };
        store::account::insert(&mut work, &account, &given.address, now).await?;
        id
    };
    if !store::invitation::take(&mut work, &confirmation.invitation_hash, account, now).await? {
        return Err(Common::Contended.into());
    }
    store::account::add_place(&mut work, account, tenant, person, now).await?;
    store::confirmation::confirm(&mut work, confirmation, now).await?;
    work.commit().await
}
