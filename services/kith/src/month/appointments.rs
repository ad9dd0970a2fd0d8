//! Series by agreement of both sides, the month's visits with their changes, and what the teams agree happened.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use chrono::NaiveDateTime;
use kith_platform::local::LOCAL_FORMAT;
use kith_proto::appointments::v1::{
    AgreeVisitRequest, AnswerSeriesRequest, ListSeriesRequest, ListVisitsRequest, PlanVisitsRequest,
    ProposeSeriesRequest, SeriesState, Visit, VisitState,
};
use tokio::sync::Mutex;

use super::changes;
use super::progress::{Count, for_each, say};
use super::scenario::{Change, Series, Team};
use super::world::World;
use crate::client::Refused;

/// The reason with which a plan is refused while giver or Owner are booked elsewhere.
const CLASH: &str = "DOUBLE_BOOKING";

/// A team's visits of the month, by series id and first planned start.
pub type Visits = HashMap<(String, String), Visit>;

/// Brings in every series of the month, proposed by the Owner and accepted by the giver.
pub async fn bring_in_series(world: &World) -> Result<()> {
    let count = Count::new("series agreed", with_visits(world).count());
    for_each(&world.scenario.teams, async |team| {
        let known = series_states(world, team).await?;
        for series in with_visits(world).filter(|series| series.team == team.id) {
            let agreed = agree_series(world, series, &known).await;
            count.add(agreed.with_context(|| format!("series {}", series.id))?);
        }
        Ok(())
    })
    .await?;
    count.end();
    Ok(())
}

/// Series without an occurrence in the month have no part in it.
fn with_visits(world: &World) -> impl Iterator<Item = &Series> {
    world.scenario.series.iter().filter(|series| !series.occurrences.is_empty())
}

async fn series_states(world: &World, team: &Team) -> Result<HashMap<String, SeriesState>> {
    let mut found = HashMap::new();
    let mut page_token = String::new();
    loop {
        let request = ListSeriesRequest { team_id: world.team_id(&team.id), page_size: 200, page_token };
        let page = world.owner(&team.id).session.call(request).await?;
        for series in page.series {
            found.insert(series.id.clone(), series.state());
        }
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

async fn agree_series(world: &World, series: &Series, known: &HashMap<String, SeriesState>) -> Result<bool> {
    let id = world.series_id(series);
    match known.get(&id) {
        Some(SeriesState::Agreed) => return Ok(false),
        Some(SeriesState::Declined) => bail!("the giver has said no to it"),
        Some(_) => {}
        None => {
            let request = ProposeSeriesRequest {
                request_id: String::new(),
                id: id.clone(),
                team_id: world.team_id(&series.team),
                giver_person_id: world.giver(&series.giver).id.clone(),
                kind: series.kind.into(),
                starts_local: written(series.starts),
                wall_minutes: series.wall_minutes,
                rrule: series.rrule.clone(),
                occurred_at: Some(world.plan.begun_after(60)),
            };
            world.owner(&series.team).session.call(request).await?;
        }
    }
    let request = AnswerSeriesRequest {
        request_id: String::new(),
        series_id: id,
        accept: true,
        occurred_at: Some(world.plan.begun_after(65)),
    };
    world.giver(&series.giver).session.call(request).await?;
    Ok(true)
}

/// Something that a clash with another plan may hold up for a while.
#[derive(Clone, Copy)]
enum Job<'a> {
    Plan(&'a Series),
    Change(&'a Series, &'a Change),
}

/// Plans the month's visits and applies what changed, each change in its own time. What clashes with another plan waits
/// until that one has made room; where nothing makes room any more, that is an error.
pub async fn bring_in_visits(world: &World) -> Result<()> {
    let occurrences = world.scenario.series.iter().map(|series| series.occurrences.len()).sum();
    let planned = Count::new("visits planned", occurrences);
    let changed = Count::new("changes", world.scenario.changes.len());
    let mut waiting: Vec<Job<'_>> = with_visits(world).map(Job::Plan).collect();
    waiting.extend(
        world
            .scenario
            .changes
            .iter()
            .map(|change| Job::Change(world.scenario.series(&change.series), change)),
    );
    loop {
        let held_up = Mutex::new(Vec::new());
        for_each(&world.scenario.teams, async |team| {
            let jobs = waiting.iter().copied().filter(|job| job.series().team == team.id);
            for (job, refused) in attempt(world, team, jobs.collect(), &planned, &changed).await? {
                held_up.lock().await.push((job, refused));
            }
            Ok(())
        })
        .await?;
        let held_up = held_up.into_inner();
        if held_up.is_empty() {
            break;
        }
        if held_up.len() == waiting.len() {
            let reasons: Vec<String> =
                held_up.iter().map(|(job, refused)| format!("{}: {refused}", job.place())).collect();
            bail!("these plans leave no room for one another:\n{}", reasons.join("\n"));
        }
        say(&format!("{} plans wait for others to make room", held_up.len()));
        waiting = held_up.into_iter().map(|(job, _)| job).collect();
    }
    planned.end();
    changed.end();
    Ok(())
}

impl<'a> Job<'a> {
    fn series(self) -> &'a Series {
        match self {
            Self::Plan(series) | Self::Change(series, _) => series,
        }
    }

    fn place(self) -> String {
        match self {
            Self::Plan(series) => format!("series {}", series.id),
            Self::Change(series, change) => format!("series {} on {}", series.id, written(change.occurrence)),
        }
    }
}

/// Does what can be done for a team now, and returns what clashed.
async fn attempt<'a>(
    world: &World,
    team: &Team,
    jobs: Vec<Job<'a>>,
    planned: &Count,
    changed: &Count,
) -> Result<Vec<(Job<'a>, Refused)>> {
    let mut clashes = Vec::new();
    let mut visits = visits(world, team).await?;
    let mut due = Vec::new();
    for job in jobs {
        let Job::Plan(series) = job else {
            due.push(job);
            continue;
        };
        match plan(world, series, &mut visits).await {
            Ok(new) => {
                for index in 0..series.occurrences.len() {
                    planned.add(index < new);
                }
            }
            Err(error) => clashes.push((job, clash(error).with_context(|| job.place())?)),
        }
    }
    let mut changes = Vec::new();
    for job in due {
        let Job::Change(series, change) = job else { continue };
        // A visit that is not planned waits with its series.
        if let Some(visit) = visits.get(&key(world, series, change.occurrence)) {
            changes.push((changes::own_time(world, change, visit), job, series, change, visit));
        } else if let Some((_, refused)) =
            clashes.iter().find(|(held_up, _)| held_up.series().id == series.id)
        {
            let again = refused.clone();
            clashes.push((job, again));
        } else {
            bail!("{}: there is no such visit", job.place());
        }
    }
    changes.sort_by_key(|(at, ..)| *at);
    for (at, job, series, change, visit) in changes {
        match changes::apply(world, team, series, change, visit, at).await {
            Ok(is_new) => changed.add(is_new),
            Err(error) => clashes.push((job, clash(error).with_context(|| job.place())?)),
        }
    }
    Ok(clashes)
}

/// The refusal, where it is one that another plan may end.
fn clash(error: anyhow::Error) -> Result<Refused> {
    let refused: Refused = error.downcast()?;
    if refused.is_because(CLASH) { Ok(refused) } else { Err(refused.into()) }
}

fn key(world: &World, series: &Series, occurrence: NaiveDateTime) -> (String, String) {
    (world.series_id(series), written(occurrence))
}

/// Plans a series' visits of the month where one is missing; returns how many are new.
async fn plan(world: &World, series: &Series, visits: &mut Visits) -> Result<usize> {
    let missing = |visits: &Visits| {
        series.occurrences.iter().filter(|start| !visits.contains_key(&key(world, series, **start))).count()
    };
    let new = missing(visits);
    if new == 0 {
        return Ok(0);
    }
    let (from_date, until_date) = world.window();
    let request = PlanVisitsRequest {
        request_id: String::new(),
        series_id: world.series_id(series),
        from_date,
        until_date,
        occurred_at: Some(world.plan.begun_after(70)),
    };
    let answer = world.owner(&series.team).session.call(request).await?;
    if answer.visits.len() != series.occurrences.len() {
        bail!(
            "the rule gives {} visits in {} by the scenario and {} by the service",
            series.occurrences.len(),
            world.scenario.month,
            answer.visits.len()
        );
    }
    for visit in answer.visits {
        visits.entry((visit.series_id.clone(), visit.occurrence_local.clone())).or_insert(visit);
    }
    if missing(visits) > 0 {
        bail!("the service plans other visits than the scenario names");
    }
    Ok(new)
}

/// All visits of a team in the month, as its Owner sees them.
pub async fn visits(world: &World, team: &Team) -> Result<Visits> {
    let mut found = HashMap::new();
    let mut page_token = String::new();
    loop {
        let (from_date, until_date) = world.window();
        let request = ListVisitsRequest {
            team_id: world.team_id(&team.id),
            from_date,
            until_date,
            states: Vec::new(),
            page_size: 200,
            page_token,
        };
        let page = world.owner(&team.id).session.call(request).await?;
        for visit in page.visits {
            found.insert((visit.series_id.clone(), visit.occurrence_local.clone()), visit);
        }
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// Every visit that is still planned took place: the Owner agrees it, at its end.
pub async fn agree_visits(world: &World) -> Result<()> {
    let mut by_team = Vec::new();
    for team in &world.scenario.teams {
        by_team.push((team, visits(world, team).await?));
    }
    let ours = |visit: &&Visit| with_visits(world).any(|series| world.series_id(series) == visit.series_id);
    let happened = |visit: &&Visit| matches!(visit.state(), VisitState::Planned | VisitState::Agreed);
    let total = by_team.iter().map(|(_, visits)| visits.values().filter(ours).filter(happened).count()).sum();
    let count = Count::new("visits agreed", total);
    for_each(&by_team, async |(team, visits)| {
        let mut visits: Vec<&Visit> = visits.values().filter(ours).filter(happened).collect();
        visits.sort_by(|one, other| one.occurrence_local.cmp(&other.occurrence_local));
        for visit in visits {
            if visit.state() == VisitState::Agreed {
                count.add(false);
                continue;
            }
            let request = AgreeVisitRequest {
                request_id: String::new(),
                visit_id: visit.id.clone(),
                occurred_at: visit.actual_end_time.or(visit.plan_end_time),
                etag: String::new(),
            };
            let agreed = world.owner(&team.id).session.call(request).await;
            agreed.with_context(|| format!("team {}, visit of {}", team.id, visit.occurrence_local))?;
            count.add(true);
        }
        Ok(())
    })
    .await?;
    count.end();
    Ok(())
}

/// A wall-clock time as the contracts write it.
pub fn written(local: NaiveDateTime) -> String {
    local.format(LOCAL_FORMAT).to_string()
}
