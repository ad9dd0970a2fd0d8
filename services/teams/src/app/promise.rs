//! The Getting Support Promise: reading and signing it.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::local::wall_clock;

use super::team::open;
use crate::domain::team::{Promise, Text};
use crate::domain::{Change, Refused, TeamId};
use crate::events::{self, Fact};
use crate::policy::Action;
use crate::store;

/// Answers the text in force on a day, today where none is named.
pub async fn text(tx: &mut Tx, day: Option<NaiveDate>) -> Result<Text> {
    let person = tx.person()?;
    let standing = Standing::new().with("anyone", true);
    tx.require_open(Action::GetPromiseText, Subject::of("promise", person), &standing)?;
    let day = day.map_or_else(|| tx.today(), Ok)?;
    store::team::promise_text(tx, day).await?.ok_or(Error::NotFound("promise"))
}

/// Signs the Promise.
#[derive(Clone, Debug)]
pub struct Sign {
    pub team: TeamId,
    pub text_version: String,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Signs the Promise in force; it holds from that day on.
pub async fn sign(tx: &mut Tx, command: Sign) -> Result<Promise> {
    let (mut team, _) = open(tx, command.team, None, Action::SignPromise).await?;
    let occurred_at = tx.occurred_at(command.occurred_at)?;
    let day = wall_clock(occurred_at, tx.place()?.zone).date();
    let in_force = store::team::promise_text(tx, day).await?.map(|text| text.version);
    let change = team.sign(&command.text_version, in_force.as_deref(), day)?;
    let signed = team.promises.iter().rfind(|promise| promise.text_version == command.text_version);
    let promise = signed.ok_or(Refused::PromiseNotInForce)?.clone();
    if change == Change::Changed {
        store::team::add_promise(tx, &mut team, &promise, occurred_at).await?;
        events::tell(tx, &team, Fact::PromiseSigned);
    }
    Ok(promise)
}
