//! Recording, reading and listing decisions.

use chrono::{DateTime, Utc};
use kith_platform::authz::Subject;
use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::id::Uuid;
use kith_platform::page::Page;

use super::{proposal, reach, standing};
use crate::domain::decision::{self, Decision, Stamp};
use crate::domain::{CircleId, DecisionId, ProposalId};
use crate::events;
use crate::policy::Action;
use crate::store;

/// Records the decision once every member has consented to the version in force; recorded again, it answers the one
/// that exists.
pub async fn record(tx: &mut Tx, id: ProposalId) -> Result<Decision> {
    let (mut proposal, circle) = proposal::open(tx, id, Action::RecordDecision).await?;
    if let Some(decision) = proposal.decision {
        return store::decision::load(tx, decision).await?.ok_or(Error::NotFound("decision"));
    }
    let effect = proposal.in_force.content.effect.clone();
    let mut named = proposal::load_named(tx, effect.as_ref(), true).await?;
    let reach = reach(tx)?;
    let stamp = Stamp { decision: tx.new_id(), mandate: tx.new_id(), at: tx.now() };
    let recorded = decision::record(&mut proposal, &circle, named.as_mut(), reach, stamp)?;
    let decision = recorded.ok_or(Error::NotFound("decision"))?;
    store::decision::insert(tx, &decision).await?;
    store::proposal::save_state(tx, &mut proposal).await?;
    events::tell_recorded(tx, &decision);
    if let Some(earlier) = &named {
        store::decision::revoke(tx, earlier, decision.id).await?;
        events::tell_revoked(tx, earlier);
    }
    Ok(decision)
}

/// Answers a decision to anybody of the tenant.
pub async fn get(tx: &mut Tx, id: DecisionId) -> Result<Decision> {
    let decision = store::decision::load(tx, id).await?.ok_or(Error::NotFound("decision"))?;
    let standing = standing(tx, None, None).await?;
    tx.require(Action::GetDecision, Subject::of("decision", id), &standing)?;
    Ok(decision)
}

/// Which decisions are listed.
#[derive(Clone, Debug)]
pub struct List {
    pub circle: CircleId,
    pub page: Page<(DateTime<Utc>, Uuid)>,
}

/// Lists the decisions of a Circle for anybody of the tenant, with the token of the next page.
pub async fn list(tx: &mut Tx, query: List) -> Result<(Vec<Decision>, String)> {
    let circle = store::circle::load(tx, query.circle).await?.ok_or(Error::NotFound("circle"))?;
    let standing = standing(tx, Some(&circle), None).await?;
    tx.require(Action::ListDecisions, Subject::of("circle", circle.id), &standing)?;
    let mut decisions = store::decision::list(tx, circle.id, &query.page).await?;
    let next = query.page.cut(&mut decisions, |decision| (decision.decided_at, decision.id.0));
    Ok((decisions, next))
}
