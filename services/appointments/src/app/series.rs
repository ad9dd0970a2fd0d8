//! Proposing a series, the other side's answer, reading and listing.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::consent;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::local::wall_clock;
use kith_platform::page::Page;
use kith_platform::people;

use super::{accept, acting_day, moment};
use crate::domain::pattern::Pattern;
use crate::domain::rule::Rule;
use crate::domain::series::{Series, promise_missing};
use crate::domain::team::Team;
use crate::domain::{Outcome, Refused, SeriesId, SeriesState, TeamId, VisitKind, team};
use crate::events::{self, SeriesFact};
use crate::policy::{self, Action};
use crate::store;

/// Proposes a series, or a single visit where there is no rule.
#[derive(Clone, Debug)]
pub struct Propose {
    pub id: Option<SeriesId>,
    pub team: TeamId,
    pub giver: PersonId,
    pub kind: VisitKind,
    pub starts_local: NaiveDateTime,
    pub wall_minutes: i32,
    pub rule: Option<Rule>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Proposes a series, by the Team's side or by the giver. The same client-made id with the same content answers the
/// series that exists.
pub async fn propose(tx: &mut Tx, command: Propose) -> Result<Series> {
    let moment = moment(tx, command.occurred_at)?;
    let (person, day) = (tx.person()?, acting_day(tx, moment)?);
    let team = store::team::load(tx, command.team).await?.ok_or(Error::NotFound("team"))?;
    let id = command.id.unwrap_or_else(|| tx.new_id());
    let existing = store::series::load(tx, id).await?;
    let introductions = store::introduction::between(tx, team.id, command.giver).await?;
    let may_have = team.may_have(command.giver, &introductions, command.kind);
    let known_as_giver = may_have
        || existing.as_ref().is_some_and(|series| series.team_id == team.id && series.giver == person);
    let standing = super::standing(tx, &team, person, day, command.giver == person && known_as_giver).await?;
    tx.require(
        Action::ProposeSeries,
        Subject::about("team", team.id, team.owner),
        &policy::standing(standing),
    )?;
    let series = Series {
        id,
        team_id: team.id,
        giver: command.giver,
        kind: command.kind,
        pattern: Pattern::new(command.starts_local, command.wall_minutes, command.rule, tx.place()?.zone)?,
        state: SeriesState::Proposed,
        proposed_by: standing.side(),
        proposed_at: moment.occurred_at,
        answered_at: None,
        version: 1,
    };
    if let Some(existing) = existing {
        return if existing.says_the_same(&series) { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    accept(tx, moment)?;
    if command.giver == team.owner {
        return Err(Refused::GiverIsOwner.into());
    }
    if !may_have {
        return Err(Refused::NotInTeam { starts_local: command.starts_local }.into());
    }
    if people::left_at(tx, command.giver).await?.is_some() {
        return Err(Refused::GiverHasLeft.into());
    }
    store::series::insert(tx, &series).await?;
    events::tell_series(tx, &series, SeriesFact::Proposed);
    Ok(series)
}

/// Says yes or no to a series.
#[derive(Clone, Debug)]
pub struct Answer {
    pub series: SeriesId,
    pub accept: bool,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Says yes or no to a series, by the side that did not propose it.
pub async fn answer(tx: &mut Tx, command: Answer) -> Result<Series> {
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    let series = store::series::load_for_update(tx, command.series).await?;
    let (mut series, team, standing) = allowed(tx, series, day, Action::AnswerSeries).await?;
    let answered_on = wall_clock(moment.occurred_at, tx.place()?.zone).date();
    let from = series.agreed_from(answered_on);
    let settlement = store::giver::load(tx, series.giver).await?.settlement_on(from);
    let missing = promise_missing(settlement, team.promise_holds_on(from));
    let outcome = series.answer(standing.side(), command.accept, missing, moment.occurred_at)?;
    if outcome == Outcome::Changed {
        accept(tx, moment)?;
        store::series::save(tx, &mut series).await?;
        events::tell_series(tx, &series, SeriesFact::Answered);
    }
    Ok(series)
}

/// Answers a series to its two sides.
pub async fn get(tx: &mut Tx, id: SeriesId) -> Result<Series> {
    let today = tx.today()?;
    let series = store::series::load(tx, id).await?;
    let (series, _, _) = allowed(tx, series, today, Action::GetSeries).await?;
    Ok(series)
}

/// Asks the policy about a series that was looked for.
pub async fn allowed(
    tx: &mut Tx,
    series: Option<Series>,
    day: NaiveDate,
    action: Action,
) -> Result<(Series, Team, team::Standing)> {
    let person = tx.person()?;
    let series = series.ok_or(Error::NotFound("series"))?;
    let team = store::team::load(tx, series.team_id).await?.ok_or(Error::NotFound("series"))?;
    let standing = super::standing(tx, &team, person, day, series.giver == person).await?;
    let subject = Subject::about("series", series.id, team.owner);
    tx.require_or_break_glass(action, subject, policy::standing(standing)).await?;
    Ok((series, team, standing))
}

/// Lists series.
#[derive(Clone, Debug)]
pub struct List {
    pub team: Option<TeamId>,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// A page of series, and how much of each is shown.
#[derive(Clone, Debug)]
pub struct Listed {
    pub series: Vec<Series>,
    pub next_page_token: String,
    /// Times only: not who gives support, nor what the visits are for.
    pub times_only: bool,
}

/// Lists the series of a Team for its members, or the caller's own as a giver. Whom the Owner lets see it gets the times
/// of what is agreed.
pub async fn list(tx: &mut Tx, command: List) -> Result<Listed> {
    let (whose, times_only) = may_see_times(tx, command.team).await?;
    let mut series = match whose {
        Whose::Team(team) if times_only => {
            store::series::list_agreed_of_team(tx, team, &command.page).await?
        }
        Whose::Team(team) => store::series::list_of_team(tx, team, &command.page).await?,
        Whose::Giver(giver) => store::series::list_of_giver(tx, giver, &command.page).await?,
    };
    let next_page_token = command.page.cut(&mut series, |series| (series.proposed_at, series.id.0));
    note_owners(tx, series.iter().map(|series| series.team_id)).await?;
    Ok(Listed { series, next_page_token, times_only })
}

/// When somebody has support, without who gives it.
const ROTA: &str = "profile.rota";
/// Getting to know one another, before somebody joins a Team.
const INTRODUCTION: &str = "introduction";

/// As [`may_list`] for series; whoever does not stand by facts known here is asked about as a prospective member, and then
/// sees no more than times.
async fn may_see_times(tx: &mut Tx, team: Option<TeamId>) -> Result<(Whose, bool)> {
    let (person, today) = (tx.person()?, tx.today()?);
    let found = match team {
        Some(id) => store::team::load(tx, id).await?,
        None => None,
    };
    let Some(found) = found else {
        return Ok((may_list(tx, team, Action::ListSeries).await?, false));
    };
    let stands = super::standing(tx, &found, person, today, false).await?;
    let belongs = stands.owner || stands.rota_holder || stands.member || stands.acting.is_some();
    if belongs || !found.promise_holds_on(today) {
        return Ok((may_list(tx, team, Action::ListSeries).await?, false));
    }
    let reader = consent::reader(tx).await?;
    let answer = consent::asked(tx, found.owner, ROTA, INTRODUCTION, &reader).await?;
    let standing = policy::standing(stands).by_consent(answer.if_fresh());
    let subject = Subject::about("team", found.id, found.owner);
    match tx.require_or_break_glass(Action::ListSeries, subject, standing).await {
        Ok(standing) => Ok((Whose::Team(found.id), !standing.is("break_glass"))),
        Err(error) => Err(answer.instead_of(error)),
    }
}

/// Writes down the Owners of Teams whose visits or series an answer shows: it names their givers only.
pub async fn note_owners(tx: &mut Tx, teams: impl IntoIterator<Item = TeamId>) -> Result<()> {
    let teams: Vec<TeamId> = teams.into_iter().collect();
    if teams.is_empty() {
        return Ok(());
    }
    let owners = store::team::owners_of(tx, &teams).await?;
    tx.note_people(owners)
}

/// Whose series or visits are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Team(TeamId),
    Giver(PersonId),
}

/// Asks whether the caller may list what concerns a Team; where none is named it is what they give themselves.
pub async fn may_list(tx: &mut Tx, team: Option<TeamId>, action: Action) -> Result<Whose> {
    let (person, today) = (tx.person()?, tx.today()?);
    let Some(team) = team else {
        let standing = Standing::new().with("self", true);
        tx.require(action, Subject::about("person", person, person), &standing)?;
        return Ok(Whose::Giver(person));
    };
    let team = store::team::load(tx, team).await?.ok_or(Error::NotFound("team"))?;
    let standing = policy::standing(super::standing(tx, &team, person, today, false).await?);
    tx.require_or_break_glass(action, Subject::about("team", team.id, team.owner), standing).await?;
    Ok(Whose::Team(team.id))
}
