//! What teams hears from the others.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::hats::Worn;
use kith_platform::id::PersonId;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::{consent, hats, people, representative, rights, tenant};
use kith_proto::matching::v1::{GiverSnapshot, GiverStatus, IntroductionSnapshot, IntroductionState};

use crate::app;
use crate::domain::{MembershipId, TeamId, membership};
use crate::events;

/// The list of aggregates that teams listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("identity.tenant", |tx, event| Box::pin(tenant::follow(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.person", |tx, event| Box::pin(person(tx, event)))
        .on("identity.representative", |tx, event| Box::pin(representative::follow(tx, event)))
        .on("identity.role", |tx, event| Box::pin(people::follow_roles(tx, event)))
        .on("identity.consent", |tx, event| Box::pin(consent::follow(tx, event)))
        .on("matching.giver", |tx, event| Box::pin(giver(tx, event)))
        .on("matching.introduction", |tx, event| Box::pin(introduction(tx, event)))
}

/// Somebody gives support.
async fn giver(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: GiverSnapshot = event.state()?;
    let mut fields = Fields::default();
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let person = fields.finish(person).map_err(Error::internal)?;
    hats::keep(tx, person.0, &[Worn::giver(person)]).await?;
    Ok(Outcome::Done)
}

/// Both sides said yes after a trial: the Team proposes membership, and the giver answers.
async fn introduction(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: IntroductionSnapshot = event.state()?;
    if state.state() != IntroductionState::Welcome {
        return Ok(Outcome::Done);
    }
    let kind = match state.giver_status() {
        GiverStatus::Volunteer => membership::Kind::Volunteer,
        GiverStatus::PeerSupporter => membership::Kind::PeerSupporter,
        GiverStatus::FamilyOrFriend => membership::Kind::FamilyOrFriend,
        GiverStatus::Independent | GiverStatus::Employed | GiverStatus::Unspecified => {
            membership::Kind::Worker
        }
    };
    let mut fields = Fields::default();
    let id = fields.id::<MembershipId>("introduction_id", &state.introduction_id);
    let team = fields.id::<TeamId>("team_id", &state.team_id);
    let person = fields.id::<PersonId>("giver_person_id", &state.giver_person_id);
    let until = state.trial.as_ref().map(|trial| trial.valid_until.clone()).unwrap_or_default();
    let trial_until = fields.optional_date("trial.valid_until", &until);
    let parsed = id.zip(team).zip(person).zip(trial_until);
    let (((id, team), person), trial_until) = fields.finish(parsed).map_err(Error::internal)?;
    app::membership::welcome(tx, app::membership::Welcome { id, team, person, kind, trial_until }).await?;
    Ok(Outcome::Done)
}

/// Somebody left the tenant.
async fn person(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    if let Some(departure) = people::departure(tx, event).await? {
        app::leaving::left(tx, departure).await?;
    }
    Ok(Outcome::Done)
}
