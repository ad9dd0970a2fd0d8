//! What finance knows of the others: Teams, Circles with their finance hats, givers' terms.

use chrono::NaiveDate;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::{PersonId, Uuid};
use serde::Deserialize;

use crate::domain::settlement::{Terms, TermsKind};
use crate::domain::{CircleId, TeamId};

/// A Team as far as finance is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Team {
    /// The Owner.
    pub owner: PersonId,
    /// The Circle that it belongs to.
    pub circle_id: CircleId,
}

/// Someone's wearing of the finance hat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinanceHat {
    /// Which holding.
    pub holding_id: Uuid,
    /// Who.
    pub person: PersonId,
    /// First day of the term.
    pub valid_from: NaiveDate,
    /// First day after the term.
    pub valid_until: NaiveDate,
}

/// Notes a Team.
pub async fn note_team(tx: &mut Tx, team_id: TeamId, team: Team) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into team (tenant_id, team_id, owner_person_id, circle_id) values ($1, $2, $3, $4)
         on conflict (tenant_id, team_id)
         do update set owner_person_id = excluded.owner_person_id, circle_id = excluded.circle_id",
        tenant.0,
        team_id.0,
        team.owner.0,
        team.circle_id.0
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A Team, where it is known.
pub async fn team(tx: &mut Tx, team_id: TeamId) -> Result<Option<Team>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select owner_person_id, circle_id from team where tenant_id = $1 and team_id = $2",
        tenant.0,
        team_id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Team { owner: PersonId(row.owner_person_id), circle_id: CircleId(row.circle_id) }))
}

/// The Owners of some Teams.
pub async fn owners_of(tx: &mut Tx, teams: &[TeamId]) -> Result<Vec<PersonId>> {
    let tenant = tx.tenant();
    let teams: Vec<Uuid> = teams.iter().map(|team| team.0).collect();
    let owners = sqlx::query_scalar!(
        "select distinct owner_person_id from team where tenant_id = $1 and team_id = any($2)",
        tenant.0,
        &teams
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(owners.into_iter().map(PersonId).collect())
}

/// Notes a Circle and who wears, wore and will wear its finance hat.
pub async fn note_circle(tx: &mut Tx, circle_id: CircleId, hats: &[FinanceHat]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into circle (tenant_id, circle_id) values ($1, $2) on conflict do nothing",
        tenant.0,
        circle_id.0
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from finance_hat where tenant_id = $1 and circle_id = $2", tenant.0, circle_id.0)
        .execute(tx.conn())
        .await?;
    let holdings: Vec<Uuid> = hats.iter().map(|hat| hat.holding_id).collect();
    let people: Vec<Uuid> = hats.iter().map(|hat| hat.person.0).collect();
    let from: Vec<NaiveDate> = hats.iter().map(|hat| hat.valid_from).collect();
    let until: Vec<NaiveDate> = hats.iter().map(|hat| hat.valid_until).collect();
    sqlx::query!(
        "insert into finance_hat (tenant_id, holding_id, circle_id, person_id, valid_from, valid_until)
         select $1, holding_id, $2, person_id, valid_from, valid_until
         from unnest($3::uuid[], $4::uuid[], $5::date[], $6::date[])
             as hat (holding_id, person_id, valid_from, valid_until)",
        tenant.0,
        circle_id.0,
        &holdings,
        &people,
        &from,
        &until
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a Circle is known.
pub async fn has_circle(tx: &mut Tx, circle_id: CircleId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists(select from circle where tenant_id = $1 and circle_id = $2) as "found!""#,
        tenant.0,
        circle_id.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// Whether a person wears the finance hat on a day: of a Circle, or of any where none is named.
pub async fn wears_finance_hat(
    tx: &mut Tx,
    circle_id: Option<CircleId>,
    person: PersonId,
    day: NaiveDate,
) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select exists(
               select from finance_hat
               where tenant_id = $1 and person_id = $2 and ($3::uuid is null or circle_id = $3)
                 and valid_from <= $4 and $4 < valid_until) as "found!""#,
        tenant.0,
        person.0,
        circle_id.map(Uuid::from),
        day
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// Notes all terms of a giver, oldest first.
pub async fn note_terms(tx: &mut Tx, giver: PersonId, terms: &[Terms]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from giver_terms where tenant_id = $1 and giver_person_id = $2", tenant.0, giver.0)
        .execute(tx.conn())
        .await?;
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for terms in terms {
        let (kind, circle_id, rule_name, hourly_rate) = match &terms.kind {
            TermsKind::Paid { circle_id, rule_name, hourly_rate_pence } => {
                ("paid", Some(circle_id.0), Some(rule_name.clone()), Some(*hourly_rate_pence))
            }
            TermsKind::Save => ("save", None, None, None),
            TermsKind::Gift => ("gift", None, None, None),
        };
        columns.0.push(terms.valid_from);
        columns.1.push(kind.to_owned());
        columns.2.push(circle_id);
        columns.3.push(rule_name);
        columns.4.push(hourly_rate);
    }
    sqlx::query!(
        "insert into giver_terms
             (tenant_id, giver_person_id, place, valid_from, kind, circle_id, rule_name, hourly_rate)
         select $1, $2, place, valid_from, kind, circle_id, rule_name, hourly_rate
         from unnest($3::date[], $4::text[], $5::uuid[], $6::text[], $7::bigint[])
             with ordinality as terms (valid_from, kind, circle_id, rule_name, hourly_rate, place)",
        tenant.0,
        giver.0,
        &columns.0,
        &columns.1,
        &columns.2 as &[Option<Uuid>],
        &columns.3 as &[Option<String>],
        &columns.4 as &[Option<i64>]
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Debug, Deserialize)]
pub(super) struct TermsRow {
    pub giver_person_id: Uuid,
    valid_from: NaiveDate,
    kind: String,
    circle_id: Option<Uuid>,
    rule_name: Option<String>,
    hourly_rate: Option<i64>,
}

impl TryFrom<TermsRow> for Terms {
    type Error = Error;

    fn try_from(row: TermsRow) -> Result<Self> {
        let kind = match (row.kind.as_str(), row.circle_id, row.rule_name, row.hourly_rate) {
            ("paid", Some(circle_id), Some(rule_name), Some(hourly_rate_pence)) => {
                TermsKind::Paid { circle_id: CircleId(circle_id), rule_name, hourly_rate_pence }
            }
            ("save", ..) => TermsKind::Save,
            ("gift", ..) => TermsKind::Gift,
            _ => {
                return Err(Error::Inconsistent {
                    table: "giver_terms",
                    row: row.giver_person_id.to_string(),
                    problem: format!("kind {} does not fit", row.kind),
                });
            }
        };
        Ok(Self { valid_from: row.valid_from, kind })
    }
}

/// All terms of a giver, oldest first.
pub async fn terms(tx: &mut Tx, giver: PersonId) -> Result<Vec<Terms>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        TermsRow,
        "select giver_person_id, valid_from, kind, circle_id, rule_name, hourly_rate from giver_terms
         where tenant_id = $1 and giver_person_id = $2 order by place",
        tenant.0,
        giver.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Terms::try_from).collect()
}
