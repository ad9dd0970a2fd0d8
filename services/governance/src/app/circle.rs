//! Founding and reading Circles; asking people in and to wear hats, and their answers.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::authz::Subject;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::local::wall_clock;
use kith_platform::page::Page;
use kith_platform::people;

use super::{leaving, reach, standing};
use crate::domain::circle::{Circle, Hat, Holding, Seat};
use crate::domain::{CircleId, HoldingId, Outcome};
use crate::events::{self, CircleFact};
use crate::policy::Action;
use crate::store;

/// Creates a Circle.
#[derive(Clone, Debug)]
pub struct Create {
    pub id: Option<CircleId>,
    pub display_name: String,
    pub aim: String,
    pub domain: String,
}

/// Creates a founding Circle. The same client-made id with the same content answers the Circle that exists.
pub async fn create(tx: &mut Tx, command: Create) -> Result<Circle> {
    let id = command.id.unwrap_or_else(|| tx.new_id());
    let standing = standing(tx, None, None).await?;
    tx.require(Action::CreateCircle, Subject::of("circle", id), &standing)?;
    if let Some(existing) = store::circle::load(tx, id).await? {
        let same = existing.display_name == command.display_name
            && existing.aim == command.aim
            && existing.domain == command.domain;
        return if same { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    let circle = Circle {
        id,
        display_name: command.display_name,
        aim: command.aim,
        domain: command.domain,
        members: Vec::new(),
        hats: Vec::new(),
        created_at: tx.now(),
        version: 1,
    };
    let created_by = tx.person()?;
    store::circle::insert(tx, &circle, created_by).await?;
    events::tell_circle(tx, &circle, CircleFact::Created);
    Ok(circle)
}

/// Founds the Circle that a tenant begins with, unless it is there: the co-op itself, which goes by the tenant's own name.
pub async fn found(tx: &mut Tx, id: CircleId, founder: PersonId) -> Result<()> {
    if store::circle::load(tx, id).await?.is_some() {
        return Ok(());
    }
    let left_at = people::left_at(tx, founder).await?;
    let mut circle = Circle::of_the_whole(id, founder, tx.today()?, tx.now());
    store::circle::insert(tx, &circle, founder).await?;
    store::circle::put_member(tx, &mut circle, founder).await?;
    events::tell_circle(tx, &circle, CircleFact::Created);
    // Told in another order than it happened.
    if let Some(left_at) = left_at {
        leaving::part(tx, &mut circle, founder, left_at).await?;
    }
    Ok(())
}

/// Answers a Circle.
pub async fn get(tx: &mut Tx, id: CircleId) -> Result<Circle> {
    open(tx, id, Action::GetCircle).await
}

/// Lists the Circles of the tenant, with the token of the next page.
pub async fn list(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<(Vec<Circle>, String)> {
    let standing = standing(tx, None, None).await?;
    tx.require(Action::ListCircles, Subject::of("tenant", tx.tenant()), &standing)?;
    let mut circles = store::circle::list(tx, &page).await?;
    let next = page.cut(&mut circles, |circle| (circle.created_at, circle.id.0));
    Ok((circles, next))
}

/// Asks a person to join.
#[derive(Clone, Debug)]
pub struct Invite {
    pub circle: CircleId,
    pub person: PersonId,
    pub valid_from: Option<NaiveDate>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Asks a person to join. It is checked when it happened only where something changes, so that a repeat stays one.
pub async fn invite(tx: &mut Tx, command: Invite) -> Result<Circle> {
    let has_left = people::left_at(tx, command.person).await?.is_some();
    let mut circle = open(tx, command.circle, Action::InviteCircleMember).await?;
    if has_left || !people::is_here(tx, command.person).await? {
        return Err(Error::NotFound("person"));
    }
    let reach = reach(tx)?;
    let said = command.occurred_at.unwrap_or(tx.now());
    let asked_on = wall_clock(said, tx.place()?.zone).date();
    let outcome = circle.invite(command.person, command.valid_from, asked_on, reach)?;
    if outcome == Outcome::Changed {
        tx.occurred_at(command.occurred_at)?;
        store::circle::put_member(tx, &mut circle, command.person).await?;
        events::tell_circle(tx, &circle, CircleFact::MembersChanged);
    }
    Ok(circle)
}

/// Says yes or no to joining, for oneself.
#[derive(Clone, Copy, Debug)]
pub struct AnswerInvitation {
    pub circle: CircleId,
    pub accept: bool,
}

/// Says yes or no to joining, for oneself.
pub async fn answer_invitation(tx: &mut Tx, command: AnswerInvitation) -> Result<Circle> {
    let person = tx.person()?;
    let left_at = people::left_at(tx, person).await?;
    let mut circle = open(tx, command.circle, Action::AnswerCircleInvitation).await?;
    leaving::must_be_here(left_at)?;
    if circle.answer_invitation(person, command.accept)? == Outcome::Changed {
        store::circle::put_member(tx, &mut circle, person).await?;
        events::tell_circle(tx, &circle, CircleFact::MembersChanged);
    }
    Ok(circle)
}

/// Asks a member to wear a hat.
#[derive(Clone, Copy, Debug)]
pub struct ProposeHat {
    pub id: Option<HoldingId>,
    pub circle: CircleId,
    pub hat: Hat,
    pub person: PersonId,
    pub valid_from: NaiveDate,
    pub valid_until: NaiveDate,
}

/// Asks a member to wear a hat for a term.
pub async fn propose_hat(tx: &mut Tx, command: ProposeHat) -> Result<Circle> {
    let left_at = people::left_at(tx, command.person).await?;
    let circle = store::circle::load_for_update(tx, command.circle).await?;
    let mut circle = circle.ok_or(Error::NotFound("circle"))?;
    let today = tx.today()?;
    let lacks_it = command.hat == Hat::Facilitator && !circle.is_worn(Hat::Facilitator, today);
    let standing = standing(tx, Some(&circle), None).await?.with("no_facilitator", lacks_it);
    tx.require(Action::ProposeCircleHat, Subject::of("circle", circle.id), &standing)?;
    let wanted = Holding {
        id: command.id.unwrap_or_else(|| tx.new_id()),
        hat: command.hat,
        person: command.person,
        state: Seat::Proposed,
        valid_from: command.valid_from,
        valid_until: command.valid_until,
    };
    let (_, outcome) = circle.propose_hat(wanted, command.id.is_some())?;
    if outcome == Outcome::Changed {
        leaving::must_be_here(left_at)?;
        store::circle::put_holding(tx, &mut circle, wanted).await?;
        events::tell_circle(tx, &circle, CircleFact::HatsChanged);
    }
    Ok(circle)
}

/// Says yes or no to a hat, for oneself.
#[derive(Clone, Copy, Debug)]
pub struct AnswerHat {
    pub circle: CircleId,
    pub holding: HoldingId,
    pub consent: bool,
}

/// Says yes or no to a hat, for oneself.
pub async fn answer_hat(tx: &mut Tx, command: AnswerHat) -> Result<Circle> {
    // Nobody answers for another, so that whoever may answer is the one who was asked.
    let caller = tx.person()?;
    let left_at = people::left_at(tx, caller).await?;
    let circle = store::circle::load_for_update(tx, command.circle).await?;
    let mut circle = circle.ok_or(Error::NotFound("circle"))?;
    let asked = circle.hats.iter().find(|holding| holding.id == command.holding).copied();
    let standing = standing(tx, Some(&circle), asked.map(|holding| holding.person)).await?;
    let Some(asked) = asked else {
        tx.require(Action::GetCircle, Subject::of("circle", command.circle), &standing)?;
        return Err(Error::NotFound("hat"));
    };
    tx.require(Action::AnswerCircleHat, Subject::about("hat", command.holding, asked.person), &standing)?;
    leaving::must_be_here(left_at)?;
    let answered = circle.answer_hat(command.holding, command.consent).ok_or(Error::NotFound("hat"))?;
    if answered? == Outcome::Changed {
        let state = if command.consent { Seat::Held } else { Seat::Declined };
        store::circle::put_holding(tx, &mut circle, Holding { state, ..asked }).await?;
        events::tell_circle(tx, &circle, CircleFact::HatsChanged);
    }
    Ok(circle)
}

/// Loads a Circle for a change or a look, and asks the policy with the caller's standing in it.
async fn open(tx: &mut Tx, id: CircleId, action: Action) -> Result<Circle> {
    let circle = if action == Action::GetCircle {
        store::circle::load(tx, id).await?
    } else {
        store::circle::load_for_update(tx, id).await?
    };
    let circle = circle.ok_or(Error::NotFound("circle"))?;
    let standing = standing(tx, Some(&circle), None).await?;
    tx.require(action, Subject::of("circle", id), &standing)?;
    Ok(circle)
}
