//! What finance hears from the others.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::money::Currency;
use kith_platform::{people, representative, rights, tenant};
use kith_proto::appointments::v1 as appointments;
use kith_proto::governance::v1 as governance;
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1::TeamSnapshot;

use crate::app;
use crate::app::rule::Mandate;
use crate::domain::contribution::{BasisPoints, Mode};
use crate::domain::settlement::{Terms, TermsKind, Visit, VisitState, Way};
use crate::events;
use crate::store::known::{self, FinanceHat, Team};

/// The list of aggregates that finance listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("identity.tenant", |tx, event| Box::pin(tenant::follow(tx, event)))
        .on("identity.access_request", |tx, event| Box::pin(rights::access_request(tx, event)))
        .on("identity.erasure", |tx, event| Box::pin(rights::erase(tx, event, events::erasure_carried_out)))
        .on("identity.person", |tx, event| Box::pin(people::follow(tx, event)))
        .on("identity.role", |tx, event| Box::pin(people::follow_roles(tx, event)))
        .on("identity.representative", |tx, event| Box::pin(representative::follow(tx, event)))
        .on("teams.team", |tx, event| Box::pin(team(tx, event)))
        .on("governance.circle", |tx, event| Box::pin(circle(tx, event)))
        .on("governance.mandate", |tx, event| Box::pin(mandate(tx, event)))
        .on("matching.giver", |tx, event| Box::pin(giver(tx, event)))
        .on_many("appointments.visit", |tx, events| Box::pin(visits(tx, events)))
}

/// Reads an event's state; one that cannot be read is a defect of ours or of its publisher.
fn read<C>(parse: impl FnOnce(&mut Fields) -> Option<C>) -> Result<C> {
    let mut fields = Fields::default();
    let parsed = parse(&mut fields);
    fields.finish(parsed).map_err(Error::internal)
}

async fn team(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TeamSnapshot = event.state()?;
    let (team_id, team) = read(|fields| {
        let team_id = fields.id("team_id", &state.team_id);
        let owner = fields.id("owner_person_id", &state.owner_person_id);
        let circle_id = fields.id("circle_id", &state.circle_id);
        Some((team_id?, Team { owner: owner?, circle_id: circle_id? }))
    })?;
    known::note_team(tx, team_id, team).await?;
    Ok(Outcome::Done)
}

async fn circle(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: governance::CircleSnapshot = event.state()?;
    let circle_id = read(|fields| fields.id("circle_id", &state.circle_id))?;
    let mut hats = Vec::new();
    for holding in &state.hats {
        let counts = holding.hat() == governance::CircleHat::NumbersPerson
            && holding.state() == governance::SeatState::Held;
        if counts {
            hats.push(read(|fields| finance_hat(holding, fields))?);
        }
    }
    known::note_circle(tx, circle_id, &hats).await?;
    Ok(Outcome::Done)
}

fn finance_hat(holding: &governance::CircleHatHolding, fields: &mut Fields) -> Option<FinanceHat> {
    let holding_id = fields.id::<Uuid>("hats.id", &holding.id);
    let person = fields.id::<PersonId>("hats.person_id", &holding.person_id);
    let valid_from = fields.date("hats.valid_from", &holding.valid_from);
    let valid_until = fields.date("hats.valid_until", &holding.valid_until);
    Some(FinanceHat {
        holding_id: holding_id?,
        person: person?,
        valid_from: valid_from?,
        valid_until: valid_until?,
    })
}

async fn mandate(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: governance::MandateSnapshot = event.state()?;
    let Some(change) = &state.contribution_rule else { return Ok(Outcome::Done) };
    let mandate = read(|fields| {
        let id = fields.id("mandate_id", &state.mandate_id);
        let decision_id = fields.id("decision_id", &state.decision_id);
        let circle_id = fields.id("circle_id", &state.circle_id);
        let name = fields.text("contribution_rule.rule_name", &change.rule_name, 1, 60);
        let effective_from = fields.date("contribution_rule.effective_from", &change.effective_from);
        let mode = mode(change, fields);
        let revoked_from = fields.optional_date("revoked_from", &state.revoked_from);
        Some(Mandate {
            id: id?,
            decision_id: decision_id?,
            circle_id: circle_id?,
            name: name?,
            effective_from: effective_from?,
            mode: mode?,
            revoked_from: revoked_from?,
        })
    })?;
    app::rule::mandate(tx, mandate).await?;
    Ok(Outcome::Done)
}

fn mode(change: &governance::ContributionRuleChange, fields: &mut Fields) -> Option<Mode> {
    use governance::contribution_rule_change::Mode as Said;
    let mode = match &change.mode {
        Some(Said::OnRate(on_rate)) => {
            let added = BasisPoints::new(on_rate.added_bp.into());
            let deducted = BasisPoints::new(on_rate.deducted_bp.into());
            added.and_then(|added| Ok(Mode::OnRate { added, deducted: deducted? })).ok()
        }
        Some(Said::ShareOfTotal(total)) => {
            BasisPoints::new(total.share_bp.into()).map(|share| Mode::ShareOfTotal { share }).ok()
        }
        None => None,
    };
    mode.or_else(|| fields.wrong("contribution_rule.mode", "is missing or out of range"))
}

async fn giver(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: matching::GiverSnapshot = event.state()?;
    let giver = read(|fields| fields.id("person_id", &state.person_id))?;
    let mut terms = Vec::with_capacity(state.terms.len());
    for stated in &state.terms {
        terms.push(read(|fields| self::terms(stated, fields))?);
    }
    app::known::terms_stated(tx, giver, &terms).await?;
    Ok(Outcome::Done)
}

fn terms(stated: &matching::Terms, fields: &mut Fields) -> Option<Terms> {
    let valid_from = fields.date("terms.valid_from", &stated.valid_from);
    let kind = match (&stated.hourly_rate, stated.unpaid_intent()) {
        (Some(_), _) => {
            let circle_id = fields.id("terms.circle_id", &stated.circle_id);
            let rule_name = fields.text("terms.contribution_rule", &stated.contribution_rule, 1, 60);
            let rate = fields.money("terms.hourly_rate", stated.hourly_rate.as_ref(), Currency::GBP);
            TermsKind::Paid {
                circle_id: circle_id?,
                rule_name: rule_name?,
                hourly_rate_pence: rate?.minor_units,
            }
        }
        (None, matching::UnpaidIntent::Save) => TermsKind::Save,
        (None, matching::UnpaidIntent::Gift) => TermsKind::Gift,
        (None, matching::UnpaidIntent::Unspecified) => {
            return fields.wrong("terms.unpaid_intent", "is missing where there is no rate");
        }
    };
    Some(Terms { valid_from: valid_from?, kind })
}

async fn visits(tx: &mut Tx, events: &[&Received]) -> Result<()> {
    let mut visits = Vec::with_capacity(events.len());
    for event in events {
        let state: appointments::VisitSnapshot = event.state()?;
        visits.push(read(|fields| read_visit(&state, fields))?);
    }
    app::settlement::visits_changed(tx, &visits).await
}

fn read_visit(state: &appointments::VisitSnapshot, fields: &mut Fields) -> Option<Visit> {
    let id = fields.id("visit_id", &state.visit_id);
    let team_id = fields.id("team_id", &state.team_id);
    let circle_id = fields.id("circle_id", &state.circle_id);
    let giver = fields.id("giver_person_id", &state.giver_person_id);
    let planned = fields.local("occurrence_local", &state.occurrence_local);
    let start = fields.optional_time("agreed_start_time", state.agreed_start_time.as_ref())?;
    let end = fields.optional_time("agreed_end_time", state.agreed_end_time.as_ref())?;
    let visit_state = match state.state() {
        appointments::VisitState::Planned | appointments::VisitState::Unspecified => VisitState::Planned,
        appointments::VisitState::Agreed => VisitState::Agreed,
        appointments::VisitState::Cancelled => VisitState::Cancelled,
        appointments::VisitState::LateCancelled => VisitState::LateCancelled,
        appointments::VisitState::Missed => VisitState::Missed,
    };
    let way = match state.settlement() {
        appointments::Settlement::Unspecified => Way::Unsaid,
        appointments::Settlement::Money => Way::Money,
        appointments::Settlement::CareCoins => Way::CareCoins,
        appointments::Settlement::Gift => Way::Gift,
    };
    let minutes = start.zip(end).map(|(start, end)| (end - start).num_minutes());
    if minutes.is_some_and(|minutes| minutes < 0 || state.settlement_no < 1) {
        return fields
            .wrong("settlement_no", "must be from 1, and time must pass, where something is to be settled");
    }
    Some(Visit {
        id: id?,
        team_id: team_id?,
        circle_id: circle_id?,
        giver: giver?,
        planned_date: planned?.date(),
        state: visit_state,
        way,
        minutes,
        settlement_no: state.settlement_no,
    })
}
