//! What teams hears from the others.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::id::PersonId;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::{consent, rights, tenant};
use kith_proto::identity::v1::{
    OrganisationRole, PersonSnapshot, RepresentationBasis, RepresentationScope, RepresentationState,
    RepresentativeSnapshot, RoleSnapshot,
};
use kith_proto::matching::v1::{GiverStatus, IntroductionSnapshot, IntroductionState};

use crate::app;
use crate::domain::representative::{Basis, Representative};
use crate::domain::{MembershipId, TeamId, membership};
use crate::events;
use crate::store;

/// The list of aggregates that teams listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("identity.tenant", |tx, event| Box::pin(tenant::follow(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.person", |tx, event| Box::pin(person(tx, event)))
        .on("identity.representative", |tx, event| Box::pin(representative(tx, event)))
        .on("identity.role", |tx, event| Box::pin(role(tx, event)))
        .on("identity.consent", |tx, event| Box::pin(consent::follow(tx, event)))
        .on("matching.introduction", |tx, event| Box::pin(introduction(tx, event)))
}

/// Who may open an emergency look.
async fn role(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: RoleSnapshot = event.state()?;
    let mut fields = Fields::default();
    let parsed = fields.id::<PersonId>("person_id", &state.person_id);
    let person = fields.finish(parsed).map_err(Error::internal)?;
    let known = state.roles().filter(|role| *role != OrganisationRole::Unspecified);
    let word = |role: OrganisationRole| {
        role.as_str_name().trim_start_matches("ORGANISATION_ROLE_").to_ascii_lowercase()
    };
    tx.remember_roles(person, &known.map(word).collect::<Vec<_>>()).await?;
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
    let state: PersonSnapshot = event.state()?;
    if !state.left {
        return Ok(Outcome::Done);
    }
    let mut fields = Fields::default();
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let left_at = match &state.left_time {
        Some(_) => fields.time("left_time", state.left_time.as_ref()),
        // Told by a version that did not say when: as it is heard.
        None => Some(tx.now()),
    };
    let (person, left_at) = fields.finish(person.zip(left_at)).map_err(Error::internal)?;
    app::leaving::left(tx, person, left_at).await?;
    Ok(Outcome::Done)
}

/// Who may act for whom.
async fn representative(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: RepresentativeSnapshot = event.state()?;
    let mut fields = Fields::default();
    let parsed = read_representative(&state, &mut fields);
    let one = fields.finish(parsed).map_err(Error::internal)?;
    store::representative::save(tx, &one).await?;
    Ok(Outcome::Done)
}

fn read_representative(state: &RepresentativeSnapshot, fields: &mut Fields) -> Option<Representative> {
    let basis = fields.choice("basis", state.basis, |basis| match basis {
        RepresentationBasis::Nomination => Some(Basis::Nomination),
        RepresentationBasis::AttorneyHealthAndWelfare => Some(Basis::AttorneyHealthAndWelfare),
        RepresentationBasis::AttorneyProperty => Some(Basis::AttorneyProperty),
        RepresentationBasis::Deputyship => Some(Basis::Deputyship),
        RepresentationBasis::Guardian => Some(Basis::Guardian),
        RepresentationBasis::Unspecified => None,
    });
    Some(Representative {
        id: fields.id("representative_id", &state.representative_id)?,
        person: fields.id("person_id", &state.person_id)?,
        acting: fields.id("representative_person_id", &state.representative_person_id)?,
        basis: basis?,
        health_and_welfare: state.scopes().any(|scope| scope == RepresentationScope::HealthAndWelfare),
        confirmed: match state.state() {
            RepresentationState::Confirmed => Some(true),
            RepresentationState::Recorded | RepresentationState::Unspecified => Some(false),
            RepresentationState::Ended => None,
        },
        valid_from: fields.date("valid_from", &state.valid_from)?,
        valid_until: fields.optional_date("valid_until", &state.valid_until)?,
    })
}
