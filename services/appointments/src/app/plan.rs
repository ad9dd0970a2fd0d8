//! Turning what was agreed into visits, and looking at what a rule means.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::PersonId;
use kith_platform::local::wall_clock;
use kith_platform::people;

use super::series::allowed;
use super::{accept, accept_plan, acting_day, moment};
use crate::domain::fitness::Fitness;
use crate::domain::pattern::{Occurrence, Pattern, Window};
use crate::domain::rule::Rule;
use crate::domain::visit::Visit;
use crate::domain::{SeriesId, TeamId, VisitKind};
use crate::events::{self, VisitFact};
use crate::policy::Action;
use crate::store;

/// Plans visits.
#[derive(Clone, Debug)]
pub struct Plan {
    pub series: SeriesId,
    pub window: Option<Window>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Turns the occurrences within a window into visits and books giver and Owner; answers all visits of the window. What
/// is there already stays as it is.
pub async fn plan(tx: &mut Tx, command: Plan) -> Result<Vec<Visit>> {
    let moment = moment(tx, command.occurred_at)?;
    let day = acting_day(tx, moment)?;
    // The lock on the series lets those who plan it take turns.
    let series = store::series::load_for_update(tx, command.series).await?;
    let (series, team, _) = allowed(tx, series, day, Action::PlanVisits).await?;
    series.check_agreed()?;
    let occurrences = series.pattern.occurrences(command.window)?;
    let mut visits = store::visit::of_series(tx, series.id, series.pattern.days(command.window)).await?;
    let planned: HashSet<NaiveDateTime> = visits.iter().map(|visit| visit.occurrence_local).collect();
    let missing: Vec<Occurrence> =
        occurrences.into_iter().filter(|occurrence| !planned.contains(&occurrence.starts_local)).collect();
    if missing.is_empty() {
        return Ok(visits);
    }
    accept(tx, moment)?;
    let mut fitness = fitness(tx, team.id, series.giver, series.kind).await?;
    let mut new = Vec::with_capacity(missing.len());
    for occurrence in missing {
        accept_plan(tx, occurrence.period)?;
        fitness.admit(&team, series.kind, occurrence.starts_local)?;
        let starts_local = occurrence.starts_local;
        new.push(Visit::planned(tx.new_id(), &series, starts_local, occurrence.period, moment.preparing));
    }
    store::visit::insert(tx, &new).await?;
    store::booking::place(tx, &new, team.owner).await?;
    for visit in &new {
        events::tell_visit(tx, visit, &team, VisitFact::Planned);
    }
    visits.extend(new);
    visits.sort_by_key(|visit| visit.occurrence_local);
    Ok(visits)
}

/// Loads what is known of a giver towards a Team.
pub async fn fitness(tx: &mut Tx, team: TeamId, giver: PersonId, kind: VisitKind) -> Result<Fitness> {
    let left_at = people::left_at(tx, giver).await?;
    let zone = tx.place()?.zone;
    let mut fitness = Fitness {
        giver: store::giver::load(tx, giver).await?,
        introductions: Vec::new(),
        sessions: Vec::new(),
        left_on: left_at.map(|left_at| wall_clock(left_at, zone).date()),
    };
    if kind == VisitKind::Trial {
        fitness.introductions = store::introduction::between(tx, team, giver).await?;
        let sessions = store::introduction::sessions(tx, team, giver).await?;
        for introduction in &fitness.introductions {
            fitness.sessions.push(sessions.get(&introduction.id).copied().unwrap_or_default());
        }
    }
    Ok(fitness)
}

/// Looks at what a rule means.
#[derive(Clone, Debug)]
pub struct Preview {
    pub starts_local: NaiveDateTime,
    pub wall_minutes: i32,
    pub rule: Option<Rule>,
    pub window: Option<Window>,
}

/// Shows the occurrences of a rule on the tenant's wall clock, without storing anything.
pub async fn preview(tx: &mut Tx, command: Preview) -> Result<Vec<Occurrence>> {
    let person = tx.person()?;
    let standing = Standing::new().with("anyone", true);
    tx.require(Action::PreviewSeries, Subject::of("rule", person), &standing)?;
    let pattern = Pattern::new(command.starts_local, command.wall_minutes, command.rule, tx.place()?.zone)?;
    Ok(pattern.occurrences(command.window)?)
}
