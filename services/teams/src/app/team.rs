//! Starting, reading and listing Teams.

use chrono::{DateTime, NaiveDate, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent::{self, Answer, Reader};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::hats;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use kith_platform::representative::{self, Scope};

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
    // Another system has nothing of its own.
    let standing = Standing::new().with("anyone", !tx.actor().is_integrator());
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

/// Answers a Team: whole to its Owner, members and who acts for the Owner, or looks in an emergency. Somebody who was only
/// asked sees whose it is and their own place; they, and anybody else, see its Circle and where it is as far as the Owner
/// consents, who has signed the Promise first.
pub async fn get(tx: &mut Tx, id: TeamId) -> Result<Shown> {
    let (person, today) = (tx.person()?, tx.today()?);
    let mut team = store::team::load(tx, id).await?.ok_or(Error::NotFound("team"))?;
    let mut standing = standing(tx, &team, person, today, None).await?;
    let belongs = ["owner", "member", "representative"].iter().any(|word| standing.is(word));
    let may_share = team.promised_from().is_some_and(|from| from <= today);
    let mut answer = Answer::No;
    if !belongs && may_share {
        let reader = reader(tx).await?;
        answer = consent::asked(tx, team.owner, TEAM, INTRODUCTION, &reader).await?;
        standing = standing.by_consent(answer.if_fresh());
    }
    let decided =
        tx.require_or_break_glass(Action::GetTeam, Subject::about("team", id, team.owner), standing).await;
    let standing = match decided {
        Ok(standing) => standing,
        Err(error) => return Err(answer.instead_of(error)),
    };
    let whole = belongs || standing.is("break_glass");
    if !whole {
        team.members.retain(|membership| membership.person == person);
        team.hats.clear();
        team.promises.clear();
    }
    Ok(Shown { team, with_place: whole || answer.if_fresh().is_some() })
}

/// The caller: whether they give support, as matching told, and by facts known here the Teams that they are of and the hats
/// that they wear.
async fn reader(tx: &mut Tx) -> Result<Reader> {
    let (person, today) = (tx.person()?, tx.today()?);
    let mut reader = consent::reader(tx).await?;
    for (team, is_owner) in store::reader::teams_of(tx, person, today).await? {
        reader = reader.of_team(team);
        if is_owner {
            reader = reader.wearing(hats::OWNER, Some(team));
        }
    }
    for (hat, team) in store::reader::hats_of(tx, person, today).await? {
        reader = reader.wearing(hat, Some(team));
    }
    Ok(reader)
}

/// Lists Teams.
#[derive(Clone, Debug)]
pub struct List {
    /// Whose; the caller's own where it is none.
    pub person: Option<PersonId>,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists the Teams that somebody owns or belongs to, with the token of the next page: the caller's own, or those that
/// somebody owns for whom they act, or whom they look after in an emergency. Others' Teams stay closed to both.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Team>, String)> {
    let (caller, today) = (tx.person()?, tx.today()?);
    let person = query.person.unwrap_or(caller);
    let mut standing = Standing::new().with("self", person == caller);
    if person != caller {
        let acting = representative::basis(tx, person, caller, Scope::HealthAndWelfare, today).await?;
        standing = standing.representing(acting);
    }
    let owned_only = person != caller;
    tx.require_or_break_glass(Action::ListTeams, Subject::about("person", person, person), standing).await?;
    let mut teams = store::team::list_of_person(tx, person, owned_only, today, &query.page).await?;
    let next = query.page.cut(&mut teams, |team| (team.created_at, team.id.0));
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
    let standing = standing(tx, &team, person, today, about).await?;
    // Who looks in an emergency changes nothing, but is told so instead of that there is no such Team.
    let standing =
        tx.require_or_break_glass(action, Subject::about("team", id, team.owner), standing).await?;
    Ok((team, standing))
}

/// How somebody stands towards a Team by what is known here.
async fn standing(
    tx: &mut Tx,
    team: &Team,
    person: PersonId,
    today: NaiveDate,
    about: Option<PersonId>,
) -> Result<Standing> {
    let standing = Standing::new()
        .with("owner", team.owner == person)
        .with("member", team.has_member(person, today))
        .with("invited", team.has_invited(person))
        .with("self", about == Some(person) && !tx.actor().is_integrator());
    if team.owner == person {
        return Ok(standing);
    }
    let acting = representative::basis(tx, team.owner, person, Scope::HealthAndWelfare, today).await?;
    Ok(standing.representing(acting))
}

/// In whose name the caller acts: a representative in the Owner's, but for what is about themselves; so nobody says both
/// yeses of something that needs two.
pub fn speaker(team: &Team, standing: &Standing, caller: PersonId, about: Option<PersonId>) -> PersonId {
    if standing.is("representative") && about != Some(caller) { team.owner } else { caller }
}
