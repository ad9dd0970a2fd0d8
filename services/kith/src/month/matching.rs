//! Givers with their readiness and terms, and trials from the first interest to both sides' yes.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use kith_proto::common::v1::Money;
use kith_proto::matching::v1::{
    AgreeTrialRequest, ConcludeTrialRequest, GetGiverRequest, Giver, GiverStatus, Introduction,
    IntroductionState, ListIntroductionsRequest, OpenOpportunityRequest, Readiness, RecordReadinessRequest,
    RegisterGiverRequest, SetTermsRequest, ShowInterestRequest, Terms, Trial, UnpaidIntent,
};
use tonic::Code;

use super::consent;
use super::plan::{TrialNeeded, rule_name, timestamp};
use super::progress::{Count, for_each};
use super::scenario::{self, GiverTerms, Team};
use super::world::World;

/// Registers every giver, has their readiness recorded, and states their terms for the month.
pub async fn bring_in_givers(world: &World) -> Result<()> {
    let count = Count::new("givers with terms", world.scenario.givers.len());
    for_each(&world.scenario.givers, async |giver| {
        count.add(bring_in_giver(world, giver).await.with_context(|| giver.name.clone())?);
        Ok(())
    })
    .await?;
    count.end();
    Ok(())
}

async fn bring_in_giver(world: &World, giver: &scenario::Giver) -> Result<bool> {
    let mut is_new = false;
    let person = world.giver(&giver.id);
    let known = match person.session.call(GetGiverRequest { person_id: person.id.clone() }).await {
        Ok(answer) => answer.giver.context("the giver is missing in the answer")?,
        Err(refused) if refused.code() == Code::NotFound => {
            is_new = true;
            let request = RegisterGiverRequest {
                request_id: String::new(),
                status: giver.status.into(),
                outward_code: giver.outward_code.clone(),
                occurred_at: Some(world.plan.begun_after(0)),
            };
            let answer = person.session.call(request).await?;
            answer.giver.context("the giver is missing in the answer")?
        }
        Err(refused) => return Err(refused.into()),
    };
    if known.status() != giver.status {
        bail!(
            "is known as {}, and the scenario says {}",
            known.status().as_str_name(),
            giver.status.as_str_name()
        );
    }
    // Days are written so that they compare as text.
    let (first_day, _) = world.window();
    let is_ready = known
        .readiness
        .as_ref()
        .is_some_and(|readiness| readiness.ready && readiness.valid_from <= first_day);
    if !is_ready {
        is_new = true;
        let valid_from = world.plan.long_before().to_string();
        let readiness = Readiness { ready: true, valid_from, valid_until: String::new() };
        let request = RecordReadinessRequest {
            request_id: String::new(),
            person_id: person.id.clone(),
            readiness: Some(readiness),
            occurred_at: Some(world.plan.begun_after(5)),
        };
        world.people.checks.session.call(request).await?;
    }
    Ok(state_terms(world, giver, &known).await? || is_new)
}

async fn state_terms(world: &World, giver: &scenario::Giver, known: &Giver) -> Result<bool> {
    let id = world.plan.months_id("terms", &[&world.giver(&giver.id).id]);
    let (valid_from, _) = world.window();
    let terms = match giver.terms {
        GiverTerms::Paid { rate_pence, contribution } => Terms {
            id,
            valid_from,
            circle_id: world.circle_id(),
            contribution_rule: rule_name(contribution),
            hourly_rate: Some(Money { minor_units: rate_pence, currency: "GBP".to_owned() }),
            unpaid_intent: UnpaidIntent::Unspecified.into(),
        },
        GiverTerms::Unpaid(intent) => {
            Terms { id, valid_from, unpaid_intent: intent.into(), ..Terms::default() }
        }
    };
    if known.terms.contains(&terms) {
        return Ok(false);
    }
    let request = SetTermsRequest {
        request_id: String::new(),
        terms: Some(terms),
        occurred_at: Some(world.plan.begun_after(10)),
    };
    world.giver(&giver.id).session.call(request).await?;
    Ok(true)
}

/// Brings a team and a giver to an agreed trial; says whether that was to be done.
pub async fn agree_trial(world: &World, team: &Team, trial: &TrialNeeded) -> Result<bool> {
    let (owner, giver) = (world.owner(&team.id), world.giver(&trial.giver));
    let opportunity_id = opportunity_id(world, team, trial);
    let known = introduction(world, team, trial).await?;
    let known = match known {
        Some(known) if known.state() != IntroductionState::Interested => known,
        _ => {
            let request = OpenOpportunityRequest {
                request_id: String::new(),
                id: opportunity_id.clone(),
                team_id: world.team_id(&team.id),
                outward_code: team.outward_code.clone(),
                radius_km: 25,
                paid: is_paid_worker(world.scenario.giver(&trial.giver)),
                occurred_at: Some(world.plan.begun_after(30)),
            };
            owner.session.call(request).await?;
            consent::show_what_is_sought(world, owner).await?;
            consent::be_open_to_meeting(world, giver).await?;
            let by_giver = ShowInterestRequest {
                request_id: String::new(),
                opportunity_id: opportunity_id.clone(),
                giver_person_id: String::new(),
                occurred_at: Some(world.plan.begun_after(35)),
            };
            giver.session.call(by_giver).await?;
            let by_owner = ShowInterestRequest {
                request_id: String::new(),
                opportunity_id,
                giver_person_id: giver.id.clone(),
                occurred_at: Some(world.plan.begun_after(40)),
            };
            let answer = owner.session.call(by_owner).await?;
            answer.introduction.context("the introduction is missing in the answer")?
        }
    };
    match known.state() {
        IntroductionState::Mutual => {}
        IntroductionState::TrialAgreed | IntroductionState::Welcome => return Ok(false),
        other => bail!("the introduction of {} to {} is {}", trial.giver, team.id, other.as_str_name()),
    }
    let agreed = Trial {
        sessions: trial.sessions,
        valid_from: trial.valid_from.to_string(),
        valid_until: trial.valid_until.to_string(),
    };
    for (person, minutes) in [(giver, 45), (owner, 50)] {
        let request = AgreeTrialRequest {
            request_id: String::new(),
            introduction_id: known.id.clone(),
            trial: Some(agreed.clone()),
            occurred_at: Some(world.plan.begun_after(minutes)),
        };
        person.session.call(request).await?;
    }
    Ok(true)
}

/// Both sides say yes after the last session; says whether that was to be done.
pub async fn conclude_trial(
    world: &World,
    team: &Team,
    trial: &TrialNeeded,
    over_at: DateTime<Utc>,
) -> Result<bool> {
    let known = introduction(world, team, trial).await?.context("there is no introduction for the trial")?;
    match known.state() {
        IntroductionState::TrialAgreed => {}
        IntroductionState::Welcome => return Ok(false),
        other => bail!("the introduction of {} to {} is {}", trial.giver, team.id, other.as_str_name()),
    }
    for person in [world.giver(&trial.giver), world.owner(&team.id)] {
        let request = ConcludeTrialRequest {
            request_id: String::new(),
            introduction_id: known.id.clone(),
            yes: true,
            occurred_at: Some(timestamp(over_at)),
        };
        person.session.call(request).await?;
    }
    Ok(true)
}

fn opportunity_id(world: &World, team: &Team, trial: &TrialNeeded) -> String {
    world.plan.months_id("opportunity", &[&world.team_id(&team.id), &world.giver(&trial.giver).id])
}

/// The introduction behind a trial, as the Owner sees it.
async fn introduction(world: &World, team: &Team, trial: &TrialNeeded) -> Result<Option<Introduction>> {
    let opportunity_id = opportunity_id(world, team, trial);
    let giver_id = &world.giver(&trial.giver).id;
    let mut page_token = String::new();
    loop {
        let request = ListIntroductionsRequest { page_size: 200, page_token };
        let page = world.owner(&team.id).session.call(request).await?;
        let found = page
            .introductions
            .into_iter()
            .find(|known| known.opportunity_id == opportunity_id && known.giver_person_id == *giver_id);
        if found.is_some() || page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// Whether somebody is shown paid opportunities: paid, and a worker. A paid friend is found as a friend.
fn is_paid_worker(giver: &scenario::Giver) -> bool {
    giver.is_paid() && matches!(giver.status, GiverStatus::Independent | GiverStatus::Employed)
}
