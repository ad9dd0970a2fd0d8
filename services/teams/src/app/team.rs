//! Starting, reading and listing Teams.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent::{self, Reader};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use crate::domain::team::{OutwardCode, Team};
use crate::domain::{CircleId, TeamId};
use crate::events::{self, Fact};
use crate::policy::Action;
use crate::store;

/// Starts a Team whose Owner is the caller.
#[derive(Clone, Debug)]
pub struct Start {
    pub id: Option<TeamId>,
    pub circle: CircleId,
    pub outward_code: OutwardCode,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Starts a Team. The same client-made id with the same content answers the Team that exists.
pub async fn start(tx: &mut Tx, command: Start) -> Result<Team> {
    let owner = tx.person()?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    let standing = Standing::new().with("anyone", true);
    tx.require(Action::StartTeam, Subject::about("team", id, owner), &standing)?;
    if let Some(team) = store::team::load(tx, id).await? {
        let same =
            team.owner == owner && team.circle == command.circle && team.outward_code == command.outward_code;
        return if same { Ok(team) } else { Err(Common::IdExists.into()) };
    }
    let created_at = tx.occurred_at(command.occurred_at)?;
    let team = Team {
        id,
        owner,
        circle: command.circle,
        outward_code: command.outward_code,
        members: Vec::new(),
        hats: Vec::new(),
        promises: Vec::new(),
        created_at,
        version: 1,
    };
    store::team::insert(tx, &team).await?;
    events::tell(tx, &team, Fact::Started);
    Ok(team)
}

/// A Team as somebody may see it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub team: Team,
    /// Whether they see its Circle and where it is.
    pub with_place: bool,
}

/// Whose Team it is, its Circle and where it is.
const TEAM: &str = "profile.team";
/// Getting to know one another, before somebody joins.
const INTRODUCTION: &str = "introduction";

/// Answers a Team: whole to its Owner and members. Somebody who was only asked sees whose it is and their own place; they,
/// and anybody else, see its Circle and where it is as far as the Owner consents, who has signed the Promise first.
pub async fn get(tx: &mut Tx, id: TeamId) -> Result<Shown> {
    let (person, today) = (tx.person()?, tx.today()?);
    let mut team = store::team::load(tx, id).await?.ok_or(Error::NotFound("team"))?;
    let mut standing = standing(&team, person, today, None);
    let belongs = standing.is("owner") || standing.is("member");
    let may_share = team.promised_from().is_some_and(|from| from <= today);
    let mut consent = None;
    if !belongs && may_share {
        let reader = reader(tx).await?;
        let answer = consent::asked(tx, team.owner, TEAM, INTRODUCTION, &reader).await?;
        consent = if standing.is("invited") { answer.if_fresh() } else { answer.or_refuse()? };
        standing = standing.by_consent(consent);
    }
    tx.require(Action::GetTeam, Subject::about("team", id, team.owner), &standing)?;
    if !belongs {
        team.members.retain(|membership| membership.person == person);
        team.hats.clear();
        team.promises.clear();
    }
    Ok(Shown { team, with_place: belongs || consent.is_some() })
}

/// The caller, with the Teams that they are of and the hats that they wear.
async fn reader(tx: &mut Tx) -> Result<Reader> {
    let (person, today) = (tx.person()?, tx.today()?);
    let mut reader = Reader::new(person);
    for (team, is_owner) in store::reader::teams_of(tx, person, today).await? {
        reader = reader.of_team(team);
        if is_owner {
            reader = reader.wearing("owner", Some(team));
        }
    }
    for (hat, team) in store::reader::hats_of(tx, person, today).await? {
        reader = reader.wearing(hat, Some(team));
    }
    Ok(reader)
}

/// Lists the Teams that the caller owns or belongs to, with the token of the next page.
pub async fn list(tx: &mut Tx, page: Page<(DateTime<Utc>, Uuid)>) -> Result<(Vec<Team>, String)> {
    let (person, today) = (tx.person()?, tx.today()?);
    let standing = Standing::new().with("anyone", true);
    tx.require(Action::ListTeams, Subject::about("person", person, person), &standing)?;
    let mut teams = store::team::list_of_person(tx, person, today, &page).await?;
    let next = page.cut(&mut teams, |team| (team.created_at, team.id.0));
    Ok((teams, next))
}

/// Loads a Team for a change, and asks the policy with the caller's standing. `about` is whose place or hat
/// it is about, where it is about one.
pub async fn open(
    tx: &mut Tx,
    id: TeamId,
    about: Option<PersonId>,
    action: Action,
) -> Result<(Team, Standing)> {
    let (person, today) = (tx.person()?, tx.today()?);
    let team = store::team::load_for_update(tx, id).await?.ok_or(Error::NotFound("team"))?;
    let standing = standing(&team, person, today, about);
    tx.require(action, Subject::about("team", id, team.owner), &standing)?;
    Ok((team, standing))
}

/// How somebody stands towards a Team by what is known here.
fn standing(team: &Team, person: PersonId, today: NaiveDate, about: Option<PersonId>) -> Standing {
    Standing::new()
        .with("owner", team.owner == person)
        .with("member", team.has_member(person, today))
        .with("invited", team.has_invited(person))
        .with("self", about == Some(person))
}
