//! Accounts: the first operator, passwords, and taking up an invitation.

use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Result};
use kith_platform::id::{PersonId, TenantId};
use kith_platform::provision::secret_file;

use super::{Desk, confirmation, hash_of, mail, person};
use crate::domain::account::{Account, Email, MOST_ATTEMPTS, Password};
use crate::domain::invitation::Invitation;
use crate::domain::network::{self, Network};
use crate::domain::tenant::Slug;
use crate::domain::{AccountId, Refused};
use crate::store;

/// The private file with the one-time host code.
const HOST_CODE: &str = "host_code";

/// Sees to it that there is a host code, unless it was spent.
pub async fn prepare(desk: &Desk) -> anyhow::Result<()> {
    if store::account::spent_host_code(&desk.global).await?.is_some() {
        return Ok(());
    }
    let (folder, ids) = (&desk.host.config().secrets.folder, &desk.host.shared().ids);
    // Another who starts at the same moment may make the file first: then it is there the second time.
    secret_file(folder, HOST_CODE, ids).or_else(|_| secret_file(folder, HOST_CODE, ids))?;
    Ok(())
}

/// Makes the first operator.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    pub code: String,
    pub email: Email,
    pub password: Password,
}

/// Spends the host code. The same code, address and password again answer the same account.
pub async fn bootstrap(desk: &Desk, command: Bootstrap, network: Network) -> Result<AccountId> {
    let given = hash_of(&command.code);
    if let Some((spent, account)) = store::account::spent_host_code(&desk.global).await? {
        if !same(desk, &spent, &given) {
            return Err(Refused::HostCodeNotValid.into());
        }
        let signed_in = check_password(desk, &command.email, command.password, network).await?;
        let own = signed_in.filter(|found| found.id == account);
        return own.map(|found| found.id).ok_or_else(|| Refused::HostCodeNotValid.into());
    }
    let valid = match desk.host.config().secret(HOST_CODE) {
        Ok(code) => !code.reveal().is_empty() && same(desk, &hash_of(code.reveal()), &given),
        Err(_) => false,
    };
    if !valid {
        return Err(Refused::HostCodeNotValid.into());
    }
    let account = new_account(desk, command.password, true).await?;
    let now = desk.now();
    let mut work = desk.global.begin().await?;
    store::account::insert(&mut work, &account, &command.email, now).await?;
    store::account::spend_host_code(&mut work, &given, account.id, now).await?;
    work.commit().await?;
    Ok(account.id)
}

/// Compares under a key that the caller does not have, so that the time it takes tells nothing.
pub(super) fn same(desk: &Desk, kept: &[u8], given: &[u8]) -> bool {
    desk.host.derive("compare", &[kept]) == desk.host.derive("compare", &[given])
}

async fn new_account(desk: &Desk, password: Password, is_operator: bool) -> Result<Account> {
    let ids = &desk.host.shared().ids;
    let password_hash = desk.passwords.hash(password, ids.bytes()).await?;
    Ok(Account { id: AccountId(ids.uuid(desk.now())), password_hash, is_operator })
}

/// What is counted for an account and for the network it is asked from; kept as keyed hashes only.
pub struct Attempt {
    account_key: [u8; 32],
    network_key: [u8; 32],
}

impl Attempt {
    /// Counts an attempt before anything is looked at, or refuses it. What is counted for a network that is refused does not
    /// count for the account, so that who guesses from one network does not lock the account for everybody else.
    pub async fn count(desk: &Desk, purpose: &str, account: &[u8], network: Network) -> Result<Self> {
        let attempt = Self {
            account_key: desk.host.derive(purpose, &[account]),
            network_key: desk.host.derive("sign-in network", &[network.as_bytes()]),
        };
        let (now, global) = (desk.now(), &desk.global);
        let of_network =
            store::account::count_attempt(global, &attempt.network_key, network::MOST_ATTEMPTS, now);
        if !of_network.await? {
            return Err(Refused::TooManyAttempts.into());
        }
        let of_account = store::account::count_attempt(global, &attempt.account_key, MOST_ATTEMPTS, now);
        if of_account.await? { Ok(attempt) } else { Err(Refused::TooManyAttempts.into()) }
    }

    /// It was right: the account's attempts begin anew, the network has this one back.
    pub async fn succeeded(self, desk: &Desk) -> Result<()> {
        store::account::give_attempt_back(&desk.global, &self.network_key).await?;
        store::account::forget_attempts(&desk.global, &self.account_key, desk.now()).await
    }
}

/// The account of an address, where the password is right. What it costs and counts is the same where there is none.
pub async fn check_password(
    desk: &Desk,
    email: &Email,
    password: Password,
    network: Network,
) -> Result<Option<Account>> {
    let attempt = Attempt::count(desk, "sign-in address", email.as_str().as_bytes(), network).await?;
    let account = store::account::find(&desk.global, email).await?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    if !desk.passwords.fits(password, hash).await? {
        return Ok(None);
    }
    attempt.succeeded(desk).await?;
    Ok(account)
}

/// Takes up an invitation.
#[derive(Clone, Debug)]
pub struct Accept {
    pub code: String,
    pub email: Email,
    pub password: Password,
}

/// The place that was taken up.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub person: PersonId,
    pub slug: Slug,
    /// Whether it is taken up only once the address was confirmed.
    pub confirmation_sent: bool,
}

/// Takes up an invitation with a new account, or with the account of that address and its password; answers the place
/// and what it caused. The same account may repeat it; for everybody else a used code is like one that never was.
///
/// The account takes the code within the tenant's transaction in which the person joins, and is kept before it: that
/// decides between two who come at once. A crash in between leaves an account whose person has not joined: the same call again lets them join, and where the code was lost
/// too, so does the next sign-in ([`finish_joining`]).
///
/// On a host that sends mail nothing is taken up here: see [`confirmation`].
pub async fn accept(desk: &Desk, command: Accept, network: Network) -> Result<(Accepted, String)> {
    if mail::is_on(desk) {
        return confirmation::ask(desk, command, network).await;
    }
    let code_hash = hash_of(&command.code);
    let found = store::invitation::find(&desk.global, &code_hash).await?;
    let invitation = found.ok_or(Refused::InvitationNotValid)?;
    if let Some(taken_by) = invitation.taken_by {
        let account = check_password(desk, &command.email, command.password, network).await?;
        if account.is_none_or(|account| account.id != taken_by) {
            return Err(Refused::InvitationNotValid.into());
        }
    } else if invitation.is_open(desk.now()) {
        let caused = take_and_join(desk, code_hash, &invitation, command, network).await?;
        return Ok((taken_up(invitation), caused));
    } else {
        return Err(Refused::InvitationNotValid.into());
    }
    let caused = finish_joining(desk, invitation.tenant, invitation.person).await?;
    Ok((taken_up(invitation), caused))
}

fn taken_up(invitation: Invitation) -> Accepted {
    Accepted { person: invitation.person, slug: invitation.slug, confirmation_sent: false }
}

/// The second half of taking up an invitation: the person joins. Done again, it changes nothing. Answers what it caused.
pub async fn finish_joining(desk: &Desk, tenant: TenantId, person: PersonId) -> Result<String> {
    let join = async move |tx: &mut Tx| person::join(tx, person).await;
    let ((), caused) = desk.host.within(tenant, Actor::Nobody, Mode::Write, join).await?;
    store::account::mark_joined(&desk.global, tenant, person, desk.now()).await?;
    Ok(caused)
}

/// Who takes an invitation up, and whether the account is to be made.
struct Taker {
    account: Account,
    email: Email,
    is_new: bool,
}

/// Who takes it up. No connection is held while a password is hashed.
async fn taker(desk: &Desk, code_hash: &[u8], command: Accept, network: Network) -> Result<Taker> {
    let email = command.email.clone();
    let (account, is_new) = match store::account::find(&desk.global, &email).await? {
        Some(_) => {
            let own = check_password(desk, &email, command.password, network).await?;
            let Some(own) = own else {
                store::invitation::count_wrong_try(&desk.global, code_hash, desk.now()).await?;
                return Err(Refused::NotSignedIn.into());
            };
            (own, false)
        }
        None => (new_account(desk, command.password, false).await?, true),
    };
    Ok(Taker { account, email, is_new })
}

/// Gives the invitation's place to an account and lets the person join, within one transaction of the tenant: the lock
/// that its writers share is held until both are kept, so that no freeze comes in between, and a tenant that accepts no
/// changes gives away no place. The code stays good then.
async fn take_and_join(
    desk: &Desk,
    code_hash: [u8; 32],
    invitation: &Invitation,
    command: Accept,
    network: Network,
) -> Result<String> {
    let taker = taker(desk, &code_hash, command, network).await?;
    let (tenant, person) = (invitation.tenant, invitation.person);
    let both = async move |tx: &mut Tx| {
        // No place for who has left: the code stays good.
        person::expected(tx, person).await?;
        person::join(tx, person).await?;
        take(desk, &code_hash, invitation, &taker).await
    };
    let ((), caused) = desk.host.within(tenant, Actor::Nobody, Mode::Write, both).await?;
    store::account::mark_joined(&desk.global, tenant, person, desk.now()).await?;
    Ok(caused)
}

/// Gives the invitation's place to an account.
async fn take(desk: &Desk, code_hash: &[u8], invitation: &Invitation, taker: &Taker) -> Result<()> {
    let now = desk.now();
    let mut work = desk.global.begin().await?;
    if taker.is_new {
        store::account::insert(&mut work, &taker.account, &taker.email, now).await?;
    } else if !store::account::keep_password(&mut work, taker.account.id, &taker.account.password_hash)
        .await?
    {
        return Err(Refused::NotSignedIn.into());
    }
    if !store::invitation::take(&mut work, code_hash, taker.account.id, now).await? {
        return Err(Common::Contended.into());
    }
    store::account::add_place(&mut work, taker.account.id, invitation.tenant, invitation.person, now).await?;
    work.commit().await
}

/// The first half of [`accept`] alone, as a crash after it leaves things.
#[cfg(test)]
pub async fn take_only(desk: &Desk, command: Accept) -> Result<()> {
    let code_hash = hash_of(&command.code);
    let found = store::invitation::find(&desk.global, &code_hash).await?;
    let invitation = found.ok_or(Refused::InvitationNotValid)?;
    let taker = taker(desk, &code_hash, command, Network::unknown()).await?;
    take(desk, &code_hash, &invitation, &taker).await
}
