//! Givers with their readiness and terms.

use chrono::{DateTime, Utc};
use kith_platform::db::{Tx, changed_one};
use kith_platform::error::{Common, Error, Result};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;

use super::{outward_code, texts, words};
use crate::domain::giver::{Deal, Giver, Readiness, ReadinessRecord, Status, Terms};
use crate::domain::place::OutwardCode;
use crate::domain::suggestion::Candidate;
use crate::domain::{CircleId, ReadinessId, Refused, TermsId};

struct GiverRow {
    person_id: Uuid,
    status: String,
    outward_code: String,
    registered_at: DateTime<Utc>,
    version: i64,
}

/// Reads a giver.
pub async fn load(tx: &mut Tx, person: PersonId) -> Result<Option<Giver>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        GiverRow,
        "select person_id, status, outward_code, registered_at, version
         from giver where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Reads a giver and locks them until the transaction ends.
pub async fn load_for_update(tx: &mut Tx, person: PersonId) -> Result<Option<Giver>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        GiverRow,
        "select person_id, status, outward_code, registered_at, version
         from giver where tenant_id = $1 and person_id = $2 for update",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Lists givers, oldest first; one more than the page holds.
pub async fn list(tx: &mut Tx, page: &Page<(DateTime<Utc>, Uuid)>) -> Result<Vec<Giver>> {
    let tenant = tx.tenant();
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        GiverRow,
        "select person_id, status, outward_code, registered_at, version from giver
         where tenant_id = $1 and ($2::timestamptz is null or (registered_at, person_id) > ($2, $3))
         order by registered_at, person_id limit $4",
        tenant.0,
        after_time,
        after_id,
        page.limit(),
    )
    .fetch_all(tx.conn())
    .await?;
    complete(tx, rows).await
}

/// Adds readiness and terms to rows of `giver`, with one query each however many givers there are.
async fn complete(tx: &mut Tx, rows: Vec<GiverRow>) -> Result<Vec<Giver>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.person_id).collect();
    let mut givers = Vec::with_capacity(rows.len());
    for row in rows {
        givers.push(Giver {
            person_id: PersonId(row.person_id),
            status: words::status(&row.status, row.person_id)?,
            outward_code: outward_code(&row.outward_code, "giver", row.person_id)?,
            registered_at: row.registered_at,
            readiness: Vec::new(),
            terms: Vec::new(),
            version: row.version,
        });
    }
    if givers.is_empty() {
        return Ok(givers);
    }
    let readiness = sqlx::query!(
        "select id, person_id, ready, valid_from, valid_until, recorded_by, occurred_at from giver_readiness
         where tenant_id = $1 and person_id = any($2) order by occurred_at, recorded_at, id",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let terms = sqlx::query!(
        "select id, person_id, valid_from, circle_id, contribution_rule, hourly_rate_pence, unpaid_intent
         from giver_terms where tenant_id = $1 and person_id = any($2) order by valid_from",
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    for giver in &mut givers {
        for row in readiness.iter().filter(|row| row.person_id == giver.person_id.0) {
            giver.readiness.push(ReadinessRecord {
                id: ReadinessId(row.id),
                readiness: Readiness {
                    ready: row.ready,
                    valid_from: row.valid_from,
                    valid_until: row.valid_until,
                },
                recorded_by: PersonId(row.recorded_by),
                occurred_at: row.occurred_at,
            });
        }
        for row in terms.iter().filter(|row| row.person_id == giver.person_id.0) {
            let deal =
                match (&row.unpaid_intent, row.circle_id, &row.contribution_rule, row.hourly_rate_pence) {
                    (Some(intent), None, None, None) => Deal::Unpaid(words::intent(intent, row.id)?),
                    (None, Some(circle), Some(rule), Some(pence)) => Deal::Paid {
                        circle_id: CircleId(circle),
                        contribution_rule: rule.clone(),
                        hourly_rate_pence: pence,
                    },
                    _ => {
                        return Err(Error::Inconsistent {
                            table: "giver_terms",
                            row: row.id.to_string(),
                            problem: "it is neither paid nor unpaid".into(),
                        });
                    }
                };
            giver.terms.push(Terms { id: TermsId(row.id), valid_from: row.valid_from, deal });
        }
    }
    Ok(givers)
}

/// How somebody gives support who is a giver.
pub async fn status_of(tx: &mut Tx, person: PersonId) -> Result<Status> {
    let tenant = tx.tenant();
    let word = sqlx::query_scalar!(
        "select status from giver where tenant_id = $1 and person_id = $2",
        tenant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    words::status(&word, person)
}

/// Reads what ranking needs of the givers in these places.
pub async fn candidates_in(tx: &mut Tx, places: &[OutwardCode]) -> Result<Vec<Candidate>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select g.person_id, g.status, g.outward_code, g.registered_at,
             r.ready as "ready?", r.valid_from as "ready_from?", r.valid_until as "ready_until?"
         from giver g
         left join lateral (
             select ready, valid_from, valid_until from giver_readiness
             where tenant_id = $1 and person_id = g.person_id
             order by occurred_at desc, recorded_at desc, id desc limit 1
         ) r on true
         where g.tenant_id = $1 and g.outward_code = any($2)"#,
        tenant.0,
        &texts(places)
    )
    .fetch_all(tx.conn())
    .await?;
    let mut candidates = Vec::with_capacity(rows.len());
    for row in rows {
        let readiness = row.ready.zip(row.ready_from);
        candidates.push(Candidate {
            person_id: PersonId(row.person_id),
            status: words::status(&row.status, row.person_id)?,
            outward_code: outward_code(&row.outward_code, "giver", row.person_id)?,
            registered_at: row.registered_at,
            readiness: readiness.map(|(ready, valid_from)| Readiness {
                ready,
                valid_from,
                valid_until: row.ready_until,
            }),
        });
    }
    Ok(candidates)
}

/// Writes a new giver. Somebody who registers twice at the same moment is registered once.
pub async fn insert(tx: &mut Tx, giver: &Giver) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into giver (tenant_id, person_id, status, outward_code, registered_at, recorded_at, version)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        giver.person_id.0,
        words::status_word(giver.status),
        giver.outward_code.as_str(),
        giver.registered_at,
        now,
        giver.version,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "giver_pk", || Common::Contended))?;
    Ok(())
}

/// Raises a giver's version; somebody else's change in between is refused.
async fn touch(tx: &mut Tx, giver: &mut Giver) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "update giver set version = version + 1 where tenant_id = $1 and person_id = $2 and version = $3",
        tenant.0,
        giver.person_id.0,
        giver.version
    )
    .execute(tx.conn())
    .await?;
    changed_one(&changed)?;
    giver.version += 1;
    Ok(())
}

/// Adds a finding about readiness.
pub async fn add_readiness(tx: &mut Tx, giver: &mut Giver, record: &ReadinessRecord) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "insert into giver_readiness
             (tenant_id, id, person_id, ready, valid_from, valid_until, recorded_by, occurred_at, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        record.id.0,
        giver.person_id.0,
        record.readiness.ready,
        record.readiness.valid_from,
        record.readiness.valid_until,
        record.recorded_by.0,
        record.occurred_at,
        now,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| {
        Error::on_constraint(error, "giver_readiness_never_ones_own", || Refused::OwnReadiness)
    })?;
    touch(tx, giver).await
}

/// Adds the terms that the giver has just stated under that id. An id that another giver's terms have is refused.
pub async fn add_terms(
    tx: &mut Tx,
    giver: &mut Giver,
    terms: &Terms,
    occurred_at: DateTime<Utc>,
) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let (circle, rule, pence, intent) = match &terms.deal {
        Deal::Paid { circle_id, contribution_rule, hourly_rate_pence } => {
            (Some(circle_id.0), Some(contribution_rule.as_str()), Some(*hourly_rate_pence), None)
        }
        Deal::Unpaid(intent) => (None, None, None, Some(words::intent_word(*intent))),
    };
    sqlx::query!(
        "insert into giver_terms (tenant_id, id, person_id, valid_from, circle_id, contribution_rule,
             hourly_rate_pence, unpaid_intent, occurred_at, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tenant.0,
        terms.id.0,
        giver.person_id.0,
        terms.valid_from,
        circle,
        rule,
        pence,
        intent,
        occurred_at,
        now,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| Error::on_constraint(error, "giver_terms_pk", || Common::IdExists))?;
    touch(tx, giver).await
}
