//! Contribution rules: founding ones by the administrator, later ones by the Circle's decisions.

use chrono::NaiveDate;
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::page::Page;
use kith_platform::people;
use kith_proto::common::v1::OrganisationRole;

use super::settlement;
use super::standing::require_for_circle;
use crate::domain::contribution::Mode;
use crate::domain::rule::Rule;
use crate::domain::{CircleId, DecisionId, Refused, RuleId};
use crate::policy::Action;
use crate::store;
use crate::store::settlement::Arrived;

/// Adds a founding rule.
#[derive(Clone, Debug)]
pub struct AddFounding {
    pub id: Option<RuleId>,
    pub circle_id: CircleId,
    pub name: String,
    pub effective_from: NaiveDate,
    pub mode: Mode,
}

/// Adds a founding rule while the tenant is being set up. The same client-made id with the same content answers the
/// rule that exists, later too.
pub async fn add_founding(tx: &mut Tx, command: AddFounding) -> Result<Rule> {
    let person = tx.person()?;
    let is_administrator = people::holds(tx, person, OrganisationRole::Administrator).await?;
    let standing = Standing::new().with("anyone", true).with("administrator", is_administrator);
    let id = command.id.unwrap_or_else(|| tx.new_id());
    tx.require(Action::AddFoundingRule, Subject::of("rule", id), &standing)?;
    let rule = Rule {
        id,
        circle_id: command.circle_id,
        name: command.name,
        effective_from: command.effective_from,
        revoked_from: None,
        mode: command.mode,
        decision_id: None,
    };
    store::ledger::lock_books(tx).await?;
    if let Some(existing) = store::rule::find(tx, id).await? {
        return if existing == rule { Ok(existing) } else { Err(Common::IdExists.into()) };
    }
    if !tx.place()?.preparing {
        return Err(Refused::NotPreparing.into());
    }
    if !store::known::has_circle(tx, rule.circle_id).await? {
        return Err(Error::NotFound("circle"));
    }
    store::rule::insert(tx, &rule).await?;
    applied_from_now(tx, &rule).await?;
    Ok(rule)
}

/// Lists the rules of a Circle by name and date, with the token of the next page.
pub async fn list(
    tx: &mut Tx,
    (circle_id, page): (CircleId, Page<store::rule::Key>),
) -> Result<(Vec<Rule>, String)> {
    require_for_circle(tx, Action::ListRules, circle_id).await?;
    let mut rules = store::rule::page(tx, circle_id, &page).await?;
    let next = page.cut(&mut rules, |rule| (rule.name.clone(), rule.effective_from, rule.id.0));
    Ok((rules, next))
}

/// What a Circle's decision says about a rule.
#[derive(Clone, Debug)]
pub struct Mandate {
    pub id: RuleId,
    pub decision_id: DecisionId,
    pub circle_id: CircleId,
    pub name: String,
    pub effective_from: NaiveDate,
    pub mode: Mode,
    pub revoked_from: Option<NaiveDate>,
}

/// Makes a decision's rule, or dates its end: from then on the earlier rule governs again. What is posted stays.
pub async fn mandate(tx: &mut Tx, mandate: Mandate) -> Result<()> {
    store::ledger::lock_books(tx).await?;
    let rule = Rule {
        id: mandate.id,
        circle_id: mandate.circle_id,
        name: mandate.name,
        effective_from: mandate.effective_from,
        revoked_from: mandate.revoked_from,
        mode: mandate.mode,
        decision_id: Some(mandate.decision_id),
    };
    match store::rule::find(tx, rule.id).await? {
        None => store::rule::insert(tx, &rule).await?,
        Some(existing) if existing.revoked_from == rule.revoked_from => return Ok(()),
        Some(_) => store::rule::set_revoked_from(tx, rule.id, rule.revoked_from).await?,
    }
    applied_from_now(tx, &rule).await
}

/// Settles what waited for the rule, and lists what was settled under another rule than the one that now governs.
async fn applied_from_now(tx: &mut Tx, rule: &Rule) -> Result<()> {
    settlement::settle_waiting(tx, Arrived::Rule).await?;
    settlement::compare_with_rules(tx, rule.circle_id, &rule.name, rule.effective_from).await
}
