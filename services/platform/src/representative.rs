//! Who acts for whom: each service's own copy of what is told of representatives, and the one question to it.
//!
//! On which basis does somebody act for a person on a day, in these matters? Only what somebody else has confirmed
//! counts, within its days and its scope; the word of the basis goes into the audit with
//! [`crate::authz::Standing::representing`].

use chrono::NaiveDate;
use kith_proto::common::v1::{
    RepresentationBasis, RepresentationScope, RepresentationState, RepresentativeSnapshot,
};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::id::{PersonId, Uuid};
use crate::inbox::{Outcome, Received};

/// In which matters somebody acts for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Support, visits, consent, the Team.
    HealthAndWelfare,
    /// Payers, invoices, money.
    Property,
}

/// The words in which a basis is kept, and in which an audit row names what somebody acted on.
const BASES: [(RepresentationBasis, &str); 5] = [
    (RepresentationBasis::Nomination, "nomination"),
    (RepresentationBasis::AttorneyHealthAndWelfare, "attorney_health_and_welfare"),
    (RepresentationBasis::AttorneyProperty, "attorney_property"),
    (RepresentationBasis::Deputyship, "deputyship"),
    (RepresentationBasis::Guardian, "guardian"),
];

/// The word of the basis on which somebody acts for a person on a day in these matters, if they do.
pub async fn basis(
    tx: &mut Tx,
    person: PersonId,
    acting: PersonId,
    scope: Scope,
    day: NaiveDate,
) -> Result<Option<&'static str>> {
    let tenant = tx.tenant();
    let found = sqlx::query!(
        "select id, basis from platform.representative
         where tenant_id = $1 and person_id = $2 and representative_person_id = $3 and confirmed
             and case when $5 then property else health_and_welfare end
             and valid_from <= $4 and (valid_until is null or $4 < valid_until)
         order by valid_from, id limit 1",
        tenant.0,
        person.0,
        acting.0,
        day,
        scope == Scope::Property,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    match BASES.iter().find(|(_, word)| *word == row.basis) {
        Some((_, word)) => Ok(Some(word)),
        None => Err(Error::Inconsistent {
            table: "platform.representative",
            row: row.id.to_string(),
            problem: "its basis is not known".into(),
        }),
    }
}

/// That somebody acts for a person, as this copy is told of it.
struct Told {
    id: Uuid,
    /// Who is represented.
    person: PersonId,
    /// Who acts.
    acting: PersonId,
    basis: &'static str,
    health_and_welfare: bool,
    property: bool,
    /// Whether somebody saw the basis; `None` where it ended, which keeps what was so.
    confirmed: Option<bool>,
    valid_from: NaiveDate,
    /// First day on which it does not hold any more.
    valid_until: Option<NaiveDate>,
}

/// Keeps the copy: the handler of the aggregate `representative` in every service where somebody may act for another.
pub async fn follow(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let mut fields = Fields::default();
    let told = read(&event.state()?, &mut fields);
    let told = fields.finish(told).map_err(Error::internal)?;
    keep(tx, &told).await?;
    Ok(Outcome::Done)
}

fn read(state: &RepresentativeSnapshot, fields: &mut Fields) -> Option<Told> {
    let basis = fields.choice("basis", state.basis, |said| {
        BASES.iter().find(|(basis, _)| *basis == said).map(|(_, word)| *word)
    });
    let reaches = |scope| state.scopes().any(|said| said == scope);
    Some(Told {
        id: fields.id("representative_id", &state.representative_id)?,
        person: fields.id("person_id", &state.person_id)?,
        acting: fields.id("representative_person_id", &state.representative_person_id)?,
        basis: basis?,
        health_and_welfare: reaches(RepresentationScope::HealthAndWelfare),
        property: reaches(RepresentationScope::Property),
        confirmed: match state.state() {
            RepresentationState::Confirmed => Some(true),
            RepresentationState::Recorded | RepresentationState::Unspecified => Some(false),
            RepresentationState::Ended => None,
        },
        valid_from: fields.date("valid_from", &state.valid_from)?,
        valid_until: fields.optional_date("valid_until", &state.valid_until)?,
    })
}

async fn keep(tx: &mut Tx, told: &Told) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into platform.representative as r (tenant_id, id, person_id, representative_person_id, basis,
             health_and_welfare, property, confirmed, valid_from, valid_until)
         values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, false), $9, $10)
         on conflict on constraint representative_pk do update set health_and_welfare = $6, property = $7,
             confirmed = coalesce($8, r.confirmed), valid_from = $9, valid_until = $10",
        tenant.0,
        told.id,
        told.person.0,
        told.acting.0,
        told.basis,
        told.health_and_welfare,
        told.property,
        told.confirmed,
        told.valid_from,
        told.valid_until,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
