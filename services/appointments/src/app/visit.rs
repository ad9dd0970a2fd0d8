//! Reading and listing visits, and what every change to one needs.

use chrono::{NaiveDate, NaiveDateTime};
use kith_platform::authz::Subject;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::series::{Whose, may_list, note_owners};
use super::{accept, standing};
use crate::domain::facts::{Moment, OnTheDay};
use crate::domain::pattern::Window;
use crate::domain::team::Team;
use crate::domain::visit::Visit;
use crate::domain::{TeamId, VisitId, VisitState, team};
use crate::events::{self, VisitFact};
use crate::policy::{self, Action};
use crate::store;
use crate::store::around::Around;

/// Answers a visit to its two sides and the Team's members.
pub async fn get(tx: &mut Tx, id: VisitId) -> Result<Visit> {
    let today = tx.today()?;
    let (visit, team) = store::around::with_team(tx, id).await?.ok_or(Error::NotFound("visit"))?;
    may(tx, &visit, &team, today, Visit::concerns, Action::GetVisit).await?;
    Ok(visit)
}

/// Lists visits.
#[derive(Clone, Debug)]
pub struct List {
    pub team: Option<TeamId>,
    pub window: Window,
    pub states: Vec<VisitState>,
    pub page: Page<(NaiveDateTime, Uuid)>,
}

/// Lists visits of a Team for its members, or the caller's own as a giver, with the token of the next page.
pub async fn list(tx: &mut Tx, command: List) -> Result<(Vec<Visit>, String)> {
    let whose = may_list(tx, command.team, Action::ListVisits).await?;
    let filter = store::visit::Filter { window: command.window, states: command.states, page: command.page };
    let mut found = match whose {
        Whose::Team(team) => store::visit::list_of_team(tx, team, &filter).await?,
        Whose::Giver(giver) => store::visit::list_of_giver(tx, giver, &filter).await?,
    };
    let next = filter.page.cut(&mut found, |visit| (visit.occurrence_local, visit.id.0));
    note_owners(tx, found.iter().map(|visit| visit.team_id)).await?;
    Ok((found, next))
}

/// Loads a visit for a change and asks the policy.
pub async fn open(
    tx: &mut Tx,
    id: VisitId,
    day: NaiveDate,
    is_giver: impl Fn(&Visit, PersonId) -> bool,
    action: Action,
) -> Result<(Visit, Team, team::Standing)> {
    let (visit, team, standing, _) = open_on_its_day(tx, id, day, is_giver, action).await?;
    Ok((visit, team, standing))
}

/// The same together with what holds on its first planned local day.
pub async fn open_on_its_day(
    tx: &mut Tx,
    id: VisitId,
    day: NaiveDate,
    is_giver: impl Fn(&Visit, PersonId) -> bool,
    action: Action,
) -> Result<(Visit, Team, team::Standing, OnTheDay)> {
    let around = store::around::load_for_update(tx, id).await?;
    judged(tx, around, day, is_giver, action).await
}

/// Asks the policy about a visit that was looked for. `is_giver` says who counts as its giver for this.
pub async fn judged(
    tx: &mut Tx,
    around: Option<Around>,
    day: NaiveDate,
    is_giver: impl Fn(&Visit, PersonId) -> bool,
    action: Action,
) -> Result<(Visit, Team, team::Standing, OnTheDay)> {
    let (visit, team, on_the_day) = around.and_then(Around::whole).ok_or(Error::NotFound("visit"))?;
    let standing = may(tx, &visit, &team, day, is_giver, action).await?;
    Ok((visit, team, standing, on_the_day))
}

/// Asks the policy about a visit of a Team.
async fn may(
    tx: &mut Tx,
    visit: &Visit,
    team: &Team,
    day: NaiveDate,
    is_giver: impl Fn(&Visit, PersonId) -> bool,
    action: Action,
) -> Result<team::Standing> {
    let person = tx.person()?;
    let standing = standing(tx, team, person, day, is_giver(visit, person)).await?;
    let subject = Subject::about("visit", visit.id, team.owner);
    tx.require_or_break_glass(action, subject, policy::standing(standing)).await?;
    Ok(standing)
}

/// Writes a visit that changed, and tells the others where it concerns them.
pub async fn keep(
    tx: &mut Tx,
    visit: &mut Visit,
    team: &Team,
    moment: Moment,
    fact: Option<VisitFact>,
) -> Result<()> {
    accept(tx, moment)?;
    store::visit::save(tx, visit).await?;
    if let Some(fact) = fact {
        events::tell_visit(tx, visit, team, fact);
    }
    Ok(())
}

/// Books giver and Owner for the plan as it is now; frees them where the visit is not to be.
pub async fn rebook(tx: &mut Tx, visit: &Visit, team: &Team) -> Result<()> {
    store::booking::remove(tx, visit.id).await?;
    if visit.is_booked() {
        store::booking::place(tx, std::slice::from_ref(visit), team.owner).await?;
    }
    Ok(())
}
