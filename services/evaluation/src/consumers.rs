//! What evaluation hears from the others: who belongs where, and which visits took place. Ids and days only.

use std::time::Duration;

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::local::zone;
use kith_platform::{representative, rights, tenant};
use kith_proto::appointments::v1::{VisitSnapshot, VisitState};
use kith_proto::governance::v1::{CircleSnapshot, SeatState};
use kith_proto::teams::v1::{MembershipState, TeamSnapshot};

use crate::app;
use crate::domain::circle::{Circle, Seat};
use crate::domain::continuity::local_day;
use crate::domain::team::{Membership, Team};
use crate::domain::visit::{State, Visit};
use crate::events;

/// The list of aggregates that evaluation listens to.
pub fn subscriptions() -> Subscriptions {
    // Its figures are of weeks and months: nobody waits for a visit to be counted.
    Subscriptions::new()
        .gather(Duration::from_millis(50))
        .on("identity.tenant", |tx, event| Box::pin(tenant::follow(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.representative", |tx, event| Box::pin(representative::follow(tx, event)))
        .on("teams.team", |tx, event| Box::pin(team(tx, event)))
        .on("governance.circle", |tx, event| Box::pin(circle(tx, event)))
        .on_many("appointments.visit", |tx, events| Box::pin(visits(tx, events)))
}

async fn team(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TeamSnapshot = event.state()?;
    let mut fields = Fields::default();
    let parsed = read_team(&state, &mut fields);
    let team = fields.finish(parsed).map_err(Error::internal)?;
    app::team::project(tx, &team).await?;
    Ok(Outcome::Done)
}

fn read_team(state: &TeamSnapshot, fields: &mut Fields) -> Option<Team> {
    let mut members = Vec::with_capacity(state.members.len());
    for member in &state.members {
        if !matches!(member.state(), MembershipState::Member | MembershipState::Left) {
            continue;
        }
        members.push(Membership {
            id: fields.id("members.id", &member.id)?,
            person: fields.id("members.person_id", &member.person_id)?,
            valid_from: fields.date("members.valid_from", &member.valid_from)?,
            valid_until: fields.optional_date("members.valid_until", &member.valid_until)?,
        });
    }
    Some(Team {
        id: fields.id("team_id", &state.team_id)?,
        owner: fields.id("owner_person_id", &state.owner_person_id)?,
        circle: fields.id("circle_id", &state.circle_id)?,
        members,
    })
}

async fn circle(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: CircleSnapshot = event.state()?;
    let mut fields = Fields::default();
    let parsed = read_circle(&state, &mut fields);
    let circle = fields.finish(parsed).map_err(Error::internal)?;
    app::circle::project(tx, &circle).await?;
    Ok(Outcome::Done)
}

fn read_circle(state: &CircleSnapshot, fields: &mut Fields) -> Option<Circle> {
    let mut seats = Vec::with_capacity(state.members.len());
    for member in &state.members {
        if member.state() != SeatState::Held {
            continue;
        }
        seats.push(Seat {
            person: fields.id("members.person_id", &member.person_id)?,
            valid_from: fields.date("members.valid_from", &member.valid_from)?,
        });
    }
    Some(Circle { id: fields.id("circle_id", &state.circle_id)?, seats })
}

async fn visits(tx: &mut Tx, events: &[&Received]) -> Result<()> {
    let mut visits = Vec::with_capacity(events.len());
    for event in events {
        let state: VisitSnapshot = event.state()?;
        let mut fields = Fields::default();
        let parsed = read_visit(&state, &mut fields);
        visits.push(fields.finish(parsed).map_err(Error::internal)?);
    }
    app::visit::project(tx, &visits).await
}

fn read_visit(snapshot: &VisitSnapshot, fields: &mut Fields) -> Option<Visit> {
    let state = match snapshot.state() {
        VisitState::Planned => State::Planned,
        VisitState::Cancelled => State::Cancelled,
        VisitState::LateCancelled => State::LateCancelled,
        VisitState::Missed => State::Missed,
        VisitState::Agreed => {
            // A visit that took place without anything to settle keeps its plan, moves included.
            let started = snapshot.agreed_start_time.as_ref().or(snapshot.plan_start_time.as_ref());
            let started = fields.time("agreed_start_time", started)?;
            match zone(&snapshot.time_zone) {
                Some(zone) => State::Agreed { on: local_day(started, zone) },
                None => return fields.wrong("time_zone", "is not known"),
            }
        }
        VisitState::Unspecified => return fields.wrong("state", "is missing"),
    };
    Some(Visit {
        id: fields.id("visit_id", &snapshot.visit_id)?,
        team: fields.id("team_id", &snapshot.team_id)?,
        giver: fields.id("giver_person_id", &snapshot.giver_person_id)?,
        occurrence_local: fields.local("occurrence_local", &snapshot.occurrence_local)?,
        state,
    })
}
