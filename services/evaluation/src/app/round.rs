//! Opening, answering, closing and reading survey rounds.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use crate::domain::reply_code::{ReplyCode, RoundSecret};
use crate::domain::round::{Instrument, Items, Outcome, Round, Scope, State};
use crate::domain::suppression::Figure;
use crate::domain::{AnswerId, Refused, RoundId};
use crate::events;
use crate::policy::Action;
use crate::store;

/// Opens a round.
#[derive(Clone)]
pub struct Open {
    pub id: RoundId,
    pub instrument: Instrument,
    pub scope: Scope,
    /// What its codes come from.
    pub secret: RoundSecret,
}

/// Opens a round, and keeps who is asked and, apart from them, the digests of their codes, all written at once, so that not
/// even the order of the rows says whose is whose. The same id with the same content by the same person answers the round
/// that exists.
pub async fn open(tx: &mut Tx, command: Open) -> Result<Round> {
    let opened_by = tx.person()?;
    let (standing, subject) = standing_in(tx, command.scope).await?;
    tx.require(Action::OpenRound, subject, &standing)?;
    let asked = people_in(tx, command.scope).await?;
    let round = Round {
        id: command.id,
        instrument: command.instrument,
        scope: command.scope,
        state: State::Open,
        reply_codes: u32::try_from(asked.len()).map_err(Error::internal)?,
        opened_by,
        opened_at: tx.now(),
    };
    if let Some(existing) = store::round::load(tx, round.id).await? {
        return if existing.is_same_as(&round) { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    store::round::insert(tx, &round).await?;
    store::respondent::keep(tx, round.id, &asked).await?;
    let asked: Vec<PersonId> = asked.into_iter().collect();
    store::reply_code::keep(tx, round.id, &command.secret.codes_of(tx.tenant(), &asked)).await?;
    events::tell(tx, &round);
    Ok(round)
}

/// Asks for the caller's own code.
#[derive(Clone)]
pub struct GetCode {
    pub round: RoundId,
    pub secret: RoundSecret,
}

/// Answers the caller's own code. Nothing is kept of it, not even that they asked: who fetched theirs at one moment is who
/// answers at the next.
pub async fn code(tx: &mut Tx, query: GetCode) -> Result<ReplyCode> {
    let caller = tx.person()?;
    let round = store::round::load(tx, query.round).await?.ok_or(Error::NotFound("round"))?;
    let (standing, _) = standing_in(tx, round.scope).await?;
    let standing = standing.with("asked", store::respondent::was_asked(tx, round.id, caller).await?);
    tx.require_open(Action::GetReplyCode, Subject::of("round", round.id), &standing)?;
    round.still_open()?;
    Ok(query.secret.code_of(tx.tenant(), caller))
}

/// Answers a round, as nobody in particular.
#[derive(Clone)]
pub struct Answer {
    pub code: ReplyCode,
    pub items: Items,
    pub id: AnswerId,
}

/// Spends the code and takes the answer in, both or neither. An answer that fits nothing is refused before the code is
/// looked at: a code must not tell whether it has been used. Nothing is kept that joins the two, and nothing is
/// audited, as an audit row would tell when.
pub async fn answer(tx: &mut Tx, command: Answer) -> Result<()> {
    Instrument::some_takes(&command.items)?;
    let spent = store::reply_code::spend(tx, &command.code).await?;
    let round_id = spent.ok_or(Refused::ReplyCodeNotValid)?;
    let round = store::round::load(tx, round_id).await?.ok_or(Refused::ReplyCodeNotValid)?;
    round.accept(&command.items)?;
    store::answer::insert(tx, round.id, command.id, &command.items).await
}

/// Closes a round and puts its unused codes out of use. One that is closed already stays as it is.
pub async fn close(tx: &mut Tx, id: RoundId) -> Result<Round> {
    let mut round = store::round::load_for_update(tx, id).await?.ok_or(Error::NotFound("round"))?;
    let (standing, about) = standing_in(tx, round.scope).await?;
    let subject = Subject { kind: "round", id: id.into(), ..about };
    tx.require(Action::CloseRound, subject, &standing)?;
    if round.close(tx.now()) == Outcome::Changed {
        store::round::save_closed(tx, &round).await?;
        store::reply_code::remove_unused(tx, round.id).await?;
        store::answer::forget_order(tx, round.id).await?;
        events::tell(tx, &round);
    }
    Ok(round)
}

/// What those whom a round is about may see of it.
#[derive(Clone, Debug)]
pub struct RoundResult {
    pub round: Round,
    pub figure: Figure,
    pub copyright_notice: String,
}

/// Answers the result of a closed round. Threshold and notice are those of the day on which it was closed, so that the
/// result never changes.
pub async fn result(tx: &mut Tx, id: RoundId) -> Result<RoundResult> {
    let round = store::round::load(tx, id).await?.ok_or(Error::NotFound("round"))?;
    let (standing, about) = standing_in(tx, round.scope).await?;
    let subject = Subject { kind: "round", id: id.into(), ..about };
    tx.require(Action::GetRoundResult, subject, &standing)?;
    let day = round.result_day(tx.place()?.zone)?;
    let threshold = store::parameter::threshold_inside_circle(tx, day).await?;
    let copyright_notice = store::parameter::copyright_notice(tx, round.instrument, day).await?;
    let answers = store::answer::of_round(tx, id).await?;
    let figure = round.result(&answers, threshold)?;
    Ok(RoundResult { round, figure, copyright_notice })
}

/// Lists rounds.
#[derive(Clone, Debug)]
pub struct List {
    pub scope: Scope,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists the rounds of a Circle or a Team, newest first, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Round>, String)> {
    let (standing, subject) = standing_in(tx, query.scope).await?;
    tx.require(Action::ListRounds, subject, &standing)?;
    let mut rounds = store::round::list(tx, query.scope, &query.page).await?;
    let next = query.page.cut(&mut rounds, |round| (round.opened_at, round.id.0));
    Ok((rounds, next))
}

/// The caller's standing towards those whom a round is about, and who they are: a Circle, or a Team and its Owner. None
/// towards a Circle or Team that is not known.
async fn standing_in(tx: &mut Tx, scope: Scope) -> Result<(Standing, Subject)> {
    let (person, today) = (tx.person()?, tx.today()?);
    let standing = Standing::new();
    match scope {
        Scope::Circle(circle) => {
            let known = store::circle::load(tx, circle).await?;
            let standing = standing.with("circle_member", known.has_member(person, today));
            Ok((standing, Subject::of("circle", circle)))
        }
        Scope::Team(id) => {
            let Some(team) = store::team::load(tx, id).await? else {
                return Ok((standing, Subject::of("team", id)));
            };
            let standing =
                standing.with("owner", team.owner == person).with("member", team.has_member(person, today));
            Ok((standing, Subject::about("team", id, team.owner)))
        }
    }
}

/// Who belongs today to those whom a round is about.
async fn people_in(tx: &mut Tx, scope: Scope) -> Result<BTreeSet<PersonId>> {
    let today = tx.today()?;
    match scope {
        Scope::Circle(circle) => Ok(store::circle::load(tx, circle).await?.people(today)),
        Scope::Team(team) => {
            let team = store::team::load(tx, team).await?.ok_or(Error::NotFound("team"))?;
            Ok(team.people(today))
        }
    }
}
