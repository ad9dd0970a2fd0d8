//! Who is what in which Team and who gives support: each service's own copy, for consents that are given to a Team or to
//! a hat.

use chrono::NaiveDate;
use kith_proto::ToldHat;

use crate::db::Tx;
use crate::error::Result;
use crate::fields::Fields;
use crate::id::{PersonId, Uuid};

/// The hat of who has a Team.
pub const OWNER: &str = "owner";
/// What everybody is in a Team who was asked and said yes; no consent is given to it, but to the Team.
pub const MEMBER: &str = "member";
/// What everybody is who gives support, in whichever Team.
pub const GIVER: &str = "giver";

/// A hat that somebody wears or wore, half-open in days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worn {
    /// Its word.
    pub hat: String,
    /// Where, if it belongs to a Team.
    pub team: Option<Uuid>,
    /// By whom.
    pub person: PersonId,
    /// First day; none for as long as it is told.
    pub valid_from: Option<NaiveDate>,
    /// First day no longer.
    pub valid_until: Option<NaiveDate>,
}

impl Worn {
    /// That somebody gives support.
    pub fn giver(person: PersonId) -> Self {
        Self { hat: GIVER.to_owned(), team: None, person, valid_from: None, valid_until: None }
    }
}

/// What is told of a Team.
pub fn read(fields: &mut Fields, team: Uuid, told: Vec<ToldHat<'_>>) -> Option<Vec<Worn>> {
    let mut worn = Vec::with_capacity(told.len());
    for told in told {
        worn.push(Worn {
            hat: told.hat,
            team: Some(team),
            person: fields.id("person_id", told.person_id)?,
            valid_from: fields.optional_date("valid_from", told.valid_from)?,
            valid_until: fields.optional_date("valid_until", told.valid_until)?,
        });
    }
    Some(worn)
}

/// Keeps what is told of a Team or of a giver, in place of what was told before.
pub async fn keep(tx: &mut Tx, told_of: Uuid, worn: &[Worn]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from platform.hat where tenant_id = $1 and told_of = $2", tenant.0, told_of)
        .execute(tx.conn())
        .await?;
    let hats: Vec<String> = worn.iter().map(|worn| worn.hat.clone()).collect();
    let teams: Vec<Option<Uuid>> = worn.iter().map(|worn| worn.team).collect();
    let people: Vec<Uuid> = worn.iter().map(|worn| worn.person.0).collect();
    let from: Vec<Option<NaiveDate>> = worn.iter().map(|worn| worn.valid_from).collect();
    let until: Vec<Option<NaiveDate>> = worn.iter().map(|worn| worn.valid_until).collect();
    sqlx::query!(
        "insert into platform.hat (tenant_id, told_of, position, hat, team_id, person_id, valid_from, valid_until)
         select $1, $2, h.position, h.hat, h.team, h.person, h.valid_from, h.valid_until
         from unnest($3::text[], $4::uuid[], $5::uuid[], $6::date[], $7::date[]) with ordinality
             as h (hat, team, person, valid_from, valid_until, position)",
        tenant.0,
        told_of,
        &hats,
        &teams as &[Option<Uuid>],
        &people,
        &from as &[Option<NaiveDate>],
        &until as &[Option<NaiveDate>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What somebody wears on a day, as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WornOn {
    /// Its word.
    pub hat: String,
    /// Where, if it belongs to a Team.
    pub team: Option<Uuid>,
    /// Whether it was told too long ago to open anything by itself: `consent_copy_seconds` in `platform.setting`.
    pub is_old: bool,
}

/// The hats that somebody wears on a day, each with its Team.
pub async fn worn_by(tx: &mut Tx, person: PersonId, day: NaiveDate) -> Result<Vec<WornOn>> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let rows = sqlx::query_as!(
        WornOn,
        r#"select hat, team_id as team,
               not platform.is_fresh($1, case when team_id is null then 'giver' else 'team' end, $4) as "is_old!"
           from platform.hat
           where tenant_id = $1 and person_id = $2 and (valid_from is null or valid_from <= $3)
               and (valid_until is null or $3 < valid_until)"#,
        tenant.0,
        person.0,
        day,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
