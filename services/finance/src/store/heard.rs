//! What governs what visits come to, as finance has heard it: read together, with the books locked.

use std::collections::HashMap;

use kith_platform::db::Tx;
use kith_platform::error::Result;
use kith_platform::id::{PersonId, Uuid};
use serde::Deserialize;
use sqlx::types::Json;

use super::funding::{self, ShareRow};
use super::known::TermsRow;
use super::rule;
use crate::domain::funding::Funding;
use crate::domain::rule::Rule;
use crate::domain::settlement::{Known, Newest, Terms, Visit};
use crate::domain::{TeamId, VisitId};

/// What was heard about some visits.
#[derive(Debug)]
pub struct Heard {
    newest: HashMap<VisitId, Newest>,
    fundings: HashMap<TeamId, Vec<Funding>>,
    terms: HashMap<PersonId, Vec<Terms>>,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct NewestRow {
    visit_id: Uuid,
    settlement_no: i64,
    stands: bool,
}

impl Heard {
    /// The newest settlement of a visit, whether it stands or was taken back.
    pub fn newest(&self, visit: VisitId) -> Option<Newest> {
        self.newest.get(&visit).copied()
    }

    /// What governs a visit.
    pub fn known(&self, visit: &Visit) -> Known<'_> {
        Known {
            fundings: self.fundings.get(&visit.team_id).map_or(&[], Vec::as_slice),
            terms: self.terms.get(&visit.giver).map_or(&[], Vec::as_slice),
            rules: &self.rules,
        }
    }
}

/// Locks the books and answers what there is about these visits: their newest settlements, their Teams' fundings, their givers'
/// terms, and the rules that those name.
pub async fn about(tx: &mut Tx, visits: &[Visit]) -> Result<Heard> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.id.0).collect();
    let teams: Vec<Uuid> = visits.iter().map(|visit| visit.team_id.0).collect();
    let givers: Vec<Uuid> = visits.iter().map(|visit| visit.giver.0).collect();
    let row = sqlx::query!(
        r#"select newest as "newest!: Json<Vec<NewestRow>>", shares as "shares!: Json<Vec<ShareRow>>",
             terms as "terms!: Json<Vec<TermsRow>>", rules as "rules!: Json<Vec<rule::Row>>"
         from heard_under_lock($1, $2, $3, $4)"#,
        tenant.0,
        &ids,
        &teams,
        &givers
    )
    .fetch_one(tx.conn())
    .await?;
    let newest =
        row.newest.0.into_iter().map(|row| {
            (VisitId(row.visit_id), Newest { settlement_no: row.settlement_no, stands: row.stands })
        });
    let mut heard = Heard {
        newest: newest.collect(),
        fundings: HashMap::new(),
        terms: HashMap::new(),
        rules: row.rules.0.into_iter().map(Rule::try_from).collect::<Result<_>>()?,
    };
    for funding in funding::together(row.shares.0)? {
        heard.fundings.entry(funding.team_id).or_default().push(funding);
    }
    for row in row.terms.0 {
        let giver = PersonId(row.giver_person_id);
        heard.terms.entry(giver).or_default().push(Terms::try_from(row)?);
    }
    Ok(heard)
}
