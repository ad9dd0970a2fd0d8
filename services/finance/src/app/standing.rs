//! What the caller is to a Team or a Circle.

use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::PersonId;
use kith_platform::representative::{self, Scope};

use crate::domain::{CircleId, PayerId, TeamId};
use crate::policy::Action;
use crate::store;

/// How the caller stands towards the money of an Owner whose Team is of a Circle: the Owner, who acts for them in matters
/// of property, and the Circle's finance hat.
pub async fn towards(tx: &mut Tx, owner: Option<PersonId>, circle_id: CircleId) -> Result<Standing> {
    let (person, today) = (tx.person()?, tx.today()?);
    let wears_hat = store::known::wears_finance_hat(tx, Some(circle_id), person, today).await?;
    let standing = Standing::new().with("owner", owner == Some(person)).with("finance_hat", wears_hat);
    match owner {
        Some(owner) if owner != person => Ok(standing.representing(acting_for(tx, owner).await?)),
        _ => Ok(standing),
    }
}

/// On which basis the caller acts for somebody in matters of property, where they do.
async fn acting_for(tx: &mut Tx, person: PersonId) -> Result<Option<&'static str>> {
    let (caller, today) = (tx.person()?, tx.today()?);
    representative::basis(tx, person, caller, Scope::Property, today).await
}

/// Asks the policy about a Team: its Owner, who acts for them, and its Circle's finance hat.
pub async fn require_for_team(tx: &mut Tx, action: Action, team_id: TeamId) -> Result<()> {
    let team = store::known::team(tx, team_id).await?.ok_or(Error::NotFound("team"))?;
    let standing = towards(tx, Some(team.owner), team.circle_id).await?;
    tx.require(action, Subject::about("team", team_id, team.owner), &standing)
}

/// Asks the policy about a Circle: everybody of the tenant, and its finance hat.
pub async fn require_for_circle(tx: &mut Tx, action: Action, circle_id: CircleId) -> Result<()> {
    let (person, today) = (tx.person()?, tx.today()?);
    if !store::known::has_circle(tx, circle_id).await? {
        return Err(Error::NotFound("circle"));
    }
    let wears_hat = store::known::wears_finance_hat(tx, Some(circle_id), person, today).await?;
    let standing = Standing::new().with("anyone", true).with("finance_hat", wears_hat);
    tx.require(action, Subject::of("circle", circle_id), &standing)
}

/// Asks the policy about a Team where one is named, or else about a Circle.
pub async fn require_for_either(
    tx: &mut Tx,
    action: Action,
    team_id: Option<TeamId>,
    circle_id: Option<CircleId>,
) -> Result<()> {
    match (team_id, circle_id) {
        (Some(team_id), _) => require_for_team(tx, action, team_id).await,
        (None, Some(circle_id)) => require_for_circle(tx, action, circle_id).await,
        (None, None) => Err(Error::invalid("circle_id", "is needed where no team is named")),
    }
}

/// Writes down the Owners of Teams that an answer shows the money of.
pub async fn note_owners(tx: &mut Tx, teams: impl IntoIterator<Item = TeamId>) -> Result<()> {
    let teams: Vec<TeamId> = teams.into_iter().collect();
    if teams.is_empty() {
        return Ok(());
    }
    let owners = store::known::owners_of(tx, &teams).await?;
    tx.note_people(owners)
}

/// The same where it shows payers, who pay for a Team each.
pub async fn note_owners_of_payers(tx: &mut Tx, payers: &[PayerId]) -> Result<()> {
    let payers = store::funding::payers_by_id(tx, payers).await?;
    note_owners(tx, payers.into_iter().map(|payer| payer.team_id)).await
}

/// Asks the policy about a person's things: the person, and who acts for them.
pub async fn require_for_person(tx: &mut Tx, action: Action, person: PersonId) -> Result<()> {
    if person == tx.person()? {
        return require_for_self(tx, action);
    }
    let standing = Standing::new().representing(acting_for(tx, person).await?);
    tx.require(action, Subject::about("person", person, person), &standing)
}

/// Asks the policy about the caller's own things; another system has none.
pub fn require_for_self(tx: &mut Tx, action: Action) -> Result<()> {
    let person = tx.person()?;
    let standing = Standing::new().with("self", !tx.actor().is_integrator());
    tx.require(action, Subject::about("person", person, person), &standing)
}
