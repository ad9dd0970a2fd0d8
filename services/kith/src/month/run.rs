//! The steps of a run in their order. Each looks at what is there before it does anything.

use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{Duration, NaiveDate};
use kith_platform::clock::Clock;
use kith_platform::local;
use kith_proto::appointments::v1::VisitState;
use tonic::Code;

use super::accounts::{self, Accounts};
use super::figures::{self, Account};
use super::identity::{self, Host};
use super::plan::{Plan, TrialNeeded, belonging, instant};
use super::progress::{Count, for_each, say};
use super::scenario::{Scenario, Team};
use super::world::World;
use super::{Args, appointments, backlog, evaluation, finance, governance, matching, teams};
use crate::client::{Hub, Journal, Refused};

/// Takes a scenario in and returns it with what it came to.
pub async fn run(scenario: Scenario, args: &Args) -> Result<(Scenario, Account)> {
    let today = today(&scenario);
    let journal = args.journal.as_deref().map(Journal::open).transpose()?;
    let hub = Arc::new(Hub::new(&args.addresses)?.with_journal(journal));
    let accounts = Accounts::new(Arc::clone(&hub), &scenario.tenant, accounts::seed(&args.password_seed)?);
    let plan = Plan::new(&scenario);
    let host = Host { operator_email: &args.operator_email, code_file: &args.host_code_file };
    let (people, was_there) = identity::bring_in(&hub, &scenario, &plan, &accounts, &host).await?;
    let world = World { scenario, plan, people };
    if was_there {
        // Another run may have been cut short; what it caused is not known here, so it is waited for.
        backlog::wait_until_empty(&world.people.administrator).await?;
    }
    let mut taken_in = take_in(&world, &hub, today).await;
    if taken_in.as_ref().is_err_and(may_be_early) {
        say("a step was refused, perhaps because another run is at work; going on once nothing is under way");
        backlog::wait_until_empty(&world.people.administrator).await?;
        taken_in = take_in(&world, &hub, today).await;
    }
    taken_in?;
    backlog::wait_until_empty(&world.people.administrator).await?;
    say("nothing is under way any more");
    let account = figures::gather(&world).await.context("reading the figures")?;
    Ok((world.scenario, account))
}

/// Whether a step was refused for want of something that another run may just have made.
fn may_be_early(error: &anyhow::Error) -> bool {
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<Refused>());
    refused.is_some_and(|refused| {
        matches!(refused.code(), Code::NotFound | Code::FailedPrecondition | Code::PermissionDenied)
    })
}

/// The steps from the circle to the documents.
async fn take_in(world: &World, hub: &Hub, today: NaiveDate) -> Result<()> {
    governance::bring_in(world, today).await.context("the circle")?;
    finance::bring_in_rules(world).await.context("contribution rules")?;
    matching::bring_in_givers(world).await?;
    teams::bring_in(world).await?;
    finance::bring_in_funding(world).await.context("funding")?;
    appointments::bring_in_series(world).await?;
    appointments::bring_in_visits(world).await?;
    appointments::agree_visits(world).await?;
    conclude_trials(world).await?;
    // Whoever belongs is asked, and what is agreed is settled: nothing of either is under way any more.
    backlog::wait_until_empty(&world.people.administrator).await?;
    evaluation::bring_in_rounds(world, hub).await?;
    finance::issue_documents(world).await?;
    Ok(())
}

/// The day it is on the circle's wall clock.
pub fn today(scenario: &Scenario) -> NaiveDate {
    local::wall_clock(Clock::System.now(), scenario.zone).date()
}

/// After the last session both sides say yes, and the giver joins the team.
async fn conclude_trials(world: &World) -> Result<()> {
    let needed: Vec<_> =
        world.scenario.teams.iter().map(|team| (team, belonging(&world.scenario, &team.id).trials)).collect();
    let count = Count::new("trials concluded", needed.iter().map(|(_, trials)| trials.len()).sum());
    for_each(&needed, async |(team, trials)| {
        for trial in trials {
            let concluded = conclude(world, team, trial).await;
            count.add(concluded.with_context(|| format!("trial of {} with team {}", trial.giver, team.id))?);
        }
        Ok(())
    })
    .await?;
    count.end();
    Ok(())
}

async fn conclude(world: &World, team: &Team, trial: &TrialNeeded) -> Result<bool> {
    let giver_id = &world.giver(&trial.giver).id;
    let visits = appointments::visits(world, team).await?;
    let sessions = visits
        .values()
        .filter(|visit| visit.giver_person_id == *giver_id && visit.state() == VisitState::Agreed)
        .filter_map(|visit| instant(visit.agreed_end_time));
    // Without a session that took place there is nothing to conclude: the trial stays agreed.
    let Some(last) = sessions.max() else { return Ok(false) };
    if teams::is_member_already(world, team, trial).await? {
        return Ok(false);
    }
    let over_at = last + Duration::minutes(30);
    let concluded = matching::conclude_trial(world, team, trial, over_at).await?;
    if let Some(joined) = teams::join_after_trial(world, team, trial, over_at).await? {
        return Ok(concluded || joined);
    }
    // Another run concluded it, and what that caused is under way.
    backlog::wait_until_empty(&world.people.administrator).await?;
    let joined = teams::join_after_trial(world, team, trial, over_at).await?;
    joined.with_context(|| format!("team {} has not asked {} to join after the trial", team.id, trial.giver))
}
