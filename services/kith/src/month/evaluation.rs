//! Wellbeing rounds: opened by somebody it concerns, answered by those who belong, each with the code that they fetch
//! themselves and then as nobody in particular, and closed.

use std::collections::HashMap;

use anyhow::{Context, Result};
use kith_proto::evaluation::v1::list_rounds_request::Scope as ListScope;
use kith_proto::evaluation::v1::open_round_request::Scope as OpenScope;
use kith_proto::evaluation::v1::{
    AnswerRoundRequest, CloseRoundRequest, GetReplyCodeRequest, Instrument, ItemAnswer, ListRoundsRequest,
    OpenRoundRequest, RoundState,
};

use tonic::Code;

use super::progress::{Count, for_each};
use super::scenario::{Round, Scope};
use super::world::World;
use crate::client::{Hub, Session};

/// With this reason a code is refused that was used before: by an attempt whose answer was lost, or an earlier run.
const CODE_IS_SPENT: &str = "REPLY_CODE_NOT_VALID";
/// With this reason no code is answered any more.
const ROUND_IS_CLOSED: &str = "ROUND_CLOSED";
/// How often a round is begun anew where somebody was not asked in the last.
const MOST_ATTEMPTS: u32 = 20;

/// Who speaks for a round's circle or team.
pub fn opener<'a>(world: &'a World, scope: &Scope) -> &'a Session {
    match scope {
        Scope::Circle => &world.people.finance.session,
        Scope::Team(team) => &world.owner(team).session,
    }
}

/// Brings in all rounds.
pub async fn bring_in_rounds(world: &World, hub: &Hub) -> Result<()> {
    let count = Count::new("wellbeing rounds", world.scenario.rounds.len());
    for_each(&world.scenario.rounds, async |round| {
        count.add(bring_in(world, hub, round).await.with_context(|| format!("round {}", round.scope.key()))?);
        Ok(())
    })
    .await?;
    count.end();
    Ok(())
}

/// The round that holds this scenario's answers: the first attempt that was closed, with everything in it. One that was
/// left half answered stays open and is never counted.
pub async fn round_id(world: &World, scope: &Scope) -> Result<Option<String>> {
    let states = states(world, scope).await?;
    let ids = (0..MOST_ATTEMPTS).map(|attempt| attempt_id(world, scope, attempt));
    Ok(ids.into_iter().find(|id| states.get(id) == Some(&RoundState::Closed)))
}

fn attempt_id(world: &World, scope: &Scope, attempt: u32) -> String {
    let about = match scope {
        Scope::Circle => world.circle_id(),
        Scope::Team(team) => world.team_id(team),
    };
    world.plan.months_id("round", &[&about, &attempt.to_string()])
}

async fn bring_in(world: &World, hub: &Hub, round: &Round) -> Result<bool> {
    if round_id(world, &round.scope).await?.is_some() {
        return Ok(false);
    }
    let opener = opener(world, &round.scope);
    let scope = match &round.scope {
        Scope::Circle => OpenScope::CircleId(world.circle_id()),
        Scope::Team(team) => OpenScope::TeamId(world.team_id(team)),
    };
    for attempt in 0..MOST_ATTEMPTS {
        let id = attempt_id(world, &round.scope, attempt);
        let request = OpenRoundRequest {
            request_id: String::new(),
            id: id.clone(),
            instrument: Instrument::Swemwbs.into(),
            scope: Some(scope.clone()),
        };
        opener.call(request).await?;
        if !answer_all(world, hub, round, &id).await? {
            continue;
        }
        opener.call(CloseRoundRequest { request_id: String::new(), round_id: id }).await?;
        return Ok(true);
    }
    anyhow::bail!("{MOST_ATTEMPTS} rounds were begun and not finished")
}

/// Lets everybody who answered fetch their code and answer with it; says whether all of them were asked in this round. The
/// same person gives the same answer in every run, so that a run that goes on gives none twice.
async fn answer_all(world: &World, hub: &Hub, round: &Round, round_id: &str) -> Result<bool> {
    for (response, person) in round.responses.iter().zip(world.respondents(&round.scope)) {
        match person.session.call(GetReplyCodeRequest { round_id: round_id.to_owned() }).await {
            Ok(answered) => answer(hub, response, answered.reply_code).await?,
            // Opened by a run that was cut short, before this person belonged.
            Err(refused) if refused.code() == Code::PermissionDenied => return Ok(false),
            // By another run, with everything in it.
            Err(refused) if refused.is_because(ROUND_IS_CLOSED) => return Ok(true),
            Err(refused) => return Err(refused.into()),
        }
    }
    Ok(true)
}

async fn answer(hub: &Hub, response: &[Option<i32>; 7], reply_code: String) -> Result<()> {
    let answers = response.iter().map(|value| ItemAnswer { value: *value }).collect();
    match hub.call_unnamed("a respondent", AnswerRoundRequest { reply_code, answers }).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_because(CODE_IS_SPENT) => Ok(()),
        Err(refused) => Err(refused.into()),
    }
}

async fn states(world: &World, scope: &Scope) -> Result<HashMap<String, RoundState>> {
    let mut found = HashMap::new();
    let mut page_token = String::new();
    loop {
        let list_scope = match scope {
            Scope::Circle => ListScope::CircleId(world.circle_id()),
            Scope::Team(team) => ListScope::TeamId(world.team_id(team)),
        };
        let request = ListRoundsRequest { scope: Some(list_scope), page_size: 200, page_token };
        let page = opener(world, scope).call(request).await?;
        found.extend(page.rounds.into_iter().map(|round| (round.id.clone(), round.state())));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}
