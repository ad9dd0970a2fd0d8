//! Accounts: the first operator, passwords, and taking up an invitation.

use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Result};
use kith_platform::id::PersonId;
use kith_platform::provision::secret_file;

use super::{Desk, hash_of, person};
use crate::domain::account::{Account, Email, Password};
use crate::domain::invitation::Invitation;
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
pub async fn bootstrap(desk: &Desk, command: Bootstrap) -> Result<AccountId> {
    let given = hash_of(&command.code);
    if let Some((spent, account)) = store::account::spent_host_code(&desk.global).await? {
        if !same(desk, &spent, &given) {
            return Err(Refused::HostCodeNotValid.into());
        }
        let signed_in = check_password(desk, &command.email, command.password).await?;
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
fn same(desk: &Desk, kept: &[u8], given: &[u8]) -> bool {
    desk.host.derive("compare", &[kept]) == desk.host.derive("compare", &[given])
}

async fn new_account(desk: &Desk, password: Password, is_operator: bool) -> Result<Account> {
    let ids = &desk.host.shared().ids;
    let password_hash = desk.passwords.hash(password, ids.bytes()).await?;
    Ok(Account { id: AccountId(ids.uuid(desk.now())), password_hash, is_operator })
}

/// The account of an address, where the password is right. What it costs and counts is the same where there is none.
pub async fn check_password(desk: &Desk, email: &Email, password: Password) -> Result<Option<Account>> {
    let address_key = desk.host.derive("sign-in address", &[email.as_str().as_bytes()]);
    if !store::account::count_attempt(&desk.global, &address_key, desk.now()).await? {
        return Err(Refused::TooManyAttempts.into());
    }
    let account = store::account::find(&desk.global, email).await?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    if !desk.passwords.fits(password, hash).await? {
        return Ok(None);
    }
    store::account::forget_attempts(&desk.global, &address_key, desk.now()).await?;
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
}

/// Takes up an invitation with a new account, or with the account of that address and its password; answers the place
/// and what it caused. The same account may repeat it; for everybody else a used code is like one that never was.
///
/// The account takes the code first, which decides between two who come at once; then the person joins. A crash in
/// between leaves an account whose person has not joined, and the same call again lets them join.
pub async fn accept(desk: &Desk, command: Accept) -> Result<(Accepted, String)> {
    let code_hash = hash_of(&command.code);
    let found = store::invitation::find(&desk.global, &code_hash).await?;
    let invitation = found.ok_or(Refused::InvitationNotValid)?;
    if let Some(taken_by) = invitation.taken_by {
        let account = check_password(desk, &command.email, command.password).await?;
        if account.is_none_or(|account| account.id != taken_by) {
            return Err(Refused::InvitationNotValid.into());
        }
    } else if invitation.is_open(desk.now()) {
        // A tenant that accepts no changes gives away no place; the code stays good.
        desk.host.within(invitation.tenant, Actor::Nobody, Mode::Write, async |_: &mut Tx| Ok(())).await?;
        take(desk, &code_hash, &invitation, command).await?;
    } else {
        return Err(Refused::InvitationNotValid.into());
    }
    let person = invitation.person;
    let join = async move |tx: &mut Tx| person::join(tx, person).await;
    let ((), caused) = desk.host.within(invitation.tenant, Actor::Nobody, Mode::Write, join).await?;
    Ok((Accepted { person, slug: invitation.slug }, caused))
}

/// Gives the invitation's place to an account. No connection is held while a password is hashed.
async fn take(desk: &Desk, code_hash: &[u8], invitation: &Invitation, command: Accept) -> Result<()> {
    let (account, is_new) = match store::account::find(&desk.global, &command.email).await? {
        Some(_) => {
            let own = check_password(desk, &command.email, command.password).await?;
            (own.ok_or(Refused::NotSignedIn)?, false)
        }
        None => (new_account(desk, command.password, false).await?, true),
    };
    let now = desk.now();
    let mut work = desk.global.begin().await?;
    if is_new {
        store::account::insert(&mut work, &account, &command.email, now).await?;
    }
    if !store::invitation::take(&mut work, code_hash, account.id, now).await? {
        return Err(Common::Contended.into());
    }
    store::account::add_place(&mut work, account.id, invitation.tenant, invitation.person, now).await?;
    work.commit().await
}

/// The first half of [`accept`] alone, as a crash after it leaves things.
#[cfg(test)]
pub async fn take_only(desk: &Desk, command: Accept) -> Result<()> {
    let code_hash = hash_of(&command.code);
    let found = store::invitation::find(&desk.global, &code_hash).await?;
    take(desk, &code_hash, &found.ok_or(Refused::InvitationNotValid)?, command).await
}
