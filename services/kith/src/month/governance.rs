//! The circle: founded by the administrator, joined by everybody's own yes, with its hats worn by consent.

use anyhow::{Context, Result};
use chrono::{Datelike, NaiveDate};
use kith_proto::governance::v1::{
    AnswerCircleHatRequest, AnswerCircleInvitationRequest, Circle, CircleHat, CircleMember,
    CreateCircleRequest, GetCircleRequest, InviteCircleMemberRequest, ProposeCircleHatRequest, SeatState,
};
use tonic::Code;

use super::progress::Count;
use super::world::{Person, World};

/// Brings in the circle, its members and its hats; `today` decides which terms of hats still run.
pub async fn bring_in(world: &World, today: NaiveDate) -> Result<()> {
    let circle = circle(world).await?;
    let count = Count::new("members of the circle", world.circle_members().count());
    for person in world.circle_members() {
        count.add(join(world, &circle, person).await?);
    }
    count.end();

    let mut hats = vec![(CircleHat::NumbersPerson, &world.people.finance)];
    if let Some(team) = world.scenario.teams.first() {
        hats.push((CircleHat::Facilitator, world.owner(&team.id)));
    }
    if let Some(giver) = world.scenario.givers.first() {
        hats.push((CircleHat::Secretary, world.giver(&giver.id)));
    }
    let count = Count::new("hats of the circle", hats.len());
    for (hat, person) in hats {
        count.add(put_on(world, &circle, hat, person, today).await?);
    }
    count.end();
    Ok(())
}

async fn circle(world: &World) -> Result<Circle> {
    let administrator = &world.people.administrator;
    let id = world.circle_id();
    match administrator.call(GetCircleRequest { id: id.clone() }).await {
        Ok(answer) => return answer.circle.context("the circle is missing in the answer"),
        Err(refused) if refused.code() == Code::NotFound => {}
        Err(refused) => return Err(refused.into()),
    }
    let request = CreateCircleRequest {
        request_id: String::new(),
        id,
        display_name: world.scenario.circle.clone(),
        aim: "Good support for each of us, on terms that we agree on together.".to_owned(),
        domain: "What our teams share: membership, contribution rules and how we decide.".to_owned(),
    };
    let answer = administrator.call(request).await?;
    answer.circle.context("the circle is missing in the answer")
}

/// Makes a person a member; says whether that was to be done.
async fn join(world: &World, circle: &Circle, person: &Person) -> Result<bool> {
    let seat = circle.members.iter().find(|member| member.person_id == person.id).map(CircleMember::state);
    if seat == Some(SeatState::Held) {
        return Ok(false);
    }
    if seat != Some(SeatState::Proposed) {
        let request = InviteCircleMemberRequest {
            request_id: String::new(),
            circle_id: circle.id.clone(),
            person_id: person.id.clone(),
            valid_from: world.plan.long_before().to_string(),
            occurred_at: Some(world.plan.begun_after(0)),
        };
        world.people.administrator.call(request).await?;
    }
    let request = AnswerCircleInvitationRequest {
        request_id: String::new(),
        circle_id: circle.id.clone(),
        accept: true,
    };
    person.session.call(request).await?;
    Ok(true)
}

/// Lets a person wear a hat today; says whether that was to be done. A hat is for a term of two years at most, so a run
/// after its end asks anew.
async fn put_on(
    world: &World,
    circle: &Circle,
    hat: CircleHat,
    person: &Person,
    today: NaiveDate,
) -> Result<bool> {
    let today_in_words = today.to_string();
    let runs = circle.hats.iter().find(|holding| {
        // Days are written so that they compare as text.
        holding.hat() == hat
            && holding.person_id == person.id
            && holding.state() != SeatState::Declined
            && holding.valid_from <= today_in_words
            && holding.valid_until > today_in_words
    });
    let holding_id = match runs {
        Some(holding) if holding.state() == SeatState::Held => return Ok(false),
        Some(holding) => holding.id.clone(),
        None => propose(world, circle, hat, person, today).await?,
    };
    let request = AnswerCircleHatRequest {
        request_id: String::new(),
        circle_id: circle.id.clone(),
        holding_id,
        consent: true,
    };
    person.session.call(request).await?;
    Ok(true)
}

async fn propose(
    world: &World,
    circle: &Circle,
    hat: CircleHat,
    person: &Person,
    today: NaiveDate,
) -> Result<String> {
    let valid_from = first_of_the_year(today).max(world.plan.begun_on());
    let names = [&circle.id, &person.id, hat.as_str_name(), &valid_from.to_string()];
    let id = world.plan.lasting_id("circle hat", &names);
    let request = ProposeCircleHatRequest {
        request_id: String::new(),
        id: id.clone(),
        circle_id: circle.id.clone(),
        hat: hat.into(),
        person_id: person.id.clone(),
        valid_from: valid_from.to_string(),
        valid_until: two_years_after(valid_from).to_string(),
    };
    world.people.administrator.call(request).await?;
    Ok(id)
}

fn first_of_the_year(day: NaiveDate) -> NaiveDate {
    NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap_or(day)
}

/// The end of the longest term there is.
pub fn two_years_after(day: NaiveDate) -> NaiveDate {
    day + chrono::Months::new(24)
}
