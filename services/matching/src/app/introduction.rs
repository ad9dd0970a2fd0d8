//! Getting to know one another: interest, trial, conclusion. Whatever is answered here is what the caller's side may see.

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::opportunity::see;
use super::reader::{INTRODUCTION, OFFERING, reader};
use crate::domain::introduction::{Answer, Introduction, Side, Trial, View};
use crate::domain::{Change, IntroductionId, OpportunityId, Refused, TeamId};
use crate::events;
use crate::policy::Action;
use crate::store;

/// An introduction as one side sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub introduction: Introduction,
    pub view: View,
}

/// Says that one would like to meet.
#[derive(Clone, Debug)]
pub struct ShowInterest {
    pub opportunity: OpportunityId,
    /// Whom the Owner would like to meet; none where a giver speaks.
    pub giver: Option<PersonId>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says for one side that it would like to meet the other.
pub async fn show_interest(tx: &mut Tx, command: ShowInterest) -> Result<Seen> {
    let person = tx.person()?;
    let (opportunity, caller_as_giver) = see(tx, command.opportunity, Action::ShowInterest).await?;
    let owner = store::standing::owner_of(tx, opportunity.team_id).await?;
    // A giver speaks for themselves only, and so does an Owner: neither for the other side, nor for another giver.
    let (side, giver) = match command.giver {
        Some(giver) if giver != person => (Side::Team, store::giver::load(tx, giver).await?),
        _ => (Side::Giver, caller_as_giver),
    };
    if side == Side::Team && owner != Some(person) {
        return Err(Common::PermissionDenied.into());
    }
    let Some(giver) = giver else {
        return Err(match command.giver {
            Some(_) => Error::NotFound("giver"),
            None => {
                Error::invalid("giver_person_id", "is missing; an Owner says whom they would like to meet")
            }
        });
    };
    if owner == Some(giver.person_id) {
        return Err(Refused::OwnTeam.into());
    }
    let existing = store::introduction::between(tx, opportunity.id, giver.person_id).await?;
    if side == Side::Team && !existing.is_some_and(|introduction| introduction.team.interested) {
        may_be_named(tx, giver.person_id).await?;
    }
    let before = existing.and_then(|introduction| introduction.told());
    let mut introduction = match existing {
        Some(introduction) => introduction,
        None => Introduction::begin(tx.new_id(), opportunity.id, opportunity.team_id, giver.person_id, side),
    };
    let change = introduction.show_interest(side);
    if existing.is_none() || change == Change::Changed {
        opportunity.takes(giver.status)?;
        let occurred_at = tx.occurred_at(command.occurred_at)?;
        if existing.is_none() {
            store::introduction::insert(tx, &introduction, occurred_at).await?;
        } else {
            store::introduction::save(tx, &mut introduction, occurred_at).await?;
        }
        events::tell_introduction(tx, before, &introduction, giver.status);
    }
    seen(introduction, side)
}

/// Whether an Owner may name a giver at all: only one who is open to meeting them. Everybody else is not there, whether
/// they give support or not, and whatever they have said about this Team.
async fn may_be_named(tx: &mut Tx, giver: PersonId) -> Result<()> {
    let reader = reader(tx).await?;
    let offering = consent::asked(tx, giver, OFFERING, INTRODUCTION, &reader).await?.or_refuse()?;
    let standing = Standing::new().with("owner", true).by_consent(offering);
    if offering.is_none() {
        return Err(Error::NotFound("giver"));
    }
    tx.require(Action::ShowInterest, Subject::about("giver", giver, giver), &standing)
}

/// Answers an introduction.
pub async fn get(tx: &mut Tx, id: IntroductionId) -> Result<Seen> {
    let (introduction, side) = open(tx, id, Action::GetIntroduction).await?;
    seen(introduction, side)
}

/// Lists the caller's introductions, newest first, with the token of the next page.
pub async fn list(tx: &mut Tx, page: Page<Uuid>) -> Result<(Vec<Seen>, String)> {
    let person = tx.person()?;
    let standing = Standing::new().with("anyone", true);
    tx.require(Action::ListIntroductions, Subject::about("person", person, person), &standing)?;
    let mut introductions = store::introduction::list_of(tx, person, &page).await?;
    let next = page.cut(&mut introductions, |introduction| introduction.id.0);
    let teams: Vec<TeamId> = introductions.iter().map(|introduction| introduction.team_id).collect();
    let owners = store::standing::owners_of(tx, &teams).await?;
    tx.note_people(owners)?;
    let mut all_seen = Vec::with_capacity(introductions.len());
    for introduction in introductions {
        all_seen.push(seen(introduction, side_of(&introduction, person))?);
    }
    Ok((all_seen, next))
}

/// Agrees to a trial.
#[derive(Clone, Debug)]
pub struct AgreeTrial {
    pub introduction: IntroductionId,
    pub trial: Trial,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Agrees to a trial for one side; another trial than the other side's is a counter-proposal.
pub async fn agree_trial(tx: &mut Tx, command: AgreeTrial) -> Result<Seen> {
    let (mut introduction, side) = open(tx, command.introduction, Action::AgreeTrial).await?;
    let before = introduction.told();
    let change = introduction.agree_trial(side, command.trial)?;
    keep(tx, introduction, side, before, change, command.occurred_at).await
}

/// Says yes or no after a trial.
#[derive(Clone, Debug)]
pub struct Conclude {
    pub introduction: IntroductionId,
    pub answer: Answer,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says for one side whether it wants to go on.
pub async fn conclude(tx: &mut Tx, command: Conclude) -> Result<Seen> {
    let (mut introduction, side) = open(tx, command.introduction, Action::ConcludeTrial).await?;
    let before = introduction.told();
    let change = introduction.conclude(side, command.answer)?;
    keep(tx, introduction, side, before, change, command.occurred_at).await
}

async fn keep(
    tx: &mut Tx,
    mut introduction: Introduction,
    side: Side,
    before: Option<View>,
    change: Change,
    said_at: Option<DateTime<Utc>>,
) -> Result<Seen> {
    if change == Change::Changed {
        let occurred_at = tx.occurred_at(said_at)?;
        store::introduction::save(tx, &mut introduction, occurred_at).await?;
        let status = store::giver::status_of(tx, introduction.giver_person_id).await?;
        events::tell_introduction(tx, before, &introduction, status);
    }
    seen(introduction, side)
}

/// Loads an introduction and asks the policy with the caller's standing. A side that has not shown interest itself does
/// not know that there is one.
async fn open(tx: &mut Tx, id: IntroductionId, action: Action) -> Result<(Introduction, Side)> {
    let person = tx.person()?;
    let introduction = if action == Action::GetIntroduction {
        store::introduction::load(tx, id).await?
    } else {
        store::introduction::load_for_update(tx, id).await?
    };
    let introduction = introduction.ok_or(Error::NotFound("introduction"))?;
    let owner = store::standing::owner_of(tx, introduction.team_id).await?;
    let sees = |side| introduction.view_for(side).is_some();
    let standing = Standing::new()
        .with("giver", introduction.giver_person_id == person && sees(Side::Giver))
        .with("owner", owner == Some(person) && sees(Side::Team));
    let subject = Subject::about("introduction", id, introduction.giver_person_id);
    tx.require(action, subject, &standing)?;
    tx.note_people(owner)?;
    Ok((introduction, side_of(&introduction, person)))
}

/// Whose side somebody is on who is on one of them.
fn side_of(introduction: &Introduction, person: PersonId) -> Side {
    if introduction.giver_person_id == person { Side::Giver } else { Side::Team }
}

fn seen(introduction: Introduction, side: Side) -> Result<Seen> {
    let view = introduction.view_for(side).ok_or(Error::NotFound("introduction"))?;
    Ok(Seen { introduction, view })
}
