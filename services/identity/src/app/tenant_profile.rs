//! How a tenant presents itself, to its own people.

use chrono::NaiveDate;
use kith_platform::authz::Subject;
use kith_platform::context::Actor;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::etag;

use super::{Desk, person};
use crate::domain::Change;
use crate::domain::profile::{self, Address, Profile, Thing, Wording};
use crate::policy::Action;
use crate::store;

/// A word as it is said: from today where no day is said.
#[derive(Clone, Debug)]
pub struct Word {
    pub thing: Thing,
    pub singular: String,
    pub plural: String,
    pub valid_from: Option<NaiveDate>,
}

impl Word {
    /// The word as it is kept.
    pub fn dated(self, today: NaiveDate) -> Wording {
        Wording {
            thing: self.thing,
            singular: self.singular,
            plural: self.plural,
            valid_from: self.valid_from.unwrap_or(today),
        }
    }
}

/// Changes what is there of it.
#[derive(Clone, Debug)]
pub struct Update {
    pub display_name: Option<String>,
    pub mail_sender: Option<Address>,
    pub wording: Vec<Word>,
    pub etag: Option<i64>,
}

/// Answers the profile.
pub async fn get(tx: &mut Tx, (): ()) -> Result<Profile> {
    let standing = person::standing(tx).await?;
    tx.require(Action::GetTenantProfile, Subject::of("tenant", tx.tenant()), &standing)?;
    store::profile::load(tx, false).await?.ok_or(Error::NotFound("tenant"))
}

/// Changes the profile.
pub async fn update(tx: &mut Tx, command: Update) -> Result<Profile> {
    let standing = person::standing(tx).await?;
    tx.require(Action::UpdateTenantProfile, Subject::of("tenant", tx.tenant()), &standing)?;
    let mut profile = store::profile::load(tx, true).await?.ok_or(Error::NotFound("tenant"))?;
    etag::check(command.etag, profile.version)?;
    let today = tx.today()?;
    let update = profile::Update {
        display_name: command.display_name,
        mail_sender: command.mail_sender,
        wording: command.wording.into_iter().map(|word| word.dated(today)).collect(),
    };
    if profile.update(update) == Change::Changed {
        store::profile::save(tx, &mut profile).await?;
    }
    Ok(profile)
}

/// Lets the host's list know the name too. Comes after [`update`]; a repeated call says it again.
pub async fn list(desk: &Desk, actor: Actor, display_name: &str) -> Result<()> {
    let tenant = actor.tenant().ok_or(Common::Unauthenticated)?;
    store::registry::note_name(&desk.global, tenant, display_name).await
}
