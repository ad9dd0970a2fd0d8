//! What appointments hears from the others.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::hats::{self, Worn};
use kith_platform::id::PersonId;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::{consent, people, representative, rights, tenant};
use kith_proto::matching::v1::{self as matching, GiverSnapshot, IntroductionSnapshot, UnpaidIntent};
use kith_proto::teams::v1::TeamSnapshot;

use crate::app;
use crate::domain::giver::{Giver, Readiness, Terms};
use crate::domain::introduction::{Introduction, Trial};
use crate::domain::team::{Held, Team};
use crate::domain::{IntroductionState, Settlement, TeamId};
use crate::events;
use crate::store;

/// The hat of who keeps the rota.
const ROTA_HOLDER: &str = "rota_holder";

/// The list of aggregates that appointments listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("identity.tenant", |tx, event| Box::pin(tenant::follow(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.person", |tx, event| Box::pin(person(tx, event)))
        .on("identity.representative", |tx, event| Box::pin(representative::follow(tx, event)))
        .on("identity.role", |tx, event| Box::pin(people::follow_roles(tx, event)))
        .on("identity.consent", |tx, event| Box::pin(consent::follow(tx, event)))
        .on("teams.team", |tx, event| Box::pin(team(tx, event)))
        .on("matching.giver", |tx, event| Box::pin(giver(tx, event)))
        .on("matching.introduction", |tx, event| Box::pin(introduction(tx, event)))
}

async fn team(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let mut fields = Fields::default();
    let team = read_team(&event.state()?, &mut fields);
    let (team, worn) = fields.finish(team).map_err(Error::internal)?;
    hats::keep(tx, team.id.0, &worn).await?;
    store::team::save(tx, &team).await?;
    Ok(Outcome::Done)
}

fn read_team(state: &TeamSnapshot, fields: &mut Fields) -> Option<(Team, Vec<Worn>)> {
    let id: TeamId = fields.id("team_id", &state.team_id)?;
    let worn = hats::read(fields, id.0, state.told_hats())?;
    let team = Team {
        id,
        owner: fields.id("owner_person_id", &state.owner_person_id)?,
        circle_id: fields.id("circle_id", &state.circle_id)?,
        members: held(&worn, hats::MEMBER),
        rota_holders: held(&worn, ROTA_HOLDER),
        promise_from: fields.optional_date("promise_from", &state.promise_from)?,
    };
    Some((team, worn))
}

/// Who wears or wore a hat that is worn from a day on.
fn held(worn: &[Worn], hat: &str) -> Vec<Held> {
    let of_this = worn.iter().filter(|worn| worn.hat == hat);
    let held = of_this.filter_map(|worn| {
        Some(Held { person: worn.person, valid_from: worn.valid_from?, valid_until: worn.valid_until })
    });
    held.collect()
}

async fn giver(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let mut fields = Fields::default();
    let giver = read_giver(event.state()?, &mut fields);
    let giver = fields.finish(giver).map_err(Error::internal)?;
    hats::keep(tx, giver.person.0, &[Worn::giver(giver.person)]).await?;
    store::giver::save(tx, &giver).await?;
    Ok(Outcome::Done)
}

fn read_giver(state: GiverSnapshot, fields: &mut Fields) -> Option<Giver> {
    let person: PersonId = fields.id("person_id", &state.person_id)?;
    let readiness = match &state.readiness {
        Some(readiness) => Some(Readiness {
            ready: readiness.ready,
            valid_from: fields.date("readiness.valid_from", &readiness.valid_from)?,
            valid_until: fields.optional_date("readiness.valid_until", &readiness.valid_until)?,
        }),
        None => None,
    };
    let mut terms = Vec::new();
    for stated in &state.terms {
        let valid_from: NaiveDate = fields.date("terms.valid_from", &stated.valid_from)?;
        let settlement = match (&stated.hourly_rate, stated.unpaid_intent()) {
            (Some(_), _) => Settlement::Money,
            (None, UnpaidIntent::Save) => Settlement::CareCoins,
            (None, UnpaidIntent::Gift) => Settlement::Gift,
            (None, UnpaidIntent::Unspecified) => return fields.wrong("terms", "are neither paid nor unpaid"),
        };
        terms.push(Terms { valid_from, settlement });
    }
    Some(Giver { person, readiness, terms })
}

async fn introduction(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let mut fields = Fields::default();
    let introduction = read_introduction(event.state()?, &mut fields);
    let introduction = fields.finish(introduction).map_err(Error::internal)?;
    store::introduction::save(tx, &introduction).await?;
    Ok(Outcome::Done)
}

fn read_introduction(state: IntroductionSnapshot, fields: &mut Fields) -> Option<Introduction> {
    let trial = match &state.trial {
        Some(trial) => Some(Trial {
            sessions: trial.sessions,
            valid_from: fields.date("trial.valid_from", &trial.valid_from)?,
            valid_until: fields.date("trial.valid_until", &trial.valid_until)?,
        }),
        None => None,
    };
    Some(Introduction {
        id: fields.id("introduction_id", &state.introduction_id)?,
        team_id: fields.id("team_id", &state.team_id)?,
        giver: fields.id("giver_person_id", &state.giver_person_id)?,
        state: match state.state() {
            matching::IntroductionState::TrialAgreed => IntroductionState::TrialAgreed,
            matching::IntroductionState::Welcome => IntroductionState::Welcome,
            matching::IntroductionState::Ended => IntroductionState::Ended,
            matching::IntroductionState::Mutual
            | matching::IntroductionState::Interested
            | matching::IntroductionState::Unspecified => IntroductionState::Mutual,
        },
        trial,
    })
}

/// Somebody left the tenant.
async fn person(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    if let Some(departure) = people::departure(tx, event).await? {
        app::leaving::left(tx, departure).await?;
    }
    Ok(Outcome::Done)
}
