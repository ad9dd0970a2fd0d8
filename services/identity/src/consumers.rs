//! What identity hears from the others: how far each service is with the freeze of a tenant, itself included, emergency
//! looks at records, its own included, what each has done about an erasure, who belongs to which Team or Circle, who wears
//! which hat and who gives support; and, for its own emergency looks as in every service, who holds which role.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::hats::{self, Worn};
use kith_platform::id::PersonId;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::{people, representative};
use kith_proto::common::v1::{BreakGlassSnapshot, ErasureReport, EventCount, TenantFence};
use kith_proto::governance::v1::{CircleSnapshot, SeatState};
use kith_proto::matching::v1::GiverSnapshot;
use kith_proto::teams::v1::TeamSnapshot;

use crate::app;
use crate::domain::acquaintance::{Belonging, Group, GroupKind};
use crate::domain::break_glass::Look;
use crate::domain::fence::Fence;
use crate::domain::rights::{Kept, Report};
use crate::domain::{ErasureId, GroupId};

/// The list of aggregates that identity listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("appointments.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("evaluation.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("finance.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("governance.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("identity.break_glass", |tx, event| Box::pin(break_glass(tx, event)))
        .on("identity.representative", |tx, event| Box::pin(representative::follow(tx, event)))
        .on("identity.role", |tx, event| Box::pin(people::follow_roles(tx, event)))
        .on("identity.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("matching.giver", |tx, event| Box::pin(giver(tx, event)))
        .on("matching.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("teams.team", |tx, event| Box::pin(team(tx, event)))
        .on("governance.circle", |tx, event| Box::pin(circle(tx, event)))
        .on("teams.tenant_fence", |tx, event| Box::pin(fence(tx, event)))
        .on("teams.break_glass", |tx, event| Box::pin(break_glass(tx, event)))
        .on("appointments.break_glass", |tx, event| Box::pin(break_glass(tx, event)))
        .on("teams.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("matching.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("appointments.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("finance.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("governance.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("evaluation.erasure", |tx, event| Box::pin(erasure(tx, event)))
}

/// Who belongs to a Team: its Owner, and those who said yes, with their days; and who wears which hat in it.
async fn team(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TeamSnapshot = event.state()?;
    let mut fields = Fields::default();
    let parsed = read_team(&state, &mut fields);
    let (team, worn) = fields.finish(parsed).map_err(Error::internal)?;
    hats::keep(tx, team.id.0, &worn).await?;
    app::acquaintance::project(tx, &team).await?;
    Ok(Outcome::Done)
}

fn read_team(state: &TeamSnapshot, fields: &mut Fields) -> Option<(Group, Vec<Worn>)> {
    let id: GroupId = fields.id("team_id", &state.team_id)?;
    let worn = hats::read(fields, id.0, state.told_hats())?;
    let belong = worn.iter().filter(|worn| worn.hat == hats::OWNER || worn.hat == hats::MEMBER);
    let people = belong.map(|worn| Belonging {
        person: worn.person,
        valid_from: worn.valid_from,
        valid_until: worn.valid_until,
    });
    let team = Group { kind: GroupKind::Team, id, people: people.collect() };
    Some((team, worn))
}

/// Who gives support here, in whichever Team.
async fn giver(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: GiverSnapshot = event.state()?;
    let mut fields = Fields::default();
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let person = fields.finish(person).map_err(Error::internal)?;
    hats::keep(tx, person.0, &[Worn::giver(person)]).await?;
    Ok(Outcome::Done)
}

/// Who belongs to a Circle: those who said yes, with their days.
async fn circle(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: CircleSnapshot = event.state()?;
    let mut fields = Fields::default();
    let parsed = read_circle(&state, &mut fields);
    let circle = fields.finish(parsed).map_err(Error::internal)?;
    app::acquaintance::project(tx, &circle).await?;
    Ok(Outcome::Done)
}

fn read_circle(state: &CircleSnapshot, fields: &mut Fields) -> Option<Group> {
    let mut people = Vec::with_capacity(state.members.len());
    for member in &state.members {
        if !matches!(member.state(), SeatState::Held | SeatState::Ended) {
            continue;
        }
        people.push(Belonging {
            person: fields.id("members.person_id", &member.person_id)?,
            valid_from: Some(fields.date("members.valid_from", &member.valid_from)?),
            valid_until: fields.optional_date("members.valid_until", &member.valid_until)?,
        });
    }
    let id = fields.id("circle_id", &state.circle_id)?;
    Some(Group { kind: GroupKind::Circle, id, people })
}

async fn fence(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TenantFence = event.state()?;
    let counts = |of: Vec<EventCount>| of.into_iter().map(|count| (count.aggregate, count.events)).collect();
    // Who says so is the sender that the broker vouches for, whatever stands in the message.
    let service = event.event_type.split('.').next().unwrap_or_default().to_owned();
    let fence = Fence {
        service,
        epoch: state.epoch,
        fenced_at: tx.now(),
        sent: counts(state.sent),
        applied: counts(state.applied),
        unpublished: state.unpublished,
        waiting: state.waiting,
        dead: state.dead,
    };
    app::tenant_life::heard(tx, fence).await?;
    Ok(Outcome::Done)
}

/// An emergency look was opened, or ended before its time, which changes nothing about its review.
async fn break_glass(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: BreakGlassSnapshot = event.state()?;
    let service = event.event_type.split('.').next().unwrap_or_default().to_owned();
    let mut fields = Fields::default();
    let id = fields.id("break_glass_id", &state.break_glass_id);
    let person = fields.id::<PersonId>("person_id", &state.person_id);
    let opened_by = fields.id::<PersonId>("opened_by_person_id", &state.opened_by_person_id);
    let opened_at = fields.time("open_time", state.open_time.as_ref());
    let parsed = id.zip(person).zip(opened_by).zip(opened_at);
    let (((id, person), opened_by), opened_at) = fields.finish(parsed).map_err(Error::internal)?;
    app::break_glass::opened(tx, Look { id, service, person, opened_by, opened_at }).await?;
    Ok(Outcome::Done)
}

async fn erasure(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: ErasureReport = event.state()?;
    let service = event.event_type.split('.').next().unwrap_or_default().to_owned();
    let mut fields = Fields::default();
    let id = fields.id::<ErasureId>("erasure_id", &state.erasure_id);
    let mut kept = Vec::new();
    for class in state.kept {
        let until = fields.optional_date("kept.until", &class.until).unwrap_or_default();
        kept.push(Kept { class: class.class, rows: class.rows, until });
    }
    let id = fields.finish(id).map_err(Error::internal)?;
    let report = Report {
        service,
        deleted_rows: state.deleted_rows,
        blanked_rows: state.blanked_rows,
        id_only_rows: state.id_only_rows,
        kept,
    };
    app::rights::reported(tx, id, report).await?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rights::OTHERS;

    #[test]
    fn identity_listens_to_everybody_who_must_answer_an_erasure() {
        let listens_to = subscriptions().aggregates();
        for service in OTHERS {
            let awaited = format!("{service}.erasure");
            assert!(listens_to.contains(&awaited.as_str()), "{awaited}");
        }
    }
}
