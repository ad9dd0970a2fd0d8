//! Asking somebody to wear a hat, the answers, and taking it off.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::PersonId;

use super::leaving::must_be_here;
use super::team::{open, speaker};
use crate::domain::hat::{Hat, Holding};
use crate::domain::{Change, HoldingId, TeamId};
use crate::events::{self, Fact};
use crate::policy::Action;
use crate::store;

/// Asks somebody to wear a hat.
#[derive(Clone, Debug)]
pub struct Propose {
    pub id: Option<HoldingId>,
    pub team: TeamId,
    pub hat: Hat,
    pub person: PersonId,
    pub term: (NaiveDate, NaiveDate),
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Asks somebody to wear a hat for a term.
pub async fn propose(tx: &mut Tx, command: Propose) -> Result<Holding> {
    let (mut team, standing) = open(tx, command.team, None, Action::ProposeHat).await?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    if let Some(existing) = team.holding(id) {
        let same = existing.hat == command.hat
            && existing.person == command.person
            && (existing.valid_from, existing.valid_until) == command.term;
        return if same { Ok(existing.clone()) } else { Err(Common::IdExists.into()) };
    }
    must_be_here(tx, command.person).await?;
    tx.occurred_at(command.occurred_at)?;
    let by = speaker(&team, &standing, tx.person()?, Some(command.person));
    let holding = team.propose_hat(id, command.hat, command.person, command.term, by)?.clone();
    store::team::put_holding(tx, &mut team, &holding).await?;
    events::tell(tx, &team, Fact::HatsChanged);
    Ok(holding)
}

/// Says yes or no to a hat.
#[derive(Clone, Debug)]
pub struct Answer {
    pub team: TeamId,
    pub holding: HoldingId,
    pub consent: bool,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says yes or no to a hat: the wearer and the Owner both must consent.
pub async fn answer(tx: &mut Tx, command: Answer) -> Result<Holding> {
    let about = store::team::person_of_holding(tx, command.team, command.holding).await?;
    let (mut team, standing) = open(tx, command.team, about, Action::AnswerHat).await?;
    tx.occurred_at(command.occurred_at)?;
    let (person, owner) = (speaker(&team, &standing, tx.person()?, about), team.owner);
    let holding = team.holding(command.holding).ok_or(Error::NotFound("hat"))?;
    let change = holding.answer(person, owner, command.consent)?;
    let holding = holding.clone();
    if change == Change::Changed {
        store::team::put_holding(tx, &mut team, &holding).await?;
        events::tell(tx, &team, Fact::HatsChanged);
    }
    Ok(holding)
}

/// Takes a hat off.
#[derive(Clone, Debug)]
pub struct DropHat {
    pub team: TeamId,
    pub holding: HoldingId,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Takes a hat off: the wearer's own, or any as the Owner.
pub async fn drop_hat(tx: &mut Tx, command: DropHat) -> Result<Holding> {
    let about = store::team::person_of_holding(tx, command.team, command.holding).await?;
    let (mut team, _) = open(tx, command.team, about, Action::DropHat).await?;
    tx.occurred_at(command.occurred_at)?;
    let holding = team.holding(command.holding).ok_or(Error::NotFound("hat"))?;
    let change = holding.drop_it()?;
    let holding = holding.clone();
    if change == Change::Changed {
        store::team::put_holding(tx, &mut team, &holding).await?;
        events::tell(tx, &team, Fact::HatsChanged);
    }
    Ok(holding)
}
