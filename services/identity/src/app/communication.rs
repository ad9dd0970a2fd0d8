//! How somebody likes to be reached: said by themselves, seen by whom they let see it.

use kith_platform::authz::{Standing, Subject};
use kith_platform::consent::Answer;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::PersonId;

use super::person;
use crate::domain::communication::{Channel, Communication};
use crate::policy::Action;
use crate::store;

/// The part of somebody's record that this is, as consents name it.
const PART: &str = "contact.preference";
/// What for they may be let see it: who meets somebody for the first time needs it too, who counts outcomes does not.
const PURPOSES: [&str; 3] = ["introduction", "support", "coordination"];

/// Says how one likes to be reached.
#[derive(Clone, Debug)]
pub struct Set {
    pub preferred: Channel,
    pub needs: String,
}

/// Keeps what the caller says of themselves.
pub async fn set(tx: &mut Tx, command: Set) -> Result<Communication> {
    let caller = tx.person()?;
    let standing = Standing::new().with("self", person::exists(tx, caller).await?);
    tx.require(Action::SetCommunication, Subject::about("person", caller, caller), &standing)?;
    let said = Communication {
        person: caller,
        preferred: command.preferred,
        needs: command.needs,
        updated_at: Some(tx.now()),
    };
    store::communication::save(tx, &said).await?;
    Ok(said)
}

/// Asks how somebody likes to be reached.
#[derive(Clone, Copy, Debug)]
pub struct Get {
    /// Who; the caller where it is none.
    pub person: Option<PersonId>,
}

/// Answers what somebody said: to themselves, to who acts for them, to whom they let see it, and to who looks after them in
/// an emergency.
pub async fn get(tx: &mut Tx, query: Get) -> Result<Communication> {
    let (caller, today) = (tx.person()?, tx.today()?);
    let about = query.person.unwrap_or(caller);
    let mut standing = Standing::new().with("self", about == caller && person::exists(tx, caller).await?);
    let (mut may_look, mut by_consent) = (false, Answer::No);
    if about != caller {
        // Who has left reads nothing any more, whatever somebody let them see.
        let is_here = person::standing(tx).await?.is("anyone");
        let acts_on = store::representative::acts_on(tx, caller, about, today).await?;
        if is_here {
            by_consent = super::consent::towards_caller(tx, about, PART, &PURPOSES).await?;
        }
        standing = standing.with("representative", is_here && acts_on.is_some());
        standing = standing.by_consent(by_consent.if_fresh());
        may_look = is_here && person::is_here(tx, about).await?;
    }
    let subject = Subject::about("person", about, about);
    let decided = if may_look {
        tx.require_or_break_glass(Action::GetCommunication, subject, standing).await.map(|_| ())
    } else {
        tx.require(Action::GetCommunication, subject, &standing)
    };
    decided.map_err(|error| by_consent.instead_of(error))?;
    if !person::exists(tx, about).await? {
        return Err(Error::NotFound("person"));
    }
    let said = store::communication::load(tx, about).await?;
    Ok(said.unwrap_or_else(|| Communication::unsaid(about)))
}
