//! What governs what visits come to, as finance has heard it: read together, in one statement.

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

/// What there is about these visits: their newest settlements, their Teams' fundings, their givers' terms, and the rules that
/// those name.
pub async fn about(tx: &mut Tx, visits: &[Visit]) -> Result<Heard> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.id.0).collect();
    let teams: Vec<Uuid> = visits.iter().map(|visit| visit.team_id.0).collect();
    let givers: Vec<Uuid> = visits.iter().map(|visit| visit.giver.0).collect();
    let row = sqlx::query!(
        r#"with terms as materialized (
             select giver_person_id, place, valid_from, kind, circle_id, rule_name, hourly_rate from giver_terms
             where tenant_id = $1 and giver_person_id = any($4)
         )
         select
             (select coalesce(json_agg(newest), '[]') from (
                 select distinct on (settlement.visit_id) settlement.visit_id, settlement.settlement_no,
                     reversal.visit_id is null as stands
                 from settlement
                 left join settlement_reversal reversal on reversal.tenant_id = settlement.tenant_id
                     and reversal.visit_id = settlement.visit_id and reversal.settlement_no = settlement.settlement_no
                 where settlement.tenant_id = $1 and settlement.visit_id = any($2)
                 order by settlement.visit_id, settlement.settlement_no desc) as newest
             ) as "newest!: Json<Vec<NewestRow>>",
             (select coalesce(json_agg(share), '[]') from (
                 select funding.id, funding.team_id, funding.valid_from, share.payer_id, share.share_bp
                 from funding
                 join funding_share share on share.tenant_id = funding.tenant_id and share.funding_id = funding.id
                 where funding.tenant_id = $1 and funding.team_id = any($3)
                 order by funding.added, share.place) as share
             ) as "shares!: Json<Vec<ShareRow>>",
             (select coalesce(json_agg(terms order by terms.place), '[]') from terms) as "terms!: Json<Vec<TermsRow>>",
             (select coalesce(json_agg(rule), '[]') from (
                 select id, circle_id, name, effective_from, revoked_from, mode, added_bp, deducted_bp, share_bp,
                     decision_id
                 from contribution_rule
                 where tenant_id = $1 and (circle_id, name) in (select terms.circle_id, terms.rule_name from terms)
                 order by effective_from, id) as rule
             ) as "rules!: Json<Vec<rule::Row>>""#,
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
