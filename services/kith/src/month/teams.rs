//! Teams: started by their Owner, who signs the Promise and asks each giver, who says yes; trials for those who try out.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use kith_proto::matching::v1::GiverStatus;
use kith_proto::teams::v1::{
    AnswerHatRequest, AnswerInvitationRequest, EndMembershipRequest, GetTeamRequest, Hat, HatState,
    InviteMemberRequest, MemberKind, Membership, MembershipState, ProposeHatRequest, SignPromiseRequest,
    StartTeamRequest, Team,
};
use tonic::Code;

use super::governance::two_years_after;
use super::matching;
use super::plan::{Belonging, TrialNeeded, belonging, timestamp};
use super::progress::{Count, for_each};
use super::scenario::{self, Scope};
use super::world::{Person, World};

/// The version of the Promise that the Owners sign.
const PROMISE: &str = "2026-1";

/// Brings in every team with its Promise, members, Rota Holder and trials.
pub async fn bring_in(world: &World) -> Result<()> {
    let needed: Vec<_> =
        world.scenario.teams.iter().map(|team| (team, belonging(&world.scenario, &team.id))).collect();
    let teams = Count::new("teams with a Promise", needed.len());
    let others = |team: &scenario::Team| world.others(&Scope::Team(team.id.clone())).len();
    let count = needed.iter().map(|(team, needed)| needed.members.len() + others(team)).sum();
    let members = Count::new("members of teams", count);
    let trials = Count::new("trials agreed", needed.iter().map(|(_, needed)| needed.trials.len()).sum());
    for_each(&needed, async |(team, needed)| {
        let brought_in = bring_in_team(world, team, needed, [&teams, &members, &trials]).await;
        brought_in.with_context(|| format!("team {}", team.id))
    })
    .await?;
    teams.end();
    members.end();
    trials.end();
    Ok(())
}

async fn bring_in_team(
    world: &World,
    team: &scenario::Team,
    needed: &Belonging,
    [teams, members, trials]: [&Count; 3],
) -> Result<()> {
    teams.add(start(world, team).await?);
    let known = get(world, team).await?;
    for giver in &needed.members {
        let kind = member_kind(world.scenario.giver(giver).status);
        members.add(welcome(world, team, &known, world.giver(giver), kind).await?);
    }
    for friend in world.others(&Scope::Team(team.id.clone())) {
        members.add(welcome(world, team, &known, friend, MemberKind::FamilyOrFriend).await?);
    }
    hand_over_rota(world, team, &known, needed.members.iter().next()).await?;
    for trial in &needed.trials {
        let is_member = membership(&known, &world.giver(&trial.giver).id)
            .is_some_and(|known| is_member_from(known, &trial.valid_from.to_string()));
        trials.add(!is_member && matching::agree_trial(world, team, trial).await?);
    }
    Ok(())
}

async fn get(world: &World, team: &scenario::Team) -> Result<Team> {
    let answer = world.owner(&team.id).session.call(GetTeamRequest { id: world.team_id(&team.id) }).await?;
    answer.team.context("the team is missing in the answer")
}

/// Starts a team and signs its Promise; says whether that was to be done.
async fn start(world: &World, team: &scenario::Team) -> Result<bool> {
    let owner = &world.owner(&team.id).session;
    let id = world.team_id(&team.id);
    let known = match owner.call(GetTeamRequest { id: id.clone() }).await {
        Ok(answer) => answer.team,
        Err(refused) if refused.code() == Code::NotFound => {
            let request = StartTeamRequest {
                request_id: String::new(),
                id: id.clone(),
                circle_id: world.circle_id(),
                outward_code: team.outward_code.clone(),
                occurred_at: Some(world.plan.begun_after(15)),
            };
            owner.call(request).await?.team
        }
        Err(refused) => return Err(refused.into()),
    };
    // Days are written so that they compare as text.
    let begun_on = world.plan.begun_on().to_string();
    let promise = known.and_then(|known| known.promise);
    if promise.is_some_and(|promise| promise.valid_from <= begun_on) {
        return Ok(false);
    }
    let request = SignPromiseRequest {
        request_id: String::new(),
        team_id: id,
        text_version: PROMISE.to_owned(),
        occurred_at: Some(world.plan.begun_after(20)),
    };
    owner.call(request).await?;
    Ok(true)
}

/// The last place of a person in a team.
fn membership<'a>(team: &'a Team, person_id: &str) -> Option<&'a Membership> {
    team.members.iter().rfind(|membership| membership.person_id == person_id)
}

/// Days are written so that they compare as text.
fn is_member_from(membership: &Membership, day: &str) -> bool {
    membership.state() == MembershipState::Member && membership.valid_from.as_str() <= day
}

/// Makes somebody a member; says whether that was to be done.
async fn welcome(
    world: &World,
    team: &scenario::Team,
    known: &Team,
    person: &Person,
    kind: MemberKind,
) -> Result<bool> {
    let last = membership(known, &person.id);
    let (first_day, _) = world.window();
    let membership_id = match last {
        Some(last) if is_member_from(last, &first_day) => return Ok(false),
        Some(last) if last.state() == MembershipState::Invited => last.id.clone(),
        Some(last) if last.state() == MembershipState::Member => {
            // Somebody who joined in a later month that was brought in before this one.
            let request = EndMembershipRequest {
                request_id: String::new(),
                team_id: known.id.clone(),
                membership_id: last.id.clone(),
                valid_until: last.valid_from.clone(),
                occurred_at: Some(world.plan.begun_after(24)),
            };
            world.owner(&team.id).session.call(request).await?;
            invite(world, team, known, person, kind).await?
        }
        _ => invite(world, team, known, person, kind).await?,
    };
    say_yes(person, &known.id, membership_id, world.plan.begun_at() + chrono::Duration::minutes(28)).await?;
    Ok(true)
}

/// Asks somebody to join; returns the id of the membership.
async fn invite(
    world: &World,
    team: &scenario::Team,
    known: &Team,
    person: &Person,
    kind: MemberKind,
) -> Result<String> {
    let times_before = known.members.iter().filter(|one| one.person_id == person.id).count();
    let id = world.plan.lasting_id("membership", &[&known.id, &person.id, &times_before.to_string()]);
    let request = InviteMemberRequest {
        request_id: String::new(),
        id: id.clone(),
        team_id: known.id.clone(),
        person_id: person.id.clone(),
        kind: kind.into(),
        valid_from: world.plan.long_before().to_string(),
        occurred_at: Some(world.plan.begun_after(25)),
    };
    world.owner(&team.id).session.call(request).await?;
    Ok(id)
}

async fn say_yes(person: &Person, team_id: &str, membership_id: String, at: DateTime<Utc>) -> Result<()> {
    let request = AnswerInvitationRequest {
        request_id: String::new(),
        team_id: team_id.to_owned(),
        membership_id,
        accept: true,
        occurred_at: Some(timestamp(at)),
    };
    person.session.call(request).await?;
    Ok(())
}

fn member_kind(status: GiverStatus) -> MemberKind {
    match status {
        GiverStatus::Independent | GiverStatus::Employed => MemberKind::Worker,
        GiverStatus::Volunteer => MemberKind::Volunteer,
        GiverStatus::PeerSupporter => MemberKind::PeerSupporter,
        GiverStatus::FamilyOrFriend => MemberKind::FamilyOrFriend,
        GiverStatus::Unspecified => MemberKind::Unspecified,
    }
}

/// The first giver keeps the rota, or the Owner where nobody else is in the team. Both consent.
async fn hand_over_rota(
    world: &World,
    team: &scenario::Team,
    known: &Team,
    giver: Option<&String>,
) -> Result<()> {
    let owner = world.owner(&team.id);
    let holder = giver.map_or(owner, |giver| world.giver(giver));
    let (first_day, end) = world.window();
    let runs = known.hats.iter().find(|holding| {
        // Days are written so that they compare as text.
        holding.hat() == Hat::RotaHolder
            && matches!(holding.state(), HatState::Held | HatState::Proposed)
            && holding.valid_from <= first_day
            && holding.valid_until >= end
    });
    let (holding_id, holder_id) = match runs {
        Some(holding) if holding.state() == HatState::Held => return Ok(()),
        Some(holding) => (holding.id.clone(), holding.person_id.clone()),
        None => {
            let valid_from = world.plan.begun_on();
            let id = world.plan.lasting_id("rota", &[&known.id, &holder.id, &valid_from.to_string()]);
            let request = ProposeHatRequest {
                request_id: String::new(),
                id: id.clone(),
                team_id: known.id.clone(),
                hat: Hat::RotaHolder.into(),
                person_id: holder.id.clone(),
                valid_from: valid_from.to_string(),
                valid_until: two_years_after(valid_from).to_string(),
                occurred_at: Some(world.plan.begun_after(29)),
            };
            owner.session.call(request).await?;
            (id, holder.id.clone())
        }
    };
    if holder_id == owner.id {
        return Ok(());
    }
    if holder_id != holder.id {
        bail!("somebody else is asked to keep the rota");
    }
    let request = AnswerHatRequest {
        request_id: String::new(),
        team_id: known.id.clone(),
        holding_id,
        consent: true,
        occurred_at: Some(world.plan.begun_after(29)),
    };
    holder.session.call(request).await?;
    Ok(())
}

/// After both sides' yes the team has asked the giver to join; the giver accepts. Says whether that was to be done, and
/// nothing where the team has not asked.
pub async fn join_after_trial(
    world: &World,
    team: &scenario::Team,
    trial: &TrialNeeded,
    over_at: DateTime<Utc>,
) -> Result<Option<bool>> {
    let known = get(world, team).await?;
    let giver = world.giver(&trial.giver);
    let asked = membership(&known, &giver.id);
    match asked.map(Membership::state) {
        Some(MembershipState::Member) => Ok(Some(false)),
        Some(MembershipState::Invited) => {
            let membership_id = asked.map(|asked| asked.id.clone()).unwrap_or_default();
            say_yes(giver, &known.id, membership_id, over_at).await?;
            Ok(Some(true))
        }
        _ => Ok(None),
    }
}

/// Whether somebody on trial is a member by now.
pub async fn is_member_already(world: &World, team: &scenario::Team, trial: &TrialNeeded) -> Result<bool> {
    let known = get(world, team).await?;
    let giver = world.giver(&trial.giver);
    Ok(membership(&known, &giver.id).is_some_and(|last| last.state() == MembershipState::Member))
}
